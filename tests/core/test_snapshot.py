"""When Redis may be exported, what the plan holds, and when an export is whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leitstand.configuration import load_environment
from leitstand.core.snapshot import (
    GRANTED_ROLE,
    check_loaded,
    check_situation,
    may_write,
    overdue,
    plan_snapshot,
)
from leitstand.core.snapshot_types import Bucket, Content, Keys, Sampled, Situation, Snapshot

SETTINGS = load_environment("prod").memorystore
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
READY = Situation(
    instance="projects/p/locations/r/instances/main",
    state="READY",
    version="REDIS_7_2",
    identity="serviceAccount:service-1@cloud-redis.iam.gserviceaccount.com",
    under_way=(),
    bucket=Bucket("snapshots", exists=True, closed=True, roles=frozenset({GRANTED_ROLE})),
    source=Content(40, 100, {0: Keys(10, 2)}),
    unread="",
    snapshots=(),
    at=NOW,
)

REFUSED = [
    ("an instance that is changed", "instance_ready", {"state": "UPDATING"}),
    ("another operation", "nothing_under_way", {"under_way": ("export",)}),
    ("no bucket", "bucket_exists", {"bucket": Bucket("snapshots", exists=False)}),
    ("an open bucket", "bucket_closed", {"bucket": Bucket("snapshots", exists=True)}),
    ("too little memory", "memory_free", {"source": Content(51, 100, {})}),
]


@pytest.mark.parametrize(("case", "check", "change"), REFUSED, ids=[case for case, *_ in REFUSED])
def test_an_export_is_refused_for(case: str, check: str, change: dict[str, Any]) -> None:
    checks = check_situation(replace(READY, **change), SETTINGS)
    assert [check] == [one.id for one in checks if not one.passed]


def test_memory_without_a_limit_or_that_was_not_read_refuses_nothing() -> None:
    for source in (None, Content(51, 0, {})):
        checks = check_situation(replace(READY, source=source, unread="Kein Weg."), SETTINGS)
        assert [] == [one.id for one in checks if not one.passed]


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["storage.legacyBucketWriter"], True),
        (["storage.admin"], True),
        (["storage.objectCreator", "storage.legacyBucketReader"], True),
        (["storage.objectAdmin"], False),
        (["storage.legacyBucketReader"], False),
        ([], False),
    ],
)
def test_an_export_needs_to_see_the_bucket_and_to_create_in_it(
    roles: list[str], expected: bool
) -> None:
    assert expected == may_write(frozenset(f"roles/{role}" for role in roles))


def test_a_missing_grant_is_an_action_of_its_own_before_the_export() -> None:
    without = replace(READY, bucket=replace(READY.bucket, roles=frozenset()))
    plan = plan_snapshot(without, SETTINGS, environment="prod", run="r1")
    assert ["bucket_grant", "redis_export"] == [action.kind for action in plan.actions]
    assert (READY.identity, GRANTED_ROLE) == (
        plan.action("grant").arguments["member"],
        plan.action("grant").arguments["role"],
    )
    granted = plan_snapshot(READY, SETTINGS, environment="prod", run="r1")
    assert ["redis_export"] == [action.kind for action in granted.actions]


def test_the_way_back_deletes_the_run_s_own_object_unless_the_bucket_keeps_it() -> None:
    plan = plan_snapshot(READY, SETTINGS, environment="prod", run="r1")
    assert ["main-r1.rdb"] == [action.arguments["object"] for action in plan.way_back]
    kept = replace(READY, bucket=replace(READY.bucket, retention_seconds=60))
    assert () == plan_snapshot(kept, SETTINGS, environment="prod", run="r1").way_back


@pytest.mark.parametrize(
    ("days", "every", "late"),
    [(8, "weekly", False), (9, "weekly", True), (2, "daily", True), (900, "none", False)],
)
def test_a_snapshot_is_overdue_a_quarter_after_its_interval(
    days: int, every: str, late: bool
) -> None:
    last = (Snapshot("x", 1, NOW - timedelta(days=days)),)
    settings = SETTINGS.model_copy(update={"snapshot_export": every})
    assert late == overdue(replace(READY, snapshots=last), settings)


@pytest.mark.parametrize(("every", "late"), [("weekly", True), ("daily", True), ("none", False)])
def test_no_snapshot_at_all_is_overdue_wherever_the_policy_wants_some(
    every: str, late: bool
) -> None:
    assert READY.age is None
    settings = SETTINGS.model_copy(update={"snapshot_export": every})
    assert late == overdue(READY, settings)


@pytest.mark.parametrize(("days", "late"), [(0, False), (8, False), (9, True)])
def test_an_instance_that_was_just_made_needs_no_snapshot_yet(days: int, late: bool) -> None:
    made = replace(READY, created_at=NOW - timedelta(days=days))
    assert late == overdue(made, SETTINGS)


LOADED = [
    ("the same", Keys(100, 5), 100, 100, True),
    ("written meanwhile", Keys(150, 5), 100, 200, True),
    ("within the tolerance", Keys(95, 0), 100, 100, True),
    ("expired keys gone", Keys(100, 0), 100, 100, True),
    ("keys lost", Keys(90, 5), 100, 100, False),
    ("everything lost", Keys(0, 0), 100, 100, False),
    ("strangers inside", Keys(120, 5), 100, 100, False),
    ("more that expire", Keys(100, 50), 100, 100, False),
    ("a queue worked off", Keys(0, 0), 3, 0, True),
]


@pytest.mark.parametrize(
    ("case", "found", "before", "after", "whole"), LOADED, ids=[case for case, *_ in LOADED]
)
def test_a_loaded_export_is_compared_with_its_source(
    case: str, found: Keys, before: int, after: int, whole: bool
) -> None:
    looks = [Content(1, 1, {0: Keys(keys, 5)}) for keys in (before, after)]
    checks = check_loaded({0: found}, looks[0], looks[1], None, 0.05)
    assert whole == all(check.passed for check in checks)


def test_a_database_that_the_export_lacks_is_found() -> None:
    look = Content(1, 1, {0: Keys(9), 3: Keys(50)})
    checks = check_loaded({0: Keys(9)}, look, look, None, 0.05)
    assert [3] == [check.evidence["database"] for check in checks if not check.passed]


def test_without_a_source_only_the_loading_is_proven() -> None:
    assert ["file_loads"] == [
        check.id for check in check_loaded({0: Keys(9)}, None, None, None, 0.05)
    ]


@pytest.mark.parametrize(
    ("sampled", "passed"),
    [(Sampled(100, 5, 0), True), (Sampled(100, 3, 3), False), (Sampled(2, 2, 0), True)],
)
def test_a_sample_may_differ_by_the_tolerance(sampled: Sampled, passed: bool) -> None:
    checks = check_loaded({}, None, None, sampled, 0.05)
    assert passed == checks[-1].passed
