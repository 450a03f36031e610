"""Runs a job of a sandbox to its end: to fill its database, and to wear out its vector store."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from leitstand.core.errors import GateRefused, RunFailed

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection

__all__ = ["NotProvisioned", "NotWorn", "run_migrate_job", "wear_vectors"]


class NotProvisioned(GateRefused):
    """The sandbox has no job that could work on a database."""

    def __init__(self) -> None:
        super().__init__(
            "In der Sandbox ist keine Datenbank bereitgestellt.",
            "Stellen Sie sie mit leitstand run provision --apply bereit, oder beginnen Sie mit"
            " leitstand sandbox reset neu.",
        )


class NotWorn(RunFailed):
    """The vector store could not be worn out."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Der Vektorspeicher ließ sich nicht abnutzen: {reason}",
            "Prüfen Sie mit leitstand sandbox status, ob alles läuft, und versuchen Sie es erneut.",
        )
        self.reason = reason


def run_migrate_job(connection: "Connection", args: Sequence[str]) -> str:
    """Run the migrate job of a sandbox with these arguments; return what went wrong, or ``""``.

    Waits for its end, at most as long as the job's own timeout.
    """
    from leitstand.cloud.jobs import CloudRunJobs

    environment = connection.environment
    deadline = float(environment.jobs["migrate"].timeout.removesuffix("s"))
    jobs, name = CloudRunJobs(connection), environment.job_name("migrate")
    started = jobs.start_execution(name, jobs.job(name).etag, args, {})
    end = time.monotonic() + deadline
    while not (state := jobs.execution(started.execution)).completed:
        if time.monotonic() >= end:
            return f"migrate {args[0]} ist nach {deadline:.0f} s nicht fertig."
        time.sleep(connection.poll_interval)
    return "" if state.done else f"migrate {args[0]}: {state.problem}"


def wear_vectors(connection: "Connection", documents: int) -> None:
    """Make the vector store of a sandbox as bad as it gets in a year.

    Args:
        connection: To the sandbox.
        documents: How many documents each tenant gets; most of them are deleted again.

    Raises:
        NotProvisioned: the sandbox has no database.
        NotWorn: the job failed.
    """
    from leitstand.cloud.errors import NotFound

    if "migrate" not in connection.environment.jobs:
        raise NotProvisioned
    try:
        problem = run_migrate_job(connection, ["wear_vectors", "--documents", str(documents)])
    except NotFound as error:
        raise NotProvisioned from error
    if problem:
        raise NotWorn(problem)
