"""What is searched, by whom, and the statements for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import RunFailed
from leitstand.core.recovery_types import TableName
from leitstand.database.errors import DatabaseRefused

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = [
    "Actor",
    "Distance",
    "Queries",
    "Query",
    "Search",
    "SearchUnusable",
    "apply_settings",
    "draw_queries",
    "nearest",
    "read_distance",
    "searched_indexes",
]


class SearchUnusable(DatabaseRefused):
    """A search that the database cannot do: something is missing, or does not fit."""

    def __init__(self, table: TableName, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"In {table} kann nicht gesucht werden: {reason}",
            "Prüfen Sie Tabelle, Spalte und Operatorklasse.",
        )
        self.what, self.reason = str(table), reason


@dataclass(frozen=True)
class Search:
    """The nearest rows of a table.

    Attributes:
        column: Column of the embeddings.
        operator_class: Says how distances are measured, for example ``vector_cosine_ops``. One for
            another type than the column's searches the column converted to it, as an index over
            that expression does.
        filter: A condition that the application's searches have; row-level security needs none.
    """

    table: TableName
    column: str
    operator_class: str
    filter: "sql.Composable | None" = None


@dataclass(frozen=True)
class Actor:
    """As whom searches are done.

    Attributes:
        role: What ``SET LOCAL ROLE`` is given; the connection's role must be a member of it.
        setting: The setting that names the tenant, for example ``app.tenant_id``, or empty.
        tenant: Its value.
    """

    role: str
    setting: str = ""
    tenant: str = ""

    @property
    def settings(self) -> Mapping[str, str]:
        """What makes a transaction his."""
        own = {self.setting: self.tenant} if self.setting else {}
        # Our sessions refuse to read what a policy would hide; here hiding is what is measured.
        return {**own, "row_security": "on", "role": self.role}


@dataclass(frozen=True)
class Queries:
    """Where queries come from.

    Attributes:
        table: A table with vectors of real queries, read as the connection's role; None takes rows
            of the searched table itself, each of which is left out of its own answers.
        column: Its column.
    """

    table: TableName | None = None
    column: str = ""


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        vector: As text, without loss.
        part: Oid of the table or partition that it was taken from.
        row: Its place there, empty where it is no row of the searched table.
    """

    vector: str
    part: int = 0
    row: str = ""


@dataclass(frozen=True)
class Distance:
    """How a distance is written in a statement; the query is its parameter ``vector``."""

    expression: "sql.Composable"


_OPERATOR = """
SELECT spaces.nspname, operators.oprname, type_spaces.nspname, types.typname,
       own.atttypid = types.oid, own.atttypmod
FROM pg_class AS tables
JOIN pg_attribute AS own ON own.attrelid = tables.oid
CROSS JOIN pg_opclass AS classes
JOIN pg_am AS methods ON methods.oid = classes.opcmethod AND methods.amname IN ('ivfflat', 'hnsw')
JOIN pg_amop AS entries ON entries.amopfamily = classes.opcfamily AND entries.amoppurpose = 'o'
JOIN pg_operator AS operators ON operators.oid = entries.amopopr
JOIN pg_namespace AS spaces ON spaces.oid = operators.oprnamespace
JOIN pg_type AS types ON types.oid = classes.opcintype
JOIN pg_namespace AS type_spaces ON type_spaces.oid = types.typnamespace
WHERE tables.oid = to_regclass(%s) AND own.attname = %s AND NOT own.attisdropped
  AND classes.opcname = %s
LIMIT 1
"""


def read_distance(connection: "Connection", search: Search) -> Distance:
    """Look up how the search measures distances.

    Raises:
        SearchUnusable: the table, its column or the operator class do not exist.
    """
    from psycopg import sql

    name = sql.Identifier(search.table.schema, search.table.name).as_string(connection)
    wanted = (name, search.column, search.operator_class)
    found = connection.execute(_OPERATOR, wanted).fetchone()
    if found is None:
        raise SearchUnusable(
            search.table,
            f"Es gibt die Spalte {search.column} oder die Operatorklasse "
            f"{search.operator_class} nicht.",
        )
    space, operator, type_space, type_name, same_type, dimensions = found
    kind = sql.Identifier(type_space, type_name)
    column: sql.Composable = sql.Identifier(search.column)
    if not same_type:
        limit = sql.SQL("({})").format(dimensions) if dimensions > 0 else sql.SQL("")
        column = sql.SQL("({}::{}{})").format(column, kind, limit)
    return Distance(
        sql.SQL("{} OPERATOR({}.{}) %(vector)s::{}").format(
            column, sql.Identifier(space), sql.SQL(operator), kind
        )
    )


def nearest(search: Search, distance: Distance, rows: int, *, marked: bool) -> "sql.Composable":
    """Return the statement for the nearest rows: their distance, and whether it is the query's own.

    Args:
        rows: How many.
        marked: Whether the query may be one of them.
    """
    from psycopg import sql

    own = "tableoid = %(part)s AND ctid = %(row)s::tid" if marked else "false"
    return sql.SQL("SELECT {} AS distance, {} FROM {}{} ORDER BY distance LIMIT {}").format(
        distance.expression, sql.SQL(own), _table(search.table), _where(search.filter), rows
    )


def draw_queries(
    connection: "Connection", search: Search, queries: Queries, sample: int, seed: int
) -> list[Query]:
    """Draw queries at random, the same ones for the same seed. Read-only; one pass over a table."""
    from psycopg import sql

    own = queries.table is None
    table = queries.table or search.table
    column = sql.Identifier(search.column if own else queries.column)
    given = sql.SQL("{} IS NOT NULL").format(column)
    if own and search.filter is not None:
        given = sql.SQL("{} AND ({})").format(given, search.filter)
    statement = sql.SQL(
        """
        SELECT {column}::text, tableoid::bigint, ctid::text FROM (
            SELECT {column}, tableoid, ctid FROM {table} WHERE {given}
            ORDER BY hashtextextended(tableoid::text || ctid::text, {seed}), ctid LIMIT {sample}
        ) AS drawn
        """
    ).format(column=column, table=_table(table), given=given, seed=seed, sample=sample)
    rows = connection.execute(statement).fetchall()
    return [Query(vector, part, row) if own else Query(vector) for vector, part, row in rows]


def apply_settings(connection: "Connection", settings: Mapping[str, str]) -> None:
    """Make settings hold until the transaction ends."""
    if settings:
        each = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        values = [text for pair in settings.items() for text in pair]
        connection.execute(f"SELECT {each}".encode(), values)


def searched_indexes(
    connection: "Connection", statement: "sql.Composable", values: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return which indexes a statement gets the order of its rows from, by the planner's word."""
    from psycopg import sql

    explained = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(statement)
    row = connection.execute(explained, values).fetchone()
    assert row is not None
    return tuple(sorted(_ordering(row[0][0]["Plan"])))


def _ordering(node: Mapping[str, Any]) -> set[str]:
    found = {node["Index Name"]} if "Order By" in node else set()
    return found.union(*(_ordering(part) for part in node.get("Plans", ())))


def _table(table: TableName) -> "sql.Composable":
    from psycopg import sql

    return sql.Identifier(table.schema, table.name)


def _where(condition: "sql.Composable | None") -> "sql.Composable":
    from psycopg import sql

    return sql.SQL("") if condition is None else sql.SQL(" WHERE {}").format(condition)
