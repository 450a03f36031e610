"""The lock that keeps two migrations from running at once.

It is a session-level advisory lock on the very connection that migrates: it is released when the
server has really ended that session, not when the client is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error

__all__ = ["CLASS", "NUMBER", "Locked", "migration_lock"]

# In pg_locks: locktype advisory, classid and objid.
CLASS, NUMBER = 19539, 1
_POLL_SECONDS = 0.2
_HOLDER = (
    "SELECT a.pid, a.application_name, a.backend_start FROM pg_locks l "
    "JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' "
    "AND l.classid = %s AND l.objid = %s AND l.objsubid = 2 AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Locked(Exception):
    """Another session holds the lock.

    Attributes:
        pid: Of that session's server process; 0 if it was gone in the meantime.
        holder: Its application name: the execution that migrates.
        since: When that session began.
    """

    def __init__(self, pid: int, holder: str, since: str) -> None:
        super().__init__(f"Eine andere Migration läuft: {holder or 'unbekannt'} (pid {pid}).")
        self.pid = pid
        self.holder = holder
        self.since = since


@contextmanager
def migration_lock(connection: Any, wait: float) -> Iterator[None]:
    """Hold the lock for the block, on Django's `connection`.

    Polls instead of waiting in the server: a waiting statement holds a snapshot, and
    CREATE INDEX CONCURRENTLY of the other session would wait for it in turn.

    Args:
        wait: Seconds to try for; 0 tries once.

    Raises:
        Locked: It was not free in time.
    """
    deadline = time.monotonic() + wait
    with connection.cursor() as cursor:
        while not _take(cursor):
            if time.monotonic() >= deadline:
                cursor.execute(_HOLDER, [CLASS, NUMBER])
                pid, holder, since = cursor.fetchone() or (0, "", "")
                raise Locked(pid, holder, str(since))
            time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        # A session that broke has released it already.
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [CLASS, NUMBER])


def _take(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [CLASS, NUMBER])
    return bool(cursor.fetchone()[0])
