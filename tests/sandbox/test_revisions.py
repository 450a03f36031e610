"""google.cloud.run.v2.Revisions, asked by Google's own client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from leitstand.sandbox.images.catalogue import Catalogue
from tests.sandbox.running import IMAGE, PARENT, WEB, Running, running, web

STABLE = "web-00001-aaa"
STAGING = "projects/leitstand-sandbox-staging/locations/europe-west3/services/web"
RECORDED = {
    "name": f"{STAGING}/revisions/web-00007-xyz",
    "containers": [{"image": f"{IMAGE}@sha256:{'1' * 64}"}],
    "create_time": "2026-11-01T06:00:00Z",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory: Path = tmp_path_factory.mktemp("revisions")
    with running(directory, web("1.0.0", STABLE), recorded=(RECORDED,)) as started:
        started.deploy("1.1.0", "web-1-1-0")
        with pytest.raises(exceptions.FailedPrecondition):
            started.deploy("1.2.2-crash", "web-crash")
        with pytest.raises(exceptions.NotFound):
            started.deploy("9.9.9", "web-unbekannt")
        yield started


def reasons(revision: run_v2.Revision) -> dict[str, str]:
    return {
        condition.type_: condition.revision_reason.name
        for condition in revision.conditions
        if condition.revision_reason
    }


def test_revisions_are_listed_newest_first_and_in_pages(sandbox: Running) -> None:
    pages = list(sandbox.revisions.list_revisions(request={"parent": WEB, "page_size": 3}).pages)
    names = [[r.name.rpartition("/")[2] for r in page.revisions] for page in pages]

    assert names == [["web-unbekannt", "web-crash", "web-1-1-0"], [STABLE]]


def test_a_dash_lists_the_revisions_of_every_service(sandbox: Running) -> None:
    found = sandbox.revisions.list_revisions(parent=f"{PARENT}/services/-")

    assert len(list(found)) == 4


def test_a_revision_holds_its_image_by_digest_and_the_templates_settings(sandbox: Running) -> None:
    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-1-1-0")
    image = Catalogue.load().resolve(f"{IMAGE}:1.1.0")

    assert image.by_digest == revision.containers[0].image
    assert revision.max_instance_request_concurrency == 30
    assert revision.service == "web"


def test_a_failed_health_check_stands_in_the_conditions(sandbox: Running) -> None:
    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-crash")

    expected = "HEALTH_CHECK_CONTAINER_ERROR"
    assert {"Ready": expected, "ContainerHealthy": expected} == reasons(revision)


def test_a_missing_image_stands_in_the_conditions(sandbox: Running) -> None:
    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-unbekannt")

    assert {"CONTAINER_MISSING"} == {c.reason.name for c in revision.conditions if c.reason}


def test_a_revision_without_traffic_and_tag_is_retired(sandbox: Running) -> None:
    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-1-1-0")

    assert reasons(revision)["Active"] == "RETIRED"


def test_a_recorded_revision_is_ready_and_has_no_processes(sandbox: Running) -> None:
    (revision,) = sandbox.revisions.list_revisions(parent=STAGING)

    assert RECORDED["name"] == revision.name
    assert revision.conditions[0].state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert revision.name not in sandbox.fleet.running()


@pytest.mark.parametrize("name", ["web-fehlt", "web/x", ""])
def test_an_unknown_revision_is_refused(sandbox: Running, name: str) -> None:
    with pytest.raises((exceptions.NotFound, exceptions.InvalidArgument)):
        sandbox.revisions.get_revision(name=f"{WEB}/revisions/{name}")


def test_a_serving_or_latest_revision_cannot_be_deleted(sandbox: Running) -> None:
    for name in (STABLE, "web-unbekannt"):
        with pytest.raises(exceptions.FailedPrecondition):
            sandbox.revisions.delete_revision(name=f"{WEB}/revisions/{name}")


def test_an_unused_revision_is_deleted(sandbox: Running) -> None:
    name = f"{WEB}/revisions/web-crash"
    sandbox.done(sandbox.revisions.delete_revision(name=name))

    with pytest.raises(exceptions.NotFound):
        sandbox.revisions.get_revision(name=name)


def test_instances_of_a_retired_revision_end(sandbox: Running) -> None:
    deadline = time.monotonic() + 10
    pool = sandbox.fleet.running()[f"{WEB}/revisions/web-1-1-0"]
    while pool.pids and time.monotonic() < deadline:
        time.sleep(0.02)

    assert pool.pids == ()
