"""Handlers that change and run Cloud Run jobs.

An execution carries the action that asked for it in ``LEITSTAND_ACTION``: it is found again when
the answer to its start got lost, and never started a second time.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import CloudUnreachable, NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.logs import LogLine
from leitstand.core.plan import Action
from leitstand.core.schema import schema_version
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.job_runs import Runs

__all__ = ["PlanUnreadable", "job_handlers"]


class PlanUnreadable(ActionFailed):
    """The job has told its plan, but the log does not show all of it."""

    def __init__(self, action: str, execution: str) -> None:
        super().__init__(action, f"Der Plan der Ausführung {execution} steht nicht ganz im Log")


def job_handlers(connection: Connection, journal: Journal) -> dict[str, Handler]:
    """Return the handlers of jobs by kind of action.

    Args:
        connection: Its environment has a database.
        journal: Of the run; restore points are written to it.
    """
    runs = Runs(connection, journal)
    return {
        "update_job": _UpdateJob(connection),
        "plan_job": _PlanJob(runs),
        "run_job": _MigrateJob(runs),
    }


class _UpdateJob:
    """Gives a job another template."""

    def __init__(self, connection: Connection) -> None:
        self._jobs = CloudRunJobs(connection)
        self._interval = connection.poll_interval
        self._deadline = connection.environment.release.ready_deadline

    def reached(self, action: Action) -> bool:
        """Return whether the job has the wanted template."""
        return bool(self._jobs.job(action.target).template == action.arguments["template"])

    def start(self, action: Action, etag: str) -> str:
        """Send the template; refused when the job was changed since the plan."""
        arguments = action.arguments
        generation = arguments.get("generation")
        return self._jobs.start_update(action.target, arguments["template"], generation)

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the job is as wanted."""
        end = time.monotonic() + self._deadline
        while not (error := self._error(operation)) and not self._ready(action):
            if time.monotonic() >= end:
                raise ActionFailed(
                    action.id, f"Nach {self._deadline:.0f} s ist der Job nicht umgestellt"
                )
            watch("der Job stellt sich um")
            time.sleep(self._interval)
        if error:
            raise ActionFailed(action.id, f"Der Job ließ sich nicht ändern: {error}")
        return {}

    def _ready(self, action: Action) -> bool:
        try:
            job = self._jobs.job(action.target)
        except CloudUnreachable:
            return False
        return job.template == action.arguments["template"] and not job.problem

    def _error(self, operation: str) -> str:
        if not operation:
            return ""
        try:
            return self._jobs.operation(operation).error
        except (CloudUnreachable, NotFound):
            return ""  # the job itself tells what came of it


class _PlanJob:
    """Asks the job which migrations are pending; nothing is changed by it."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def reached(self, action: Action) -> bool:
        """Return whether the execution of this attempt exists."""
        return self._runs.found(action) is not None

    def start(self, action: Action, etag: str) -> str:
        """Start the execution; return its full name."""
        return self._runs.under_way(action) or self._runs.start(action, {})

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Return what is pending: name, SQL and whether it is atomic, in order.

        Raises:
            PlanUnreadable: the log shows less than the job has told.
        """
        state, seen = self._runs.wait(action, operation, watch)
        lines = self._runs.lines_until(seen, lambda found: _pending(found) is not None)
        pending = _pending(lines)
        if pending is None:
            raise PlanUnreadable(action.id, state.short_name)
        return {"execution": state.short_name, "pending": pending}


class _MigrateJob:
    """Migrates; right before, the moment to which a recovery would go back is written down."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def reached(self, action: Action) -> bool:
        """Return whether the execution of this attempt exists."""
        return self._runs.found(action) is not None

    def start(self, action: Action, etag: str) -> str:
        """Write the restore point, and start the execution; return its full name."""
        running = self._runs.under_way(action)
        if running:
            return running
        self._write_restore_point(action)
        return self._runs.start(action, action.arguments["env"])

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the execution has succeeded."""
        state, seen = self._runs.wait(action, operation, watch)
        done = [str(x.payload["migration"]) for x in seen.lines if x.event == "migration.done"]
        return {"execution": state.short_name, "applied": done, "retried": state.retried}

    def _write_restore_point(self, action: Action) -> None:
        from leitstand.database.clock import restore_point
        from leitstand.database.connection import connect
        from leitstand.database.schema import applied_migrations

        intent, journal = self._runs.intent(action), self._runs.journal
        if any(e["event"] == "restore.point" and int(str(e["seq"])) > intent for e in journal):
            return  # the start is tried again; the moment before the first try is before all
        wanted = action.arguments["restore_point"]
        with connect(self._runs.access.administrator_url(wanted["instance"])) as database:
            names: dict[str, list[str]] = {}
            for migration in applied_migrations(database):
                names.setdefault(migration.app, []).append(migration.name)
            point = restore_point(database)
        journal.append(
            "restore.point",
            before=action.id,
            point=point.at,
            lsn=point.lsn,
            versions={app: schema_version(found) for app, found in names.items()},
            atomic=wanted["atomic"],
        )


def _pending(lines: Sequence[LogLine]) -> list[dict[str, Any]] | None:
    """Return the pending migrations; ``None`` while the log does not show all of them."""
    done = next((line for line in lines if line.event == "plan.done"), None)
    if done is None:
        return None
    told = {str(x.payload["migration"]): x.payload for x in lines if x.event == "plan.migration"}
    names = [str(name) for name in done.payload.get("pending", [])]
    if not set(names) <= set(told):
        return None
    return [
        {"migration": name, "atomic": bool(told[name]["atomic"]), "sql": str(told[name]["sql"])}
        for name in names
    ]
