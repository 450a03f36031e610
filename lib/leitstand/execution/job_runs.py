"""Executions of jobs: started once, found again, watched until they end."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import CloudUnreachable
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.logs import LogLine, Logs
from leitstand.core.job import ExecutionState
from leitstand.core.plan import Action
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import ActionFailed, Watch
from leitstand.execution.job_outcomes import JobBusy, JobStillRunning, failure, has_ended
from leitstand.execution.job_watch import JobWatch

__all__ = ["MARK", "Runs", "marks_of"]

MARK = "LEITSTAND_ACTION"
"""Variable of an execution that names run, action and attempt."""

_MARGIN = 60.0
"""Seconds beside the attempts that an execution may take: scheduling, pulling the image."""


def marks_of(execution: ExecutionState, run: str) -> bool:
    """Return whether a run has started this execution."""
    return execution.env.get(MARK, "").startswith(f"{run}/")


class Runs:
    """Starts executions, finds them again, and waits for their end."""

    def __init__(self, connection: Connection, journal: Journal) -> None:
        self.access = DatabaseAccess(connection)
        self.jobs = CloudRunJobs(connection)
        self.journal = journal
        self.interval = connection.poll_interval
        self._logs = Logs(connection)
        self._look = 10 * connection.poll_interval
        self._log_delay = 40 * connection.poll_interval

    def found(self, action: Action) -> ExecutionState | None:
        """Return the execution that this attempt at the action has started, if any."""
        mark = self._mark(action)
        return next(
            (e for e in self.jobs.executions(action.target) if e.env.get(MARK) == mark), None
        )

    def under_way(self, action: Action) -> str:
        """Return the execution of an earlier attempt that still runs; empty without one.

        Raises:
            JobBusy: an execution of somebody else runs.
        """
        running = [e for e in self.jobs.executions(action.target) if not e.completed]
        mine = self._mark(action).rpartition("/")[0] + "/"
        own = next((e for e in running if e.env.get(MARK, "").startswith(mine)), None)
        if own is None and running:
            raise JobBusy(running[0].short_name)
        return own.name if own else ""

    def start(self, action: Action, env: Mapping[str, str]) -> str:
        """Start an execution on the planned image; return its full name."""
        arguments, job = action.arguments, self.jobs.job(action.target)
        if job.image != arguments["image"]:
            raise ActionFailed(
                action.id,
                f"Der Job {job.short_name} hat ein anderes Abbild als der Plan: {job.image}",
            )
        marked = {**env, MARK: self._mark(action)}
        return self.jobs.start_execution(
            action.target, job.etag, arguments["args"], marked
        ).execution

    def wait(self, action: Action, name: str, watch: Watch) -> tuple[ExecutionState, JobWatch]:
        """Return an execution that has succeeded, and what was seen of it.

        Raises:
            JobFailed: it ended otherwise; the class names the cause.
            JobStillRunning: it goes on after the deadline.
        """
        if not name:
            found = self.found(action)
            if found is None:
                raise ActionFailed(action.id, "Die Ausführung ist nicht mehr zu finden")
            name = found.name
        deadline = self.jobs.job(action.target).longest + _MARGIN
        end = time.monotonic() + deadline
        with JobWatch(self._logs, name, self._url, self._look) as seen:
            state = self._until_completed(name, end, seen, watch)
            if state is None or not state.completed:
                raise JobStillRunning(name.rsplit("/", 1)[-1], deadline)
            self.lines_until(seen, has_ended)
        if not state.done:
            raise failure(state, self.jobs.tasks(name), seen.lines, seen.blocks)
        return state, seen

    def _until_completed(
        self, name: str, end: float, seen: JobWatch, watch: Watch
    ) -> ExecutionState | None:
        """Return the last state that was read; no answer before ``end`` counts as no news."""
        state: ExecutionState | None = None
        pause = self.interval
        while True:
            with suppress(CloudUnreachable):
                state = self.jobs.execution(name)
            if (state is not None and state.completed) or time.monotonic() >= end:
                return state
            watch(seen.look())
            time.sleep(pause)
            pause = min(pause * 1.5, 10 * self.interval)

    def lines_until(
        self, seen: JobWatch, enough: Callable[[Sequence[LogLine]], bool]
    ) -> tuple[LogLine, ...]:
        """Return the lines once there are enough; lines appear some time after they were written.

        After a while what is there is returned.
        """
        end = time.monotonic() + self._log_delay
        while not enough(seen.read_lines()) and time.monotonic() < end:
            time.sleep(self.interval)
        return seen.lines

    def intent(self, action: Action) -> int:
        """Return the number of the event that announced this attempt at the action."""
        intents = (
            int(str(event["seq"]))
            for event in self.journal
            if event["event"] == "action.intent" and event["id"] == action.id
        )
        return max(intents, default=0)

    def _mark(self, action: Action) -> str:
        started = next((e for e in self.journal if e["event"] == "run.started"), {})
        run = started.get("run") or self.journal.path.parent.name
        return f"{run}/{action.id}/{self.intent(action)}"

    def _url(self) -> str:
        return self.access.administrator_url(self.access.instance)
