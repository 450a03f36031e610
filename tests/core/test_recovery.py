"""Targets of a recovery, and the plans of a cut-over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.recovery import (
    CutOver,
    Moved,
    NaiveTime,
    OutsideWindow,
    RecoveryWindow,
    check_target,
    clone_name,
    plan_cut_over,
    plan_preparation,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WINDOW = RecoveryWindow(NOW - timedelta(days=7), NOW - timedelta(minutes=1))
SOURCE = "projects/p/instances/main"
WEB = "projects/p/locations/l/services/web"
BEAT = "projects/p/locations/l/services/beat"


@pytest.mark.parametrize(
    "target",
    [
        WINDOW.earliest - timedelta(microseconds=1),
        WINDOW.latest + timedelta(microseconds=1),
        NOW + timedelta(hours=1),
    ],
)
def test_a_target_outside_of_the_window_is_refused(target: datetime) -> None:
    with pytest.raises(OutsideWindow, match="Möglich ist 2026-11-17 12:00:00 bis"):
        check_target(target, WINDOW, NOW)


def test_a_window_that_reaches_into_the_future_allows_no_future_target() -> None:
    ahead = RecoveryWindow(WINDOW.earliest, NOW + timedelta(hours=2))
    with pytest.raises(OutsideWindow):
        check_target(NOW + timedelta(seconds=1), ahead, NOW)


@pytest.mark.parametrize("target", [WINDOW.earliest, WINDOW.latest])
def test_both_ends_of_the_window_can_be_recovered(target: datetime) -> None:
    check_target(target, WINDOW, NOW)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(NaiveTime, match="hat keine Zeitzone"):
        check_target(datetime(2026, 11, 24, 11, 0), WINDOW, NOW)  # noqa: DTZ001


@given(
    taken=st.sets(st.sampled_from([f"main-pitr-20261124-120000{s}" for s in ("", "-2", "-3")])),
    source=st.sampled_from(["main", "a" * 80]),
)
def test_the_name_of_a_clone_is_free_and_valid(taken: set[str], source: str) -> None:
    name = clone_name(source, NOW, frozenset(taken))
    assert name not in taken
    assert len(name) <= 84


def test_the_preparation_changes_nothing_that_the_application_sees() -> None:
    plan = plan_preparation(
        environment="sandbox", source=SOURCE, target=NOW, clone="main-2", run="run"
    )
    assert ["sql_backup", "sql_clone"] == [action.kind for action in plan.actions]
    assert () == plan.way_back


def cut_over() -> CutOver:
    return CutOver(
        source=SOURCE,
        clone="main-2",
        database="app",
        roles=("app",),
        secret="projects/p/secrets/database-url",
        old_version="1",
        new_version="2",
        services=(
            Moved(WEB, "web-2", {"revision": "web-2"}, "web-1"),
            Moved(BEAT, "beat-2", {"revision": "beat-2"}, "beat-1"),
        ),
        paused=((BEAT, {"min_instance_count": 1}), (WEB, {"min_instance_count": 2})),
        settings={"deletion_protection_enabled": True},
    )


def test_nobody_writes_between_the_fence_and_the_first_service_on_the_clone() -> None:
    plan = plan_cut_over(cut_over(), environment="sandbox", directory="/rescue")
    ids = [action.id for action in plan.actions]
    assert [
        "settings", "pause-beat", "pause-web", "fence", "rescue", "secret", "move-web",
        "move-beat", "start-web", "start-beat",
    ] == ids  # fmt: skip
    assert "start-web" == plan.point_of_no_return


def test_the_way_back_leads_to_the_old_instance_before_anyone_works_again() -> None:
    plan = plan_cut_over(cut_over(), environment="sandbox", directory="/rescue")
    ids = [action.id for action in plan.way_back]
    assert ["back-web", "back-beat", "unfence", "restart-beat", "restart-web"] == ids
    assert not plan.returns_by_itself


def test_no_plan_holds_a_url_or_a_password() -> None:
    plan = plan_cut_over(cut_over(), environment="sandbox", directory="/rescue")
    assert "postgres" not in str(plan.as_data())
