"""How much room tables take. Read-only."""

from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["table_sizes"]

_SIZES = """
SELECT CASE namespace.nspname WHEN 'public' THEN '' ELSE namespace.nspname || '.' END
       || entry.relname,
       pg_table_size(entry.oid)
FROM pg_class AS entry JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
WHERE entry.relkind IN ('r', 'm') AND entry.relpersistence <> 't'
  AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
"""


def table_sizes(connection: "Connection") -> dict[str, int]:
    """Return bytes by name of table; those outside of ``public`` with their schema. Read-only.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Größe der Tabellen lesen"):
        return dict(connection.execute(_SIZES).fetchall())
