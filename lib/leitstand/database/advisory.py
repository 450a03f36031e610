"""Who holds an advisory lock."""

from typing import TYPE_CHECKING

from leitstand.core.database_state import LockHolder
from leitstand.database.errors import translated
from leitstand.database.snapshot import forget_statistics

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["is_free", "lock_holders"]

_HOLDERS = """
SELECT lock.pid, coalesce(session.application_name, ''), coalesce(session.usename, ''),
       session.backend_start
FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted
  AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND lock.classid::bigint = %s AND lock.objid::bigint = %s AND lock.objsubid = %s
ORDER BY lock.pid
"""
_HALF = 32
_MASK = 2**_HALF - 1


def lock_holders(connection: "Connection", key: int | tuple[int, int]) -> tuple[LockHolder, ...]:
    """Return the sessions that hold an advisory lock of this database; several only share it.

    Read-only: the lock is not tried.

    Args:
        connection: To the database that the lock belongs to.
        key: What was given to ``pg_advisory_lock``: one 64-bit number, or two of 32 bits.

    Raises:
        DatabaseRefused: the locks cannot be read.
    """
    # How PostgreSQL shows both kinds of key: documentation, pg_locks.
    high, low = key if isinstance(key, tuple) else (key >> _HALF, key)
    kind = 2 if isinstance(key, tuple) else 1
    with translated("Inhaber der Sperre lesen"):
        forget_statistics(connection)
        rows = connection.execute(_HOLDERS, (high & _MASK, low & _MASK, kind))
        return tuple(LockHolder(*row) for row in rows)


def is_free(connection: "Connection", key: int | tuple[int, int]) -> bool:
    """Whether nobody holds the lock just now. Read-only."""
    return not lock_holders(connection, key)
