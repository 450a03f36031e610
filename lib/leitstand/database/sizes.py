"""How much room tables take. Read-only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["lock_room", "row_estimates", "table_files", "table_sizes", "used_bytes"]

_NAME = """
CASE namespace.nspname WHEN 'public' THEN '' ELSE namespace.nspname || '.' END || entry.relname
"""
_FROM = """
FROM pg_class AS entry JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
"""
_OWN = """
entry.relpersistence <> 't'
AND namespace.nspname <> 'information_schema' AND namespace.nspname !~ '^pg_'
"""

_SIZES = f"""
SELECT {_NAME}, pg_table_size(entry.oid) {_FROM} WHERE entry.relkind IN ('r', 'm') AND {_OWN}
"""

_ROWS = f"""
SELECT {_NAME}, greatest(entry.reltuples, 0)::bigint {_FROM}
WHERE entry.relkind IN ('r', 'm') AND {_OWN}
"""

_FILES = f"""
SELECT current_setting('data_directory') || '/' || pg_relation_filepath(entry.oid),
       pg_table_size(entry.oid)
{_FROM} WHERE entry.relkind = 'r' AND {_OWN} AND {_NAME} = ANY(%s)
"""

# https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-MAX-LOCKS-PER-TRANSACTION
_LOCKS = f"""
SELECT (SELECT count(*) {_FROM} WHERE entry.relkind IN ('r', 'p') AND {_OWN}),
       current_setting('max_locks_per_transaction')::bigint
       * (current_setting('max_connections')::bigint
          + current_setting('max_prepared_transactions')::bigint)
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


def row_estimates(connection: "Connection") -> dict[str, int]:
    """Return rows as the planner estimates them, by the names of ``table_sizes``. Read-only.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Zeilen der Tabellen schätzen"):
        return dict(connection.execute(_ROWS).fetchall())


def table_files(connection: "Connection", names: Sequence[str]) -> dict[str, int]:
    """Return the main file of each of these tables, and how many bytes it all takes. Read-only.

    Args:
        connection: To the database; its role may read where the server keeps its data.
        names: As ``table_sizes`` gives them.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Dateien der Tabellen lesen"):
        return dict(connection.execute(_FILES, (list(names),)).fetchall())


def lock_room(connection: "Connection") -> tuple[int, int]:
    """Return how many tables there are, and for how many locks the server has room. Read-only.

    Raises:
        DatabaseRefused: that cannot be read.
    """
    with translated("Platz für Sperren lesen"):
        ((tables, locks),) = connection.execute(_LOCKS).fetchall()
    return int(tables), int(locks)


def used_bytes(connection: "Connection") -> int:
    """Return how much disk the databases and the write-ahead log of the server take. Read-only.

    The log counts only where the role may look at it.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Belegten Platz lesen"):
        return int(connection.execute(_USED).fetchall()[0][0])
