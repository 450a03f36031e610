"""Sessions of clients: one by its pid, and its end."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leitstand.core.sessions import Client
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["client", "end_client", "same_transaction"]

_CLIENT = """
SELECT pid, coalesce(application_name, ''), coalesce(usename, ''), coalesce(state, ''),
       backend_start, xact_start,
       greatest(coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0), 0)::float8
FROM pg_stat_activity
WHERE pid = %s AND datname = current_database() AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
"""
# Looked up and ended in one statement, so that a pid which was given to another session meanwhile
# is left alone.
_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = %(pid)s AND datname = current_database() AND pid <> pg_backend_pid()
  AND backend_start = %(connected_at)s::timestamptz
  AND xact_start IS NOT DISTINCT FROM %(transaction_at)s::timestamptz
"""


def client(connection: "Connection", pid: int) -> Client | None:
    """Return a client's session in this database, or None where there is none. Read-only.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Sitzung lesen"):
        row = connection.execute(_CLIENT, (pid,)).fetchone()
    return Client(*row) if row else None


def same_transaction(connection: "Connection", wanted: Mapping[str, Any]) -> bool:
    """Return whether the session of ``plan_end``'s arguments is still in that transaction."""
    found = client(connection, int(wanted["pid"]))
    return (
        found is not None
        and found.connected_at == datetime.fromisoformat(wanted["connected_at"])
        and (found.transaction_at.isoformat() if found.transaction_at else None)
        == wanted["transaction_at"]
    )


def end_client(connection: "Connection", wanted: Mapping[str, Any]) -> bool:
    """End the session of ``plan_end``'s arguments if it is still in that transaction.

    Returns:
        Whether it was told to end; it may take a moment.

    Raises:
        DatabaseRefused: the role may not end it.
    """
    with translated("Sitzung beenden"):
        row = connection.execute(_END, dict(wanted)).fetchone()
    return bool(row and row[0])
