"""How many connections a server has, and how many it allows; read-only."""

from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["count_connections"]

# Walsenders count against max_wal_senders, not against max_connections. The slots that are kept for
# superusers and for whoever may use the reserve (PostgreSQL 16) are no application's.
_COUNT = """
SELECT count(*) FILTER (WHERE backend_type = 'client backend'
                          AND coalesce(application_name, '') !~ '^leitstand( |$)'),
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int
FROM pg_stat_activity
"""


def count_connections(connection: "Connection") -> tuple[int, int]:
    """Return the connections in use, and how many an application may have.

    Leitstand's own are left out: they come and go, and are no load that anyone plans with.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Verbindungen zählen"):
        row = connection.execute(_COUNT).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
