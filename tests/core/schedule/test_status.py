"""How a schedule is doing, as a table."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from leitstand.core.schedule.status import Execution, Problem, Seen, State, stand
from leitstand.core.schedule.verdict import Ending, ending_of
from tests.core.schedule.samples import checked, entry

BERLIN = ZoneInfo("Europe/Berlin")
(DAILY,) = checked(entry())  # at 05:15 in Berlin; tolerance one hour, deadline half an hour
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SUCCESS, FINDING, FAILURE = Ending.SUCCESS, Ending.FINDING, Ending.FAILURE


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def seen(*runs: tuple[str, Ending | None], **fields: object) -> Seen:
    executions = tuple(Execution(at(started), ending) for started, ending in runs)
    given = {"job_since": LONG_AGO, "trigger_since": LONG_AGO, **fields}
    return Seen(executions=executions, **given)  # type: ignore[arg-type]  # fields of a table


RAN = ("2026-11-26 05:15", SUCCESS)


@pytest.mark.parametrize(
    ("case", "found", "now", "state", "ending", "problems"),
    [
        ("never applied", Seen(), "2026-11-26 12:00", State.MISSING, None, {Problem.MISSING}),
        ("what starts it is gone", seen(RAN, trigger_since=None), "2026-11-26 12:00",
         State.MISSING, SUCCESS, {Problem.MISSING}),
        ("new, and not due since", seen(trigger_since=at("2026-11-26 08:00")),
         "2026-11-26 12:00", State.WAITING, None, set()),
        ("never ran, within tolerance", seen(trigger_since=at("2026-11-26 05:00")),
         "2026-11-26 06:14", State.WAITING, None, set()),
        ("never ran, and overdue", seen(trigger_since=at("2026-11-26 05:00")),
         "2026-11-26 06:16", State.WAITING, None, {Problem.NEVER_RAN}),
        ("ran today", seen(RAN), "2026-11-26 12:00", State.WAITING, SUCCESS, set()),
        ("ran a moment too early by another clock", seen(("2026-11-26 05:14:30", SUCCESS)),
         "2026-11-26 12:00", State.WAITING, SUCCESS, set()),
        ("ran yesterday only, within tolerance", seen(("2026-11-25 05:15", SUCCESS)),
         "2026-11-26 06:00", State.WAITING, SUCCESS, set()),
        ("ran yesterday only", seen(("2026-11-25 05:15", SUCCESS)), "2026-11-26 06:16",
         State.WAITING, SUCCESS, {Problem.OVERDUE}),
        ("could not be started", seen(("2026-11-25 05:15", SUCCESS), refused=True),
         "2026-11-26 06:16", State.WAITING, SUCCESS, {Problem.OVERDUE, Problem.NOT_STARTED}),
        ("was started, and its run is not listed any more",
         seen(attempted=at("2026-11-26 05:15")), "2026-11-26 06:16", State.WAITING, None, set()),
        ("was tried in vain", seen(attempted=at("2026-11-26 05:15"), refused=True),
         "2026-11-26 06:16", State.WAITING, None, {Problem.NEVER_RAN, Problem.NOT_STARTED}),
        ("an old refusal that was made good", seen(RAN, refused=True), "2026-11-26 12:00",
         State.WAITING, SUCCESS, set()),
        ("runs", seen(("2026-11-26 05:15", None)), "2026-11-26 05:30", State.RUNNING, None, set()),
        ("runs, the one before failed", seen(("2026-11-25 05:15", FAILURE), (RAN[0], None)),
         "2026-11-26 05:30", State.RUNNING, FAILURE, {Problem.FAILED}),
        ("runs on and on", seen(("2026-11-26 05:15", None)), "2026-11-26 07:00", State.RUNNING,
         None, {Problem.HANGS}),
        ("is about to be ended", seen(("2026-11-26 05:15", None)), "2026-11-26 05:49",
         State.RUNNING, None, set()),
        ("was not ended at its deadline", seen(("2026-11-26 05:15", None)), "2026-11-26 05:51",
         State.RUNNING, None, {Problem.HANGS}),
        ("failed", seen((RAN[0], FAILURE)), "2026-11-26 12:00", State.WAITING, FAILURE,
         {Problem.FAILED}),
        ("failed, and succeeded since", seen((RAN[0], FAILURE), ("2026-11-26 09:00", SUCCESS)),
         "2026-11-26 12:00", State.WAITING, SUCCESS, set()),
        ("found something", seen((RAN[0], FINDING)), "2026-11-26 12:00", State.WAITING, FINDING,
         {Problem.FOUND}),
        ("failed and overdue", seen(("2026-11-25 05:15", FAILURE)), "2026-11-26 12:00",
         State.WAITING, FAILURE, {Problem.OVERDUE, Problem.FAILED}),
        ("held, and nothing missed", seen(RAN, paused=True), "2026-11-26 12:00", State.PAUSED,
         SUCCESS, set()),
        ("held, and a run missed", seen(("2026-11-25 05:15", SUCCESS), paused=True),
         "2026-11-26 12:00", State.PAUSED, SUCCESS, {Problem.OVERDUE}),
        ("summer time ended tonight", seen(("2026-10-24 05:15", SUCCESS)), "2026-10-25 06:10",
         State.WAITING, SUCCESS, set()),
        ("summer time ended tonight, and the hour is over", seen(("2026-10-24 05:15", SUCCESS)),
         "2026-10-25 06:16", State.WAITING, SUCCESS, {Problem.OVERDUE}),
    ],
)  # fmt: skip
def test_a_schedule_stands_as_its_runs_and_the_clock_say(
    case: str, found: Seen, now: str, state: State, ending: Ending | None, problems: set[Problem]
):
    standing = stand(DAILY, found, at(now), BERLIN)
    assert (state, ending, problems) == (standing.state, standing.ending, {*standing.problems})


def test_the_next_time_is_told_unless_it_is_held():
    now = at("2026-11-26 12:00")
    due = stand(DAILY, seen(RAN), now, BERLIN).next_due
    assert at("2026-11-27 05:15") == due
    assert stand(DAILY, seen(RAN, paused=True), now, BERLIN).next_due is None


@pytest.mark.parametrize(
    ("found", "now", "overdue"),
    [
        (seen(RAN), "2026-11-26 12:00", False),
        (seen((RAN[0], FAILURE)), "2026-11-26 12:00", False),
        (seen(), "2026-11-26 12:00", True),
        (seen(("2026-11-25 05:15", SUCCESS)), "2026-11-26 12:00", True),
        (seen((RAN[0], None)), "2026-11-26 12:00", True),
    ],
)
def test_what_did_not_run_in_time_is_overdue_and_what_failed_is_not(
    found: Seen, now: str, overdue: bool
):
    assert overdue == stand(DAILY, found, at(now), BERLIN).overdue


def test_the_last_run_is_the_newest_whatever_the_order():
    found = seen(RAN, ("2026-11-25 05:15", FAILURE))
    standing = stand(DAILY, found, at("2026-11-26 06:00"), BERLIN)
    assert at("2026-11-26 05:15") == standing.last_run
    assert standing.last_run + timedelta(days=1) == standing.next_due


@pytest.mark.parametrize(
    ("code", "ending"), [(0, SUCCESS), (6, FINDING), *((c, FAILURE) for c in (1, 2, 3, 4, 5, 130))]
)
def test_an_exit_code_says_how_a_run_ended(code: int, ending: Ending):
    assert ending == ending_of(code)


def test_a_clock_that_is_ahead_makes_due_what_the_wall_does_not_and_lets_nothing_hang() -> None:
    day = timedelta(days=1)
    missed = stand(DAILY, seen(RAN), at("2026-11-26 06:16"), BERLIN, ahead=day)
    assert (Problem.OVERDUE,) == missed.problems
    started = seen(RAN, ("2026-11-26 06:10", None), attempted=at("2026-11-27 05:15"))
    assert () == stand(DAILY, started, at("2026-11-26 06:16"), BERLIN, ahead=day).problems
