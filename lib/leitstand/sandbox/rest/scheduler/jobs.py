"""Cloud Scheduler: `cloudscheduler.projects.locations.jobs`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from leitstand.sandbox.errors import failed_precondition, invalid
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.names import Template
from leitstand.sandbox.rest.scheduler.attempts import next_time
from leitstand.sandbox.rest.scheduler.clock import Clock
from leitstand.sandbox.rest.scheduler.rules import check_job, complete_job
from leitstand.sandbox.rest.scheduler.timeline import Timeline
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Jobs"]

# Google answers before the attempt is over; a short one shall be seen in the answer.
ATTEMPT_SECONDS = 1.0


class Jobs(Collection):
    """Jobs that really call their targets when they are due, by a clock that can be moved."""

    api: ClassVar[str] = "cloudscheduler"
    path: ClassVar[str] = "projects.locations.jobs"
    full_name: ClassVar[str] = "projects/{project}/locations/{location}/jobs/{job}"
    immutable: ClassVar[tuple[str, ...]] = ("name",)

    def __init__(self, park: Park) -> None:
        super().__init__(park)
        self.clock = Clock(park.notes("cloudscheduler", "clock"))
        self._timeline = Timeline(park, self.clock)

    def move(self, ahead: timedelta) -> None:
        """Begin to move the clock ahead; see `Timeline.move`."""
        self._timeline.move(ahead)

    def report(self) -> dict[str, Any]:
        """What the clock shows and has done; see `Timeline.report`."""
        return self._timeline.report()

    def identify(self, call: Call, resource: Body) -> str:
        """The body has the full name, or none at all."""
        given = str(resource.get("name", ""))
        name = "/".join(self.park.by_id(given.split("/")))
        if not given:
            return Template(self.full_name).below(call.name, str(uuid.uuid4()))
        if not Template(self.full_name).whole(name) or not name.startswith(f"{call.name}/jobs/"):
            raise invalid(
                "Job name must be formatted: "
                '"projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".',
                "job.name",
            )
        return name

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Schedule, target, account, and figures."""
        check_job(self.park, name, body)
        if next_time(body, self.clock.now()) is None:
            raise invalid("Schedule or time zone is invalid.", "job.schedule")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Defaults, and when it is due."""
        complete_job(body)
        now = self.clock.now()
        body["name"] = name
        body["userUpdateTime"] = timestamp(now)
        body["state"] = before["state"] if before is not None else "ENABLED"
        if body["state"] == "ENABLED":
            due = next_time(body, now)
            assert due is not None
            body["scheduleTime"] = timestamp(due)

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """Nothing takes time; the clock's follower must look again."""
        asyncio.get_running_loop().call_soon(self._timeline.changed)

    async def start(self) -> None:
        """Follow the clock again."""
        self._timeline.start()

    async def halt(self) -> None:
        """Make no more attempts."""
        await self._timeline.close()

    def custom(self) -> Mapping[str, Custom]:
        """pause, resume and run."""
        return {"pause": self._pause, "resume": self._resume, "run": self._run}

    async def _pause(self, call: Call) -> Body:
        job = self._in_state(call, "ENABLED", "PauseJob")
        kept = {key: value for key, value in job.items() if key != "scheduleTime"}
        return self._put(call.name, {**kept, "state": "PAUSED"})

    async def _resume(self, call: Call) -> Body:
        job = self._in_state(call, "PAUSED", "ResumeJob")
        due = next_time(job, self.clock.now())
        times = {"scheduleTime": timestamp(due)} if due is not None else {}
        return self._put(call.name, {**job, **times, "state": "ENABLED"})

    async def _run(self, call: Call) -> Body:
        self.existing(call.name)
        await asyncio.wait({self._timeline.run(call.name)}, timeout=ATTEMPT_SECONDS)
        return dict(self.existing(call.name))

    def _in_state(self, call: Call, state: str, method: str) -> Body:
        job = self.existing(call.name)
        if job["state"] != state:
            raise failed_precondition(
                f"Job.state must be {state} for {method}, but it is {job['state']}."
            )
        return job

    def _put(self, name: str, body: Body) -> Body:
        self.table[name] = body
        self._timeline.changed()
        return dict(body)
