"""Tenants worth measuring: one with many rows in a table, and one with few. Read-only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["TenantShare", "telling_tenants"]

_MANY_ROWS = 200_000
"""From so many rows on a sample of the table tells enough."""


@dataclass(frozen=True)
class TenantShare:
    """A tenant among those that share a table.

    Attributes:
        id: As text.
        share: Of the table's rows that are its own, from 0 to 1.
        tenants: How many share the table, as far as they were seen.
    """

    id: str
    share: float
    tenants: int


def telling_tenants(
    connection: "Connection", table: TableName, column: str, rows: int
) -> tuple[TenantShare, ...]:
    """Return the tenants with the most and with the fewest rows; none without rows.

    An approximate index leaves a small tenant too few rows first.

    Args:
        connection: Of a role that sees all rows.
        table: Has ``column``, which names the tenant.
        rows: Of the table, estimated.

    Raises:
        DatabaseRefused: the table cannot be read.
    """
    from psycopg import sql

    sample: sql.Composable = sql.SQL("")
    if rows > _MANY_ROWS:
        percent = 100 * _MANY_ROWS / rows
        sample = sql.SQL("TABLESAMPLE SYSTEM ({})").format(sql.Literal(percent))
    query = sql.SQL(
        "SELECT {column}::text, count(*) FROM {table} {sample} WHERE {column} IS NOT NULL"
        " GROUP BY {column} ORDER BY count(*) DESC, {column}"
    ).format(
        column=sql.Identifier(column),
        table=sql.Identifier(table.schema, table.name),
        sample=sample,
    )
    with translated(f"Mandanten von {table} lesen"):
        found = connection.execute(query).fetchall()
    total = sum(count for _, count in found)
    ends: dict[str, int] = dict([found[0], found[-1]]) if found else {}
    return tuple(TenantShare(one, count / total, len(found)) for one, count in ends.items())
