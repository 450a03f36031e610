"""How much room tables take. Read-only."""

from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["table_sizes", "used_bytes"]

_SIZES = """
SELECT CASE namespace.nspname WHEN 'public' THEN '' ELSE namespace.nspname || '.' END
       || entry.relname,
       pg_table_size(entry.oid)
FROM pg_class AS entry JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
WHERE entry.relkind IN ('r', 'm') AND entry.relpersistence <> 't'
  AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
"""

_USED = """
SELECT (SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database
        WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE'))
     + CASE WHEN pg_has_role('pg_monitor', 'USAGE') THEN (SELECT sum(size) FROM pg_ls_waldir())
            ELSE 0 END
"""


def table_sizes(connection: "Connection") -> dict[str, int]:
    """Return bytes by name of table; those outside of ``public`` with their schema. Read-only.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Größe der Tabellen lesen"):
        return dict(connection.execute(_SIZES).fetchall())


def used_bytes(connection: "Connection") -> int:
    """Return how much disk the databases and the write-ahead log of the server take. Read-only.

    The log counts only where the role may look at it.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Belegten Platz lesen"):
        return int(connection.execute(_USED).fetchall()[0][0])
