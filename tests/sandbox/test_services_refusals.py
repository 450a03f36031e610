"""What google.cloud.run.v2.Services refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.sandbox.running import IMAGE, PARENT, WEB, Running, running, template, update, web

STABLE = "web-00001-aaa"
NAMED = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
Traffic = list[dict[str, Any]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """For refusals, which change nothing."""
    with running(tmp_path_factory.mktemp("shared"), web("1.0.0", STABLE)) as started:
        yield started


def test_an_old_etag_is_a_conflict_and_changes_nothing(shared: Running) -> None:
    before = shared.services.get_service(name=WEB)

    with pytest.raises(exceptions.Aborted, match="Conflict for resource 'web'"):
        update(shared, "description", description="neu", etag='"veraltet"')
    with pytest.raises(exceptions.Aborted):
        shared.services.delete_service(request={"name": WEB, "etag": '"veraltet"'})

    assert before == shared.services.get_service(name=WEB)


@pytest.mark.parametrize(
    "change",
    [
        {"template": {"revision": STABLE, "containers": [{"image": f"{IMAGE}:1.1.0"}]}},
        {"scaling": {"min_instance_count": 3}},
        {"traffic": [{"type_": LATEST, "percent": 100}]},
    ],
    ids=["template", "scaling", "traffic"],
)
@pytest.mark.parametrize("masked", [True, False])
def test_sending_back_the_old_revision_name_is_a_conflict(
    shared: Running, change: dict[str, Any], masked: bool
) -> None:
    service = shared.services.get_service(name=WEB)
    for field, value in change.items():
        setattr(service, field, value)

    with pytest.raises(exceptions.Conflict, match="with different configuration already exists"):
        shared.services.update_service(
            service=service, update_mask={"paths": list(change)} if masked else None
        )


def test_changing_part_of_a_template_keeps_its_old_name_and_is_a_conflict(shared: Running) -> None:
    with pytest.raises(exceptions.Conflict, match=f"Revision named '{STABLE}'"):
        update(shared, "template.containers", template=template("1.1.0"))


BAD_TRAFFIC: list[tuple[str, Traffic]] = [
    ("sum up to 100, but are 90", [{"type_": NAMED, "revision": STABLE, "percent": 90}]),
    (
        "sum up to 100, but are 110",
        [
            {"type_": NAMED, "revision": STABLE, "percent": 100},
            {"type_": LATEST, "percent": 10},
        ],
    ),
    (
        "not within",
        [
            {"type_": NAMED, "revision": STABLE, "percent": 110},
            {"type_": LATEST, "percent": -10},
        ],
    ),
    ("needs a revision", [{"type_": NAMED, "percent": 100}]),
    ("must not name", [{"type_": LATEST, "revision": STABLE, "percent": 100}]),
    ("type: must be set", [{"revision": STABLE, "percent": 100}]),
    ("tag: 'Groß'", [{"type_": LATEST, "percent": 100, "tag": "Groß"}]),
    (
        "used more than once",
        [
            {"type_": LATEST, "percent": 100, "tag": "neu"},
            {"type_": NAMED, "revision": STABLE, "tag": "neu"},
        ],
    ),
]


@pytest.mark.parametrize(("message", "traffic"), BAD_TRAFFIC, ids=[m for m, _ in BAD_TRAFFIC])
def test_traffic_that_is_not_possible_is_refused(
    shared: Running, message: str, traffic: Traffic
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=message):
        update(shared, "traffic", traffic=traffic)


@pytest.mark.parametrize("service_id", ["Web", "1web", "web-", "w_b", "", "w" * 50])
def test_a_service_name_that_is_no_label_is_refused(shared: Running, service_id: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        shared.services.create_service(
            parent=PARENT, service=run_v2.Service(template=template("1.1.0")), service_id=service_id
        )


@pytest.mark.parametrize("revision", ["other-1", "web", "web-A", "web-a-", f"web-{'a' * 60}"])
def test_a_revision_name_must_begin_with_the_service(shared: Running, revision: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=r"template\.revision"):
        update(shared, "template", template=template("1.1.0", revision))


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        (["nonsense"], {}),
        (["template"], {}),
        ([], {}),
        (["scaling"], {"scaling": {"min_instance_count": 5, "max_instance_count": 2}}),
        (["template"], {"template": template("1.1.0", env=[{"name": "PORT", "value": "1"}])}),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    shared: Running, paths: list[str], fields: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        update(shared, *paths, **fields)


def test_what_is_not_there_is_not_found(shared: Running) -> None:
    name = f"{PARENT}/services/fehlt"
    with pytest.raises(exceptions.NotFound):
        shared.services.update_service(
            service=run_v2.Service(name=name), update_mask={"paths": ["description"]}
        )
    with pytest.raises(exceptions.NotFound):
        shared.services.delete_service(name=name)
    with pytest.raises(exceptions.AlreadyExists):
        shared.services.create_service(
            parent=PARENT, service=run_v2.Service(template=template("1.1.0")), service_id="web"
        )


def test_validate_only_checks_and_changes_nothing(shared: Running) -> None:
    before = shared.services.get_service(name=WEB)
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=WEB, description="nur geprüft"),
        update_mask={"paths": ["description"]},
        validate_only=True,
    )

    answer = shared.done(shared.services.update_service(request=request))

    assert answer.description == "nur geprüft"
    assert before == shared.services.get_service(name=WEB)
