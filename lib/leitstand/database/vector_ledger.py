"""When each index of the vector store was maintained last, kept in the database itself.

The catalogue knows when a table was vacuumed, but not when an index was rebuilt. Where the role may
not make a schema there is no ledger, and nothing fails for it.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.vectors.types import Maintained
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["LedgerEntry", "ensure_ledger", "note", "read"]

# Only one of several tasks makes the ledger; the number is any that nothing else locks.
_LOCK = 6_148_914_691_236_517_205
_STATE = """
SELECT coalesce(has_schema_privilege(space.oid, 'USAGE'), false),
       coalesce(CASE WHEN space.oid IS NULL
                     THEN has_database_privilege(current_database(), 'CREATE')
                     ELSE has_schema_privilege(space.oid, 'USAGE')
                      AND has_schema_privilege(space.oid, 'CREATE') END, false),
       ledger.oid IS NOT NULL,
       coalesce(has_table_privilege(ledger.oid, 'SELECT'), false),
       coalesce(has_table_privilege(ledger.oid, 'INSERT')
                AND has_table_privilege(ledger.oid, 'UPDATE'), false)
FROM (SELECT) AS one
LEFT JOIN pg_namespace AS space ON space.nspname = 'leitstand'
LEFT JOIN pg_class AS ledger ON ledger.relnamespace = space.oid
     AND ledger.relname = 'vector_maintenance' AND ledger.relkind = 'r'
"""
_MAKE = (
    "CREATE SCHEMA IF NOT EXISTS leitstand",
    """
    CREATE TABLE IF NOT EXISTS leitstand.vector_maintenance (
        schema_name text NOT NULL,
        index_name text NOT NULL,
        finished_at timestamptz NOT NULL,
        seconds float8 NOT NULL,
        rows bigint NOT NULL,
        bytes_before bigint NOT NULL,
        bytes_after bigint NOT NULL,
        run text NOT NULL,
        PRIMARY KEY (schema_name, index_name)
    )
    """,
)
_NOTE = """
INSERT INTO leitstand.vector_maintenance AS ledger
    (schema_name, index_name, finished_at, seconds, rows, bytes_before, bytes_after, run)
VALUES (%(schema)s, %(index)s, clock_timestamp(), %(seconds)s, %(rows)s, %(bytes_before)s,
        %(bytes_after)s, %(run)s)
ON CONFLICT (schema_name, index_name) DO UPDATE
SET finished_at = excluded.finished_at, seconds = excluded.seconds, rows = excluded.rows,
    bytes_before = excluded.bytes_before, bytes_after = excluded.bytes_after, run = excluded.run
"""
_READ = """
SELECT schema_name, index_name, finished_at, seconds, rows
FROM leitstand.vector_maintenance ORDER BY schema_name, index_name
"""


@dataclass(frozen=True)
class LedgerEntry:
    """What there is to know of one rebuild; the database adds the time.

    Attributes:
        schema: Of the index.
        index: Its name afterwards.
        seconds: How long the rebuild took.
        rows: Rows of the table, estimated.
        bytes_before: Size of the index before; 0 where there was none.
        bytes_after: Size of the index afterwards.
        run: Id of the run, or empty.
    """

    schema: str
    index: str
    seconds: float
    rows: int
    bytes_before: int
    bytes_after: int
    run: str


@dataclass(frozen=True)
class _State:
    """Whether the ledger can be made, is there, can be read, and can be written."""

    can_make: bool
    made: bool
    can_read: bool
    can_write: bool


def ensure_ledger(connection: "Connection") -> bool:
    """Make the schema ``leitstand`` and the ledger in it, unless it is there.

    Returns:
        Whether there is a ledger that this role can write to.

    Raises:
        DatabaseRefused: the connection is read-only.
    """
    with translated("Verzeichnis der Wartungen anlegen"):
        state = _state(connection)
        if not state.made and state.can_make:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                for statement in _MAKE:
                    connection.execute(statement)
            state = _state(connection)
        return state.can_write


def note(connection: "Connection", entry: LedgerEntry) -> bool:
    """Keep that an index was rebuilt just now, in place of what was known of it before.

    Returns:
        Whether it is kept: not where there is no ledger, or none that this role can write to.

    Raises:
        DatabaseRefused: the connection is read-only.
    """
    from psycopg import errors

    with translated("Wartung verzeichnen"):
        try:
            # Thousands of indexes are noted one by one, so a statement of its own is enough.
            with nullcontext() if connection.autocommit else connection.transaction():
                connection.execute(_NOTE, vars(entry), prepare=True)
        except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InsufficientPrivilege):
            return False
        return True


def read(connection: "Connection") -> tuple[Maintained, ...]:
    """Return the last maintenance of each index by name; empty without a ledger. Read-only.

    Raises:
        DatabaseRefused: the ledger is another table than ours.
    """
    with translated("Verzeichnis der Wartungen lesen"):
        if not _state(connection).can_read:
            return ()
        return tuple(Maintained(*row) for row in connection.execute(_READ))


def _state(connection: "Connection") -> _State:
    usable, can_make, made, can_read, can_write = connection.execute(_STATE).fetchall()[0]
    readable = usable and can_read
    return _State(can_make, made, readable, readable and can_write)
