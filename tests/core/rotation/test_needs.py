"""A version stays while anything that may be rolled back to reads it."""

from datetime import timedelta

import pytest

from leitstand.core.rotation.needs import Need, needs_of
from leitstand.core.rotation.types import Revision, ServiceReader
from tests.core.rotation.estate import DAY, NOW, job, revision, service

OLD, NEW = {"key": "1"}, {"key": "2"}
SERVING = revision("web-9", NEW, 100, age=2 * DAY)


def needs(
    *services: ServiceReader, keep: timedelta = DAY, pins: str = "2"
) -> list[tuple[str, str, bool]]:
    found = needs_of(
        "key", services, (job("migrate", {"key": pins}),), {"services.web": frozenset({pins})},
        keep=keep, now=NOW,
    )  # fmt: skip
    return [(n.holder, n.reason, n.until is None) for n in found if n.version == 1]


@pytest.mark.parametrize(
    ("name", "older", "expected"),
    [
        ("a canary still serves", revision("web-1", OLD, 10), ("traffic", True)),
        ("a tag keeps it reachable", revision("web-1", OLD, tags=("alt",)), ("tag", True)),
        ("the next rollback would choose it", revision("web-1", OLD, image="b"),
         ("rollback", True)),
        ("the same code, long ago", revision("web-1", OLD), None),
        ("it never got ready", revision("web-1", OLD, ready=False, image="b"), None),
    ],
)  # fmt: skip
def test_an_older_revision_needs_its_version(
    name: str, older: Revision, expected: tuple[str, bool] | None
) -> None:
    found = needs(service("web", SERVING, older))
    assert ([("web-1", *expected)] if expected else []) == found, name


def test_any_revision_may_come_back_for_some_hours_after_the_next_one() -> None:
    web = service("web", SERVING, revision("web-1", OLD, age=90 * DAY))
    assert [("web-1", "kept", False)] == needs(web, keep=3 * DAY)
    (need,) = needs_of("key", [web], (), {}, keep=3 * DAY, now=NOW)[1:]
    assert Need("key", 1, "web-1", "kept", NOW + DAY) == need


def test_only_the_newest_release_with_other_code_is_where_a_rollback_goes() -> None:
    web = service(
        "web", SERVING, revision("web-3", NEW, image="b"), revision("web-1", OLD, image="c")
    )
    assert [] == needs(web)


def test_a_revision_that_was_rolled_back_from_counts_only_while_it_is_kept() -> None:
    bad = revision("web-10", OLD, image="b", age=DAY / 2)
    assert [("web-10", "kept", False)] == needs(service("web", bad, SERVING))
    assert [] == needs(service("web", bad, SERVING), keep=timedelta())


def test_jobs_and_the_environment_file_need_what_they_name() -> None:
    expected = [("migrate", "job", True), ("services.web", "file", True)]
    assert expected == needs(service("web", SERVING), pins="1")
