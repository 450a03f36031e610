"""What is due when: follows the clock, and passes through every due time when it is moved."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Container, MutableMapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from leitstand.sandbox.errors import ApiError, failed_precondition, invalid
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.scheduler.attempts import Attempts, next_time
from leitstand.sandbox.rest.scheduler.clock import Clock
from leitstand.sandbox.rest.scheduler.target import finished
from leitstand.sandbox.rest.times import timestamp

__all__ = ["Timeline"]

# The real time may be set, too: look again from time to time.
LONGEST_NAP = 60.0
LONGEST_MOVE = timedelta(days=366)
# Real seconds: a move waits no longer for one execution.
LONGEST_EXECUTION = 3600.0

log = logging.getLogger(__name__)


class StillRunning(Exception):
    """The execution that a job has started is not over in time.

    Attributes:
        job: Full name of the Cloud Scheduler job.
    """

    def __init__(self, job: str) -> None:
        super().__init__(
            f"The execution that {job} has started is not over after {LONGEST_EXECUTION:g} seconds."
        )
        self.job = job


class Timeline:
    """Makes the attempts of jobs that are due.

    While time simply passes, attempts of different jobs do not wait for each other. While the
    clock is moved, they are made in order, and each waits until the Cloud Run execution of the one
    before is over.

    Args:
        park: The sandbox.
        clock: Of Cloud Scheduler.
    """

    def __init__(self, park: Park, clock: Clock) -> None:
        self._park = park
        self._clock = clock
        self._jobs: MutableMapping[str, Body] = park.table(
            "cloudscheduler", "projects.locations.jobs"
        )
        self._attempts = Attempts(park, clock)
        self._changed = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        self._mover: asyncio.Task[None] | None = None
        self._under_way: dict[str, asyncio.Task[Body | None]] = {}
        self._tasks: set[asyncio.Task[Body | None]] = set()
        self._until: datetime | None = None
        self._broken = ""
        self._fired: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to follow the clock; what was due meanwhile is left out, as Google does."""
        now = self._clock.now()
        for name, job in self._enabled():
            if _due(job) <= now:
                self._plan(name, now)
        self.changed()

    def changed(self) -> None:
        """A job has changed, or is new."""
        self._changed.set()
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Make no more attempts."""
        tasks = [self._follower, self._mover, *self._tasks]
        ending = [task for task in tasks if task is not None]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def run(self, name: str) -> asyncio.Task[Body | None]:
        """Make an attempt now, whatever the schedule says."""
        return self._begin(name, planned=False)

    def move(self, ahead: timedelta) -> None:
        """Begin to move the clock ahead.

        Raises:
            ApiError: FAILED_PRECONDITION, it is moved already; INVALID_ARGUMENT, it cannot go back
                or so far.
        """
        if self._until is not None:
            raise failed_precondition("The clock is being moved already.")
        if not timedelta(0) < ahead <= LONGEST_MOVE:
            raise invalid("The clock can be moved ahead by up to 366 days.")
        self._broken = ""
        self._fired.clear()
        self._failed.clear()
        self._until = self._clock.now() + ahead
        self._mover = asyncio.create_task(self._move(self._until))

    def report(self) -> dict[str, Any]:
        """The time, and what the newest move has done so far.

        `fired` has the number of attempts by job, `failed` those that the target refused or whose
        execution failed; `broken` says why the clock has not arrived where it should, or "".
        """
        return {
            "now": timestamp(self._clock.now()),
            "ahead_seconds": self._clock.ahead.total_seconds(),
            "moving_until": timestamp(self._until) if self._until is not None else None,
            "broken": self._broken,
            "fired": dict(sorted(self._fired.items())),
            "failed": dict(sorted(self._failed.items())),
        }

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            # Never two attempts of one job at once: the later one waits.
            name, due = self._next(besides=self._under_way)
            seconds = LONGEST_NAP
            if due is not None and self._until is None:
                seconds = min((due - self._clock.now()).total_seconds(), LONGEST_NAP)
            if seconds > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()
                continue
            self._begin(name, planned=True)
            await asyncio.sleep(0)

    async def _move(self, until: datetime) -> None:
        try:
            while True:
                name, due = self._next()
                if due is None or due > until:
                    break
                if name in self._under_way:
                    # Which may change when the job is due, or whether it is there.
                    await asyncio.wait({self._under_way[name]})
                    continue
                self._clock.reach(due)
                await self._fire(name, due)
            self._clock.reach(until)
        except Exception as error:
            log.exception("the clock could not be moved to %s", until)
            self._broken = str(error) or type(error).__name__
        finally:
            self._until = None
            self.changed()

    async def _fire(self, name: str, due: datetime) -> None:
        """One attempt, and the execution that it has started, to its end.

        Raises:
            StillRunning: It has not come to its end.
        """
        self._fired[name] += 1
        job = self._jobs[name]
        try:
            answer = await self._begin(name, planned=True, due=due)
            async with asyncio.timeout(LONGEST_EXECUTION):
                operation = await finished(self._park, job, answer)
        except TimeoutError:
            raise StillRunning(name) from None
        except ApiError as error:
            log.info("%s failed: %s", name, error.message)
            self._failed[name] += 1
        else:
            if operation is not None and "error" in operation:
                self._failed[name] += 1

    def _begin(
        self, name: str, *, planned: bool, due: datetime | None = None
    ) -> asyncio.Task[Body | None]:
        task = asyncio.create_task(self._attempts.make(name, planned=planned, due=due))
        self._under_way[name] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(name, done))
        return task

    def _end(self, name: str, task: asyncio.Task[Body | None]) -> None:
        self._tasks.discard(task)
        if self._under_way.get(name) is task:
            del self._under_way[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("an attempt of %s failed: %s", name, error)
        self._changed.set()

    def _next(self, besides: Container[str] = ()) -> tuple[str, datetime | None]:
        """The job that is due next, and when; of several at once the first by name."""
        due = [(_due(job), name) for name, job in self._enabled() if name not in besides]
        moment, name = min(due, default=(None, ""))
        return name, moment

    def _enabled(self) -> list[tuple[str, Body]]:
        return [
            (name, job)
            for name, job in self._jobs.items()
            if job.get("state") == "ENABLED" and job.get("scheduleTime")
        ]

    def _plan(self, name: str, now: datetime) -> None:
        job = self._jobs[name]
        if (moment := next_time(job, now)) is not None:
            self._jobs[name] = {**job, "scheduleTime": timestamp(moment)}


def _due(job: Body) -> datetime:
    return datetime.fromisoformat(job["scheduleTime"])
