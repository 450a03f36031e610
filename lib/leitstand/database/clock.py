"""The database's clock beside its write-ahead log: what a recovery aims at."""

from typing import TYPE_CHECKING

from leitstand.core.recovery_types import RestorePoint
from leitstand.database.errors import ReplicaGiven, translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["leave_commit", "restore_point"]

_PRIMARY = "SELECT NOT pg_is_in_recovery()"
# A transaction that is given no number leaves no commit in the log.
_COMMIT = "SELECT pg_current_xact_id(), pg_logical_emit_message(true, 'leitstand', 'restore point')"
_NOW = "SELECT clock_timestamp(), pg_current_wal_lsn()::text"


def restore_point(connection: "Connection") -> RestorePoint:
    """Return this moment by the database's clock, and its place in the log. Read-only.

    Commits that were acknowledged before are in a recovery to it; those in flight may be or not.

    Raises:
        ReplicaGiven: the database is a replica.
        DatabaseRefused: it cannot be read.
    """
    with translated("Wiederherstellungspunkt lesen"):
        _check_primary(connection)
        at, lsn = connection.execute(_NOW).fetchall()[0]
    return RestorePoint(at, lsn)


def leave_commit(connection: "Connection") -> RestorePoint:
    """Commit a message to the log that no table sees, and return the moment after it.

    A recovery fails if the log holds no commit later than its target; after this one, every
    restore point read before can be reached as soon as the log is archived up to the result.

    Args:
        connection: May be read-only; a transaction in it is committed.

    Raises:
        ReplicaGiven: the database is a replica.
        DatabaseRefused: it does not take the commit.
    """
    with translated("Commit hinterlassen"):
        _check_primary(connection)
        with connection.transaction():
            # Otherwise the commit could be acknowledged before it is in the log.
            connection.execute("SET LOCAL synchronous_commit TO on")
            connection.execute(_COMMIT)
        if not connection.autocommit:
            connection.commit()
    return restore_point(connection)


def _check_primary(connection: "Connection") -> None:
    if not connection.execute(_PRIMARY).fetchall()[0][0]:
        raise ReplicaGiven
