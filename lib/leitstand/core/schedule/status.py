"""How a schedule is doing: did it run when it was due, and how did that end? Decided, not read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from leitstand.core.schedule.checking import Checked
from leitstand.core.schedule.verdict import Ending

__all__ = ["Execution", "Problem", "Seen", "Standing", "State", "stand"]

_EARLY = timedelta(seconds=60)
"""Clocks of two services may differ: a run that began this much early is the due one."""
_ENDING = timedelta(minutes=5)
"""Cloud Run ends a run at its deadline, counted from when its container starts."""


class State(StrEnum):
    """What a schedule is doing now."""

    MISSING = "missing"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"


class Problem(StrEnum):
    """Why somebody should look at a schedule."""

    MISSING = "missing"
    NEVER_RAN = "never_ran"
    OVERDUE = "overdue"
    NOT_STARTED = "not_started"
    HANGS = "hangs"
    FAILED = "failed"
    FOUND = "found"


_OVERDUE = frozenset({Problem.NEVER_RAN, Problem.OVERDUE, Problem.HANGS})


@dataclass(frozen=True)
class Execution:
    """One run of the schedule's job.

    Attributes:
        started: When it was asked for.
        ending: How it ended; None while it runs.
    """

    started: datetime
    ending: Ending | None


@dataclass(frozen=True)
class Seen:
    """What was read of a schedule in an environment.

    Attributes:
        job_since: When its Cloud Run job was made; None where there is none.
        trigger_since: When its Cloud Scheduler job was made or last changed; None where there is
            none.
        paused: Whether Cloud Scheduler holds it.
        refused: Whether Cloud Scheduler's last attempt to start it failed.
        attempted: When that was, by Cloud Scheduler's clock.
        executions: The newest runs, in any order.
    """

    job_since: datetime | None = None
    trigger_since: datetime | None = None
    paused: bool = False
    refused: bool = False
    attempted: datetime | None = None
    executions: tuple[Execution, ...] = ()


@dataclass(frozen=True)
class Standing:
    """How a schedule is doing in an environment.

    Attributes:
        schedule: Its name.
        runbook: Name of its runbook.
        state: What it does now.
        last_run: Start of its newest run.
        ending: How the newest run that is over ended.
        next_due: When it is due next; None where it is missing or paused.
        problems: Why somebody should look at it.
    """

    schedule: str
    runbook: str
    state: State
    last_run: datetime | None
    ending: Ending | None
    next_due: datetime | None
    problems: tuple[Problem, ...]

    @property
    def overdue(self) -> bool:
        """Whether it did not run when it was due, or does not come to its end."""
        return not _OVERDUE.isdisjoint(self.problems)


def stand(
    checked: Checked,
    seen: Seen,
    now: datetime,
    zone: tzinfo,
    *,
    ahead: timedelta = timedelta(),
) -> Standing:
    """Return how a schedule is doing.

    It is overdue when its last time is longer ago than its tolerance, and since then neither a run
    has begun nor Cloud Scheduler has started one (which may no longer be listed).
    A time before its Cloud Scheduler job was made or changed does not count. Holding it does not
    excuse it: what is due and was not done is shown.

    Args:
        checked: The entry.
        seen: What there is of it.
        now: By the clock on the wall.
        zone: Of the file's times.
        ahead: How far Cloud Scheduler's clock is ahead of it; only the sandbox's can be.
    """
    entry = checked.entry
    runs = sorted(seen.executions, key=lambda run: run.started)
    newest = runs[-1] if runs else None
    over = [run for run in runs if run.ending is not None]
    ending = over[-1].ending if over else None
    there = seen.job_since is not None and seen.trigger_since is not None
    problems = [Problem.MISSING]
    if there:
        problems = list(_problems(checked, seen, runs, now, zone, ahead))
    if ending in _BY_ENDING:
        problems.append(_BY_ENDING[ending])
    return Standing(
        entry.name,
        entry.runbook,
        _state(seen, newest, there),
        newest.started if newest else None,
        ending,
        checked.cron.next_due(now + ahead, zone) if there and not seen.paused else None,
        tuple(problems),
    )


_BY_ENDING = {Ending.FAILURE: Problem.FAILED, Ending.FINDING: Problem.FOUND}


def _state(seen: Seen, newest: Execution | None, there: bool) -> State:
    if not there:
        return State.MISSING
    if newest is not None and newest.ending is None:
        return State.RUNNING
    return State.PAUSED if seen.paused else State.WAITING


def _problems(
    checked: Checked,
    seen: Seen,
    runs: Sequence[Execution],
    now: datetime,
    zone: tzinfo,
    ahead: timedelta,
) -> list[Problem]:
    entry = checked.entry
    tolerance = timedelta(seconds=entry.tolerance_seconds)
    longest = timedelta(seconds=entry.deadline_seconds) + _ENDING
    problems = []
    due = checked.cron.last_due(now + ahead - tolerance, zone)
    since = seen.trigger_since
    if due is not None and since is not None and due >= since:
        begun = any(run.started >= due - _EARLY for run in runs)
        attempted = seen.attempted is not None and seen.attempted >= due - _EARLY
        if not begun and (seen.refused or not attempted):
            problems.append(Problem.OVERDUE if runs else Problem.NEVER_RAN)
            if seen.refused:
                problems.append(Problem.NOT_STARTED)
    if any(run.ending is None and now - run.started > longest for run in runs):
        problems.append(Problem.HANGS)
    return problems
