"""One attempt of a job: what is called, what comes of it, and when it is tried again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.scheduler.clock import Clock
from leitstand.sandbox.rest.scheduler.cron import zone_of
from leitstand.sandbox.rest.scheduler.rules import duration, schedule_of
from leitstand.sandbox.rest.scheduler.target import call_target
from leitstand.sandbox.rest.times import timestamp

__all__ = ["Attempts", "next_time"]


class Attempts:
    """Makes the attempts, and writes down at the jobs what came of them.

    Args:
        park: The sandbox.
        clock: Of Cloud Scheduler.
    """

    def __init__(self, park: Park, clock: Clock) -> None:
        self._park = park
        self._clock = clock
        self._jobs = park.table("cloudscheduler", "projects.locations.jobs")
        # By job: how many attempts of one execution have failed, and when the first was.
        self._failed: dict[str, tuple[int, datetime]] = {}

    async def make(self, name: str, *, planned: bool, due: datetime | None = None) -> Body | None:
        """Call the target once, record it, and plan the job's next time.

        Args:
            name: Full name of the job.
            planned: Whether the job is due; one that somebody runs keeps its next time.
            due: When the attempt is made, where that is not now.

        Returns:
            What the target answered; None also where the job was deleted meanwhile.

        Raises:
            ApiError: What it answered instead; recorded, too.
        """
        if name not in self._jobs:
            return None
        began = due or self._clock.now()
        self._record(name, lastAttemptTime=timestamp(began))
        if planned:
            self._plan(name, next_time(self._jobs[name], began))
        job = self._jobs[name]
        try:
            async with asyncio.timeout(duration(job["attemptDeadline"]).total_seconds()):
                answer = await call_target(self._park, job)
        except TimeoutError:
            late = ApiError(grpc.StatusCode.DEADLINE_EXCEEDED, "The target did not answer in time.")
            self._settle(name, began, late, planned)
            raise late from None
        except ApiError as error:
            self._settle(name, began, error, planned)
            raise
        self._settle(name, began, None, planned)
        return answer

    def _settle(self, name: str, began: datetime, error: ApiError | None, planned: bool) -> None:
        # https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#Status
        self._record(name, status={} if error is None else {"code": error.code.value[0]})
        job = self._jobs.get(name)
        if error is None or job is None or not planned or job["state"] != "ENABLED":
            self._failed.pop(name, None)
            return
        count, first = self._failed.get(name, (0, began))
        again = self._clock.now() + _backoff(job["retryConfig"], count)
        longest = duration(job["retryConfig"]["maxRetryDuration"])
        # Where both limits are given, both must be reached.
        over = count >= job["retryConfig"].get("retryCount", 0)
        if over and (not longest or again - first > longest):
            self._failed.pop(name, None)
            return
        self._failed[name] = (count + 1, first)
        regular = next_time(job, self._clock.now())
        self._plan(name, again if regular is None else min(again, regular))

    def _plan(self, name: str, moment: datetime | None) -> None:
        if moment is not None:
            self._record(name, scheduleTime=timestamp(moment))

    def _record(self, name: str, **outputs: object) -> None:
        # Whoever deletes a job does not wait for its attempts.
        if name in self._jobs:
            self._jobs[name] = {**self._jobs[name], **outputs}


def next_time(job: Body, after: datetime) -> datetime | None:
    """When a job is due next, in UTC; None where that is never."""
    return schedule_of(job).after(after, zone_of(job.get("timeZone") or "UTC"))


def _backoff(retry: Body, count: int) -> timedelta:
    """How long to wait after so many failed retries: doubled first, then the same step again.

    https://cloud.google.com/scheduler/docs/configuring/retry-jobs#max-doublings
    """
    least, most = duration(retry["minBackoffDuration"]), duration(retry["maxBackoffDuration"])
    doublings = int(retry["maxDoublings"])
    step = least * float(2 ** min(count, doublings))
    return min(step * max(1, count - doublings + 1), most)
