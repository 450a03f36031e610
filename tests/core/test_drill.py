"""Which times a drill recovers, and that nothing stays."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.drill import drill_times, plan_drill
from leitstand.core.recovery import RecoveryWindow

LATEST = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WINDOW = RecoveryWindow(LATEST - timedelta(days=7), LATEST)


@given(share=st.floats(0, 1), ago=st.none() | st.integers(0, 20 * 24))
def test_both_times_lie_in_the_window_and_after_the_last_migration(
    share: float, ago: int | None
) -> None:
    migrated = None if ago is None else LATEST - timedelta(hours=ago)
    times = drill_times(WINDOW, migrated, share)
    assert LATEST == times["newest"]
    assert max(WINDOW.earliest, migrated or WINDOW.earliest) <= times["random"] <= LATEST


def test_every_clone_of_the_drill_is_deleted() -> None:
    times = drill_times(WINDOW, None, 1.0)
    plan = plan_drill(
        times, environment="sandbox", source="projects/p/instances/main", taken=frozenset()
    )
    made = {a.arguments["clone"] for a in plan.actions if a.kind == "sql_clone"}
    gone = {a.target.rsplit("/", 1)[-1] for a in plan.actions if a.kind == "sql_delete"}
    assert made == gone
    assert 2 == len(made)
    assert "main" not in made
