"""What the catalogue tells of a database in trouble, in one cheap query each. Read-only."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["replica_lags", "unserved_vectors"]

_LAGS = """
SELECT coalesce(nullif(application_name, ''), client_addr::text, 'Replikat'),
       coalesce(extract(epoch FROM replay_lag), 0)::float8
FROM pg_stat_replication WHERE application_name <> 'pg_receivewal'
"""
# Of a stranger's build only the table is seen, not the index.
_VECTORS = """
WITH entry AS (
    SELECT found.indrelid, namespace.nspname, index.relname,
           found.indisvalid AND found.indisready AS valid
    FROM pg_index AS found
    JOIN pg_class AS index ON index.oid = found.indexrelid
    JOIN pg_namespace AS namespace ON namespace.oid = index.relnamespace
    JOIN pg_am AS method ON method.oid = index.relam
    WHERE method.amname IN ('ivfflat', 'hnsw')
)
SELECT true, entry.nspname || '.' || entry.relname FROM entry
WHERE NOT entry.valid AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index AS build
    WHERE build.datname = current_database() AND coalesce(build.relid, 0) IN (0, entry.indrelid)
)
UNION ALL
SELECT false, namespace.nspname || '.' || relation.relname
FROM pg_class AS relation JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE relation.relkind = 'r' AND relation.reltuples >= %(rows)s
  AND namespace.nspname LIKE ANY(%(schemas)s)
  AND EXISTS (SELECT FROM pg_attribute AS attribute JOIN pg_type AS kind
              ON kind.oid = attribute.atttypid AND kind.typname IN ('vector', 'halfvec')
              WHERE attribute.attrelid = relation.oid AND NOT attribute.attisdropped)
  AND NOT EXISTS (SELECT FROM entry WHERE entry.indrelid = relation.oid AND entry.valid)
ORDER BY 1, 2
"""


def replica_lags(connection: "Connection") -> Mapping[str, float]:
    """Return how many seconds each replica is behind, by name.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    with translated("Replikate lesen"):
        return dict(connection.execute(_LAGS).fetchall())


def unserved_vectors(
    connection: "Connection", schemas: Sequence[str], rows: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return invalid vector indexes that nobody builds, and tables that lack a valid one.

    Args:
        connection: Where to look.
        schemas: Of the vector store; ``*`` stands for any text.
        rows: From so many rows on, as the planner estimates them, a table needs an index.

    Raises:
        DatabaseRefused: they cannot be read.
    """
    patterns = [
        schema.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("*", "%")
        for schema in schemas
    ]
    with translated("Vektorindexe lesen"):
        found = connection.execute(_VECTORS, {"rows": rows, "schemas": patterns}).fetchall()
    invalid = tuple(name for is_index, name in found if is_index)
    return invalid, tuple(name for is_index, name in found if not is_index)
