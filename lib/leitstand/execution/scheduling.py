"""Brings the schedules of an environment to what the file wants: observe, plan, look at runs."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.observing import observe
from leitstand.cloud.registry import Registry
from leitstand.cloud.schedules import ScheduledJobs
from leitstand.core.body_check import Problem
from leitstand.core.difference import Body
from leitstand.core.errors import GateRefused
from leitstand.core.job import ExecutionState
from leitstand.core.kinds import Resource
from leitstand.core.names import short_name
from leitstand.core.plan import Plan
from leitstand.core.reconcile import Deviation, Found, compare
from leitstand.core.schedule.checking import Checked
from leitstand.core.schedule.expansion import image_of, scheduled
from leitstand.core.schedule.planning import Leftover, leftovers, plan_schedules
from leitstand.core.schedule.status import Execution, Seen
from leitstand.core.schedule.verdict import Ending, ending_of
from leitstand.execution.provisioning import api_problems, project_number

__all__ = ["ImageMissing", "ObservedSchedules", "Scheduling"]

_AT_ONCE = 8
_LOOKED_AT = 5
"""So many of a job's newest runs are looked at."""


class ImageMissing(GateRefused):
    """The image of the jobs is not in the repository."""

    def __init__(self, image: str) -> None:
        super().__init__(
            f"Das Abbild {image} liegt nicht in der Image-Ablage.",
            "Bauen Sie es nach lib/Containerfile, und legen Sie es signiert dort ab.",
        )
        self.image = image


@dataclass(frozen=True)
class ObservedSchedules:
    """What is wanted of schedules, and what was found.

    Attributes:
        resources: What the file wants in this environment.
        found: What is there of it, by key.
        left: What is there and no longer wanted.
    """

    resources: tuple[Resource, ...]
    found: Mapping[str, Found]
    left: tuple[Leftover, ...]

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What is not as wanted."""
        return compare(self.resources, self.found)


class Scheduling:
    """The schedules of the environment of a connection.

    Args:
        connection: To the environment.
        entries: The checked entries of the file.
        time_zone: Of their cron expressions.
    """

    def __init__(self, connection: Connection, entries: Sequence[Checked], time_zone: str) -> None:
        self._connection = connection
        self._environment = connection.environment
        self._entries = entries
        self._time_zone = time_zone

    def observe(self) -> ObservedSchedules:
        """Read what is wanted and what is left over; read-only.

        Raises:
            ImageMissing: the image of the jobs is not in the repository.
            CloudRefused: an API refused.
            CloudUnreachable: an API did not answer.
        """
        listed = ScheduledJobs(self._connection)
        resources = scheduled(
            self._environment,
            self._entries,
            number=project_number(self._connection),
            image=self._image(),
            time_zone=self._time_zone,
        )
        found = observe(self._connection, resources)
        left = leftovers(resources, listed.jobs(), listed.triggers())
        return ObservedSchedules(resources, found, left)

    def problems(self, resources: Sequence[Resource]) -> tuple[Problem, ...]:
        """Return what the APIs would refuse of the wanted bodies, see ``api_problems``."""
        return api_problems(self._connection, resources)

    def plan(self, seen: ObservedSchedules) -> Plan:
        """Plan what makes the schedules as wanted.

        Raises:
            SchedulesWithheld: something is unreadable or could not be made.
        """
        return plan_schedules(
            seen.resources,
            seen.found,
            seen.left,
            environment=self._environment.name,
            project=self._environment.project,
        )

    def look(self) -> tuple[tuple[Checked, Seen], ...]:
        """Read how each entry of this environment is doing, many at a time; read-only.

        Raises:
            CloudRefused: an API refused.
            CloudUnreachable: an API did not answer.
        """
        mine = [one for one in self._entries if self._environment.name in one.values]
        listed = ScheduledJobs(self._connection)
        jobs = {short_name(str(job["name"])): job for job in listed.jobs()}
        triggers = {short_name(str(job["name"])): job for job in listed.triggers()}
        reader = CloudRunJobs(self._connection)
        _ = self._connection.executions, self._connection.tasks  # made once, before the threads

        def seen(checked: Checked) -> Seen:
            job, trigger = jobs.get(checked.entry.job), triggers.get(checked.entry.job, {})
            return Seen(
                job_since=_moment(job, "createTime") if job else None,
                trigger_since=_moment(trigger, "userUpdateTime"),
                paused=trigger.get("state") == "PAUSED",
                refused=bool((trigger.get("status") or {}).get("code")),
                attempted=_moment(trigger, "lastAttemptTime"),
                executions=tuple(_executions(reader, str(job["name"]))) if job else (),
            )

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="schedules") as pool:
            return tuple(zip(mine, pool.map(seen, mine), strict=True))

    def _image(self) -> str:
        image = Registry(self._connection).image(image_of(self._environment))
        if not image.digest:
            raise ImageMissing(f"{image.repository}/{image.reference}")
        package = image.reference.partition(":")[0]
        return f"{image.repository}/{package}@{image.digest}"


def _executions(reader: CloudRunJobs, job: str) -> Iterator[Execution]:
    for execution in reader.executions(job)[:_LOOKED_AT]:
        yield Execution(execution.created_at, _ending(reader, execution))


def _ending(reader: CloudRunJobs, execution: ExecutionState) -> Ending | None:
    """Return how an execution ended; the exit codes of its tasks tell a finding from a failure."""
    if not execution.completed:
        return None
    if execution.done:
        return Ending.SUCCESS
    try:
        tasks = reader.tasks(execution.name)
    except NotFound:
        return Ending.FAILURE
    bad = {
        Ending.FAILURE if task.signal or not task.exit_code else ending_of(task.exit_code)
        for task in tasks
        if task.exit_code or task.signal or task.problem
    }
    return Ending.FINDING if bad == {Ending.FINDING} else Ending.FAILURE


def _moment(body: Body | Mapping[str, Any], key: str) -> datetime | None:
    text = str(body.get(key, ""))
    return datetime.fromisoformat(text) if text else None
