"""google.cloud.run.v2.Services, asked by Google's own client."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.sandbox.running import PARENT, WEB, Running, running, template, update, web

State = run_v2.Condition.State
STABLE = "web-00001-aaa"
NAMED = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, web("1.0.0", STABLE)) as started:
        yield started


def test_a_seeded_service_is_ready_and_answers(sandbox: Running) -> None:
    service = sandbox.services.get_service(name=WEB)

    assert not service.reconciling
    assert service.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert [c.type_ for c in service.conditions] == ["RoutesReady", "ConfigurationsReady"]
    assert service.generation == service.observed_generation == 1
    assert f"{WEB}/revisions/{STABLE}" == service.latest_ready_revision
    assert service.latest_created_revision == service.latest_ready_revision
    with urllib.request.urlopen(service.uri) as answer:
        assert answer.headers["X-Sandbox-Revision"] == STABLE


def test_a_service_is_created_listed_and_deleted(sandbox: Running) -> None:
    operation = sandbox.services.create_service(
        parent=PARENT, service=run_v2.Service(template=template("1.1.0")), service_id="zweite"
    )
    assert f"{PARENT}/services/zweite" == operation.metadata.name
    created = sandbox.done(operation)
    listed = [service.name for service in sandbox.services.list_services(parent=PARENT)]
    pids = sandbox.pids()
    request = run_v2.DeleteServiceRequest(name=created.name, etag=created.etag)
    sandbox.done(sandbox.services.delete_service(request=request))

    assert [WEB, created.name] == sorted(listed)
    assert created.traffic_statuses[0].type_.name == LATEST
    assert created.latest_ready_revision.rpartition("/")[2].startswith("zweite-00001-")
    assert sandbox.pids() < pids
    with pytest.raises(exceptions.NotFound):
        sandbox.services.get_service(name=created.name)


def test_a_release_by_tag_moves_traffic_step_by_step(sandbox: Running) -> None:
    sandbox.deploy("1.1.0", "web-1-1-0")
    staged = sandbox.traffic_to({STABLE: 90, "web-1-1-0": 10}, {"kandidat": "web-1-1-0"})
    uri = staged.traffic_statuses[2].uri
    with urllib.request.urlopen(f"{uri}/smoke") as answer:
        tagged = answer.headers["X-Sandbox-Revision"]
    final = sandbox.traffic_to({"web-1-1-0": 100})

    assert tagged == "web-1-1-0"
    assert _statuses(final) == [("web-1-1-0", 100, "")]
    assert [status.uri for status in staged.traffic_statuses[:2]] == ["", ""]
    assert final.generation == final.observed_generation
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(uri)


def test_an_etag_changes_with_what_is_wanted_only(sandbox: Running) -> None:
    first = sandbox.services.get_service(name=WEB).etag
    sandbox.done(update(sandbox, "description", description="neu"))
    second = sandbox.services.get_service(name=WEB).etag
    sandbox.done(update(sandbox, "description", description="neu"))

    assert first != second
    assert second == sandbox.services.get_service(name=WEB).etag


def test_sending_back_what_was_read_changes_nothing(sandbox: Running) -> None:
    service = sandbox.services.get_service(name=WEB)

    after = sandbox.done(sandbox.services.update_service(service=service))

    assert (1, service.etag) == (after.generation, after.etag)


def test_allow_missing_creates_the_service(sandbox: Running) -> None:
    name = f"{PARENT}/services/dritte"
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=name, template=template("1.1.0")), allow_missing=True
    )

    assert name == sandbox.done(sandbox.services.update_service(request=request)).name


def test_a_mask_in_camel_case_is_understood(sandbox: Running) -> None:
    after = sandbox.done(
        update(sandbox, "scaling.minInstanceCount", scaling={"min_instance_count": 2})
    )

    assert (after.scaling.min_instance_count, after.scaling.max_instance_count) == (2, 10)
    assert len(sandbox.pids()) == 2


FAULTY = [
    ("1.2.2-crash", exceptions.FailedPrecondition, "failed to start and listen"),
    ("1.2.3-never-ready", exceptions.FailedPrecondition, "failed to start and listen"),
    ("9.9.9", exceptions.NotFound, "Image '.*9.9.9' not found"),
]


@pytest.mark.parametrize(("tag", "error", "message"), FAULTY, ids=[tag for tag, _, _ in FAULTY])
def test_a_revision_that_never_gets_ready_leaves_traffic_where_it_was(
    sandbox: Running, tag: str, error: type[Exception], message: str
) -> None:
    before = sandbox.services.get_service(name=WEB)
    with pytest.raises(error, match=f"Revision 'web-neu' is not ready .*{message}"):
        sandbox.deploy(tag, "web-neu")
    failed = sandbox.services.get_service(name=WEB)
    repaired = sandbox.traffic_to({STABLE: 100}, {"stabil": STABLE})

    assert failed.terminal_condition.state == State.CONDITION_FAILED
    assert not failed.reconciling
    assert before.traffic_statuses == failed.traffic_statuses
    assert (failed.observed_generation, failed.generation) == (1, 2)
    assert before.latest_ready_revision == failed.latest_ready_revision
    assert f"{WEB}/revisions/web-neu" == failed.latest_created_revision
    assert repaired.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert len(sandbox.pids()) == 1


def test_traffic_to_an_unknown_revision_fails_and_moves_nothing(sandbox: Running) -> None:
    with pytest.raises(exceptions.InternalServerError, match="does not exist or is deleted"):
        sandbox.traffic_to({STABLE: 50, "web-fehlt": 50})

    failed = sandbox.services.get_service(name=WEB)
    assert _statuses(failed) == [(STABLE, 100, "")]
    assert failed.conditions[0].state == State.CONDITION_FAILED


def test_traffic_to_latest_follows_a_deployment(sandbox: Running) -> None:
    sandbox.done(update(sandbox, "traffic", traffic=[]))
    latest = sandbox.services.get_service(name=WEB)
    sandbox.deploy("1.1.0", "web-1-1-0")
    moved = sandbox.services.get_service(name=WEB)

    assert [(t.type_.name, t.revision) for t in latest.traffic] == [(LATEST, "")]
    assert _statuses(latest) == [(STABLE, 100, "")]
    assert _statuses(moved) == [("web-1-1-0", 100, "")]


def test_a_template_without_a_name_gets_one_and_only_if_it_differs(sandbox: Running) -> None:
    wanted = template("1.1.0")
    first = sandbox.done(update(sandbox, "template", template=wanted))
    second = sandbox.done(update(sandbox, "template", template=wanted))

    assert first.latest_created_revision.rpartition("/")[2].startswith("web-00002-")
    assert first.latest_created_revision == second.latest_created_revision


def test_minimum_instances_of_the_service_are_split_by_percent(sandbox: Running) -> None:
    sandbox.done(update(sandbox, "scaling", scaling={"min_instance_count": 2}))
    sandbox.deploy("1.1.0", "web-1-1-0")
    counts = []
    for percent in (10, 50, 100):
        sandbox.traffic_to(
            {STABLE: 100 - percent, "web-1-1-0": percent} if percent < 100 else {"web-1-1-0": 100}
        )
        pools = sandbox.fleet.running()
        counts.append(
            tuple(pools[f"{WEB}/revisions/{name}"].minimum for name in (STABLE, "web-1-1-0"))
        )

    assert counts == [(2, 1), (1, 1), (0, 2)]


def test_minimum_instances_of_a_revision_run_while_it_is_tagged(sandbox: Running) -> None:
    wanted = {**template("1.1.0", "web-1-1-0"), "scaling": {"min_instance_count": 2}}
    traffic = [
        {"type_": NAMED, "revision": STABLE, "percent": 100},
        {"type_": NAMED, "revision": "web-1-1-0", "tag": "kandidat"},
    ]
    sandbox.done(update(sandbox, "template", "traffic", template=wanted, traffic=traffic))
    pool = sandbox.fleet.running()[f"{WEB}/revisions/web-1-1-0"]
    tagged = len(pool.pids)
    sandbox.traffic_to({STABLE: 100})

    assert tagged == 2
    assert pool.minimum == 0


def test_secrets_reach_the_process_by_version_and_nothing_else_sees_them(
    sandbox: Running,
) -> None:
    env = [
        {"name": "APP_REQUIRED_SETTINGS", "value": "APP_TOKEN"},
        {
            "name": "APP_TOKEN",
            "value_source": {"secret_key_ref": {"secret": "DATABASE_URL", "version": "2"}},
        },
    ]
    sandbox.deploy("1.1.0", "web-geheim", env=env)
    after = sandbox.traffic_to({"web-geheim": 100})
    with urllib.request.urlopen(f"{after.uri}/smoke") as answer:
        assert answer.status == 200

    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-geheim")
    assert "postgresql" not in str(revision) + str(after)


def test_a_secret_version_that_is_missing_fails_the_revision(sandbox: Running) -> None:
    source = {"secret_key_ref": {"secret": "DATABASE_URL", "version": "9"}}
    with pytest.raises(exceptions.NotFound, match=r"DATABASE_URL/versions/9"):
        sandbox.deploy("1.1.0", "web-geheim", env=[{"name": "X", "value_source": source}])

    revision = sandbox.revisions.get_revision(name=f"{WEB}/revisions/web-geheim")
    reasons = {condition.reason.name for condition in revision.conditions if condition.reason}
    assert {"SECRETS_ACCESS_CHECK_FAILED"} == reasons


def test_after_a_restart_the_services_serve_as_before(tmp_path: Path) -> None:
    with running(tmp_path, web("1.0.0", STABLE, 2)) as sandbox:
        sandbox.deploy("1.1.0", "web-1-1-0")
        before = sandbox.traffic_to({STABLE: 50, "web-1-1-0": 50}, {"neu": "web-1-1-0"})
        with pytest.raises(exceptions.NotFound):
            sandbox.deploy("9.9.9", "web-kaputt")

    with running(tmp_path, web("1.0.0", STABLE, 2)) as sandbox:
        after = sandbox.services.get_service(name=WEB)
        pids = sandbox.pids()
        with urllib.request.urlopen(f"{after.traffic_statuses[2].uri}/healthz") as answer:
            assert answer.headers["X-Sandbox-Revision"] == "web-1-1-0"

    assert _statuses(before) == _statuses(after)
    assert before.uid == after.uid
    assert after.terminal_condition.state == State.CONDITION_FAILED
    assert len(pids) == 2


def test_lists_come_in_pages(sandbox: Running) -> None:
    for number in range(2):
        service = run_v2.Service(template=template("9.9.9"))
        sandbox.services.create_service(parent=PARENT, service=service, service_id=f"s{number}")

    pages = list(sandbox.services.list_services(request={"parent": PARENT, "page_size": 2}).pages)

    assert [len(page.services) for page in pages] == [2, 1]


def _statuses(service: run_v2.Service) -> list[tuple[str, int, str]]:
    return [(s.revision, s.percent, s.tag) for s in service.traffic_statuses]


def test_a_manual_scaling_is_exact_at_once_and_with_none_the_service_is_off(
    sandbox: Running,
) -> None:
    mode = run_v2.ServiceScaling.ScalingMode.MANUAL
    counts = []
    for count in (3, 1, 0):
        scaling = {"scaling_mode": mode, "manual_instance_count": count}
        sandbox.done(update(sandbox, "scaling", scaling=scaling))
        counts.append(len(sandbox.pids()))
    uri = sandbox.services.get_service(name=WEB).uri
    with pytest.raises(urllib.error.HTTPError) as off:
        urllib.request.urlopen(uri)
    off.value.close()
    sandbox.done(update(sandbox, "scaling", scaling={"min_instance_count": 1}))

    assert ([3, 1, 0], 503) == (counts, off.value.code)
    with urllib.request.urlopen(uri) as answer:
        assert (200, 1) == (answer.status, len(sandbox.pids()))
