"""What runs in a database just now, and who waits for whom. Read-only throughout."""

from datetime import datetime
from typing import TYPE_CHECKING

from leitstand.core.database_state import Block, OpenTransaction, PreparedTransaction, Session
from leitstand.database.errors import SessionsHidden, translated
from leitstand.database.snapshot import forget_statistics

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["blocked_sessions", "blockers_of", "long_transactions", "prepared_transactions"]

# PostgreSQL shows a role the times of its own sessions only, unless it may read all statistics.
_HIDDEN = """
SELECT current_user, count(*) FROM pg_stat_activity
WHERE datname = current_database()
  AND NOT pg_has_role(usesysid, 'USAGE') AND NOT pg_has_role('pg_read_all_stats', 'USAGE')
"""
_LONG = """
SELECT pid, coalesce(application_name, ''), coalesce(usename, ''), query_start,
       greatest(extract(epoch FROM clock_timestamp() - query_start), 0)::float8,
       coalesce(state, ''), xact_start,
       greatest(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
  AND pid <> pg_backend_pid() AND clock_timestamp() - xact_start > make_interval(secs => %s)
ORDER BY xact_start, pid
"""
_BLOCKED = """
SELECT waiting.pid, coalesce(waiting.application_name, ''), coalesce(waiting.usename, ''),
       waiting.query_start,
       greatest(extract(epoch FROM clock_timestamp() - waiting.query_start), 0)::float8,
       blocker.pid, coalesce(holder.application_name, ''), coalesce(holder.usename, ''),
       holder.query_start,
       greatest(extract(epoch FROM clock_timestamp() - holder.query_start), 0)::float8,
       coalesce(wanted.mode, ''), coalesce(wanted.relation, '')
FROM pg_stat_activity AS waiting
CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(waiting.pid)) AS pid) AS blocker
LEFT JOIN pg_stat_activity AS holder ON holder.pid = blocker.pid
LEFT JOIN LATERAL (
    SELECT lock.mode, lock.relation::regclass::text AS relation
    FROM pg_locks AS lock WHERE lock.pid = waiting.pid AND NOT lock.granted LIMIT 1
) AS wanted ON true
WHERE waiting.datname = current_database() AND waiting.backend_type = 'client backend'
  AND (%(pid)s::int IS NULL OR waiting.pid = %(pid)s::int)
ORDER BY waiting.query_start, waiting.pid, blocker.pid
"""
_PREPARED = """
SELECT gid, owner, prepared,
       greatest(extract(epoch FROM clock_timestamp() - prepared), 0)::float8
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid
"""


def long_transactions(connection: "Connection", seconds: float) -> tuple[OpenTransaction, ...]:
    """Return transactions of this database that are open for longer, oldest first.

    Raises:
        SessionsHidden: the role may not see all sessions.
        DatabaseRefused: they cannot be read.
    """
    with translated("Lange Transaktionen lesen"):
        _check_sight(connection)
        return tuple(
            OpenTransaction(_session(*row[:5]), row[5], row[6], row[7])
            for row in connection.execute(_LONG, (seconds,))
        )


def blocked_sessions(connection: "Connection") -> tuple[Block, ...]:
    """Return who waits for whom in this database, the longest wait first.

    Raises:
        SessionsHidden: the role may not see all sessions.
        DatabaseRefused: they cannot be read.
    """
    return _blocks(connection, None)


def blockers_of(connection: "Connection", pid: int) -> tuple[Block, ...]:
    """Return for whom one session waits; empty if it does not.

    Raises:
        SessionsHidden: the role may not see all sessions.
        DatabaseRefused: they cannot be read.
    """
    return _blocks(connection, pid)


def prepared_transactions(connection: "Connection") -> tuple[PreparedTransaction, ...]:
    """Return the prepared transactions of this database, oldest first.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Vorbereitete Transaktionen lesen"):
        return tuple(PreparedTransaction(*row) for row in connection.execute(_PREPARED))


def _blocks(connection: "Connection", pid: int | None) -> tuple[Block, ...]:
    with translated("Wartende Sitzungen lesen"):
        _check_sight(connection)
        return tuple(
            Block(_session(*row[:5]), _session(*row[5:10]), row[10], row[11])
            for row in connection.execute(_BLOCKED, {"pid": pid})
        )


def _session(
    pid: int, application: str, role: str, started: datetime | None, age: float | None
) -> Session:
    return Session(pid, application, role, started, age or 0.0)


def _check_sight(connection: "Connection") -> None:
    forget_statistics(connection)
    row = connection.execute(_HIDDEN).fetchone()
    if row is not None and row[1]:
        raise SessionsHidden(row[0], row[1])
