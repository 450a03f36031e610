"""Point-in-time recovery: a base backup, brought forward by the archive to a point in time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from leitstand.sandbox.sql.archive import Commit, Hole
from leitstand.sandbox.sql.backups import BaseBackup
from leitstand.sandbox.sql.binaries import ProgramFailed
from leitstand.sandbox.sql.cluster import StartFailed
from leitstand.sandbox.sql.configuration import Recovery
from leitstand.sandbox.sql.errors import SqlFailure
from leitstand.sandbox.sql.machine import Machine

__all__ = ["Window", "base_for", "copy_now", "hole_failure", "recover", "window"]

NO_SPACE = ("No space left", "File too large", "Disk quota exceeded")
TOO_SHORT = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True)
class Window:
    """The times that can be recovered.

    Attributes:
        earliest: End of the oldest usable base backup.
        latest: No later commit can be recovered just now.
        hole: The gap in the log that ends the window, or None.
    """

    earliest: datetime
    latest: datetime
    hole: Hole | None = None


async def window(source: Machine, retention: timedelta) -> Window | None:
    """The times to which that machine can be recovered now; None where there is no base.

    Args:
        source: A machine whose log is archived.
        retention: How long log is kept.
    """
    bases = source.bases()
    if not bases:
        return None
    newest = bases[-1]
    earliest = max(bases[0].end, datetime.now(UTC) - retention)
    hole = source.archive.hole(newest.start)
    if hole is None and source.cluster.running:
        return Window(earliest, await source.archive.heartbeat())
    commit = await source.archive.newest_commit(newest.start, hole.first if hole else None)
    return Window(earliest, max(newest.end, commit.time) if commit else newest.end, hole)


def base_for(source: Machine, at: datetime | None) -> BaseBackup | None:
    """The newest base backup that was complete at that time (None: now)."""
    bases = [base for base in source.bases() if at is None or base.end <= at]
    return bases[-1] if bases else None


async def recover(
    source: Machine,
    destination: Machine,
    base: BaseBackup,
    at: datetime | None,
    flags: Mapping[str, str],
    limit: int = 0,
) -> None:
    """Make the destination what the source was at that time, and start it.

    It holds every transaction whose commit was answered before that time, and none that began to
    commit after it; one that was committing at that moment may be there or not.

    Args:
        source: Only read; does not have to run.
        destination: Must not exist; nothing is left of it after an error.
        base: A backup of the source that was complete at that time.
        at: The time, UTC; None is everything committed until now.
        flags: Database flags of the destination, whose log is not archived.
        limit: The largest file it may write, in bytes; 0 is no limit.

    Raises:
        SqlFailure: It could not be recovered to that point; it is never recovered short.
    """
    destination.make_directory()
    try:
        async with asyncio.TaskGroup() as both:
            backup = source.backups.path(base.id)
            both.create_task(destination.cluster.copy_from(backup, limit))
            reached = both.create_task(_reached(source, base))
            both.create_task(destination.cluster.prepare(limit))
        target = _target(at, await reached)
        log = source.archive
        recovery = Recovery(log.directory, log.live, *target)
        await destination.start(flags, False, recovery, limit)
    except BaseException as error:
        await asyncio.shield(destination.remove())
        causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        for cause in causes:
            if isinstance(cause, (ProgramFailed, StartFailed)):
                raise _failure(source, base, cause) from error
            if isinstance(cause, SqlFailure):
                raise cause from error
        raise


def hole_failure(hole: Hole) -> SqlFailure:
    """How an operation fails that would have to read missing log."""
    return SqlFailure(
        "ERROR_RDBMS",
        "The write-ahead log archive has a hole: the segments from "
        f"{hole.first.name} to {hole.last.name} are missing. The time cannot be reached.",
    )


async def copy_now(
    source: Machine, destination: Machine, flags: Mapping[str, str], limit: int = 0
) -> None:
    """Make the destination what the running source is now; needs no archive.

    Raises:
        SqlFailure: The copy did not succeed; nothing is left of the destination.
    """
    destination.make_directory()
    try:
        await source.backups.copy_running(destination.cluster.data, limit)
        await destination.start(flags, archiving=False, limit=limit)
    except BaseException as error:
        await asyncio.shield(destination.remove())
        if isinstance(error, (ProgramFailed, StartFailed)):
            raise _failure(source, None, error) from error
        raise


async def _reached(source: Machine, base: BaseBackup) -> Commit | str:
    """Where the source's log ends: a position with commits after it, or the last commit."""
    if source.cluster.running:
        return await source.archive.seal()
    commit = await source.archive.newest_commit(base.start)
    if commit is None:
        raise SqlFailure("ERROR_RDBMS", "The source has no transaction after its backup.")
    return commit


def _target(at: datetime | None, reached: Commit | str) -> tuple[str, str]:
    """The setting that ends the recovery, and its value."""
    if isinstance(reached, str):
        if at is None:
            return "recovery_target_lsn", reached
    elif at is None or at >= reached.time:
        # No commit follows at which PostgreSQL would see that the time is over.
        return "recovery_target_lsn", reached.lsn
    # With its zone: PostgreSQL would read a naive time in the clone's own.
    return "recovery_target_time", at.astimezone(UTC).isoformat(timespec="microseconds")


def _failure(
    source: Machine, base: BaseBackup | None, cause: ProgramFailed | StartFailed
) -> SqlFailure:
    text = cause.output if isinstance(cause, ProgramFailed) else cause.log
    if any(sign in text for sign in NO_SPACE):
        return SqlFailure("DISK_FULL", "The disk was full before the recovery was complete.")
    if base is not None and TOO_SHORT in text and (hole := source.archive.hole(base.start)):
        return hole_failure(hole)
    detail = cause.fatal if isinstance(cause, StartFailed) else str(cause)
    return SqlFailure("ERROR_RDBMS", f"The recovery did not succeed: {detail or 'it was ended.'}")
