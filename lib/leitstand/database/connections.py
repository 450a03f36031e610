"""How many connections a server has, and how many it allows; read-only."""

from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["count_connections"]

# Walsenders count against max_wal_senders, not against max_connections.
_COUNT = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
"""


def count_connections(connection: "Connection") -> tuple[int, int]:
    """Return the connections in use, this one included, and how many clients may have.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Verbindungen zählen"):
        row = connection.execute(_COUNT).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
