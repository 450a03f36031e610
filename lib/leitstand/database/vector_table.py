"""What the catalogue says of one table and its indexes just now. Read-only throughout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["IndexState", "TableState", "installed_version", "table_state"]

_TABLE = """
SELECT t.oid, t.reltuples::bigint, c.oid, c.relname, i.indisvalid,
       coalesce(pg_relation_size(c.oid), 0), m.amname, c.reloptions, a.attname, o.opcname
FROM pg_class AS t
LEFT JOIN (pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
           JOIN pg_am AS m ON m.oid = c.relam
           LEFT JOIN pg_opclass AS o ON o.oid = i.indclass[0]) ON i.indrelid = t.oid
LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] AND a.attnum > 0
WHERE t.oid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND t.relkind IN ('r', 'm', 'p')
"""
_LEFTOVER = re.compile(r"(.+)_cc(?:new|old)\d*")
_NAME_BYTES = 63
_HALF_CHARACTER = 3
"""A name is not cut within a character, so it may be so many bytes shorter."""


@dataclass(frozen=True)
class IndexState:
    """An index as it is now.

    Attributes:
        options: As stated, for example ``{"lists": "100"}``.
        column: Empty for an expression.
    """

    oid: int
    name: str
    valid: bool
    bytes: int
    method: str
    options: Mapping[str, str]
    column: str
    operator_class: str

    def matches(self, definition: Mapping[str, object]) -> bool:
        """Return whether it is what method, column, operator_class and options describe."""
        options = definition["options"]
        wanted = {k: str(v) for k, v in options.items()} if isinstance(options, Mapping) else {}
        stated = (definition["method"], definition["column"], definition["operator_class"])
        return wanted == self.options and stated == (self.method, self.column, self.operator_class)


@dataclass(frozen=True)
class TableState:
    """A table as it is now.

    Attributes:
        rows: Estimated by the statistics; -1 where it was never analyzed.
        indexes: All, valid or not.
    """

    name: TableName
    oid: int
    rows: int
    indexes: tuple[IndexState, ...]

    def index(self, name: str) -> IndexState | None:
        """Return the index of this name, if the table has it."""
        return next((index for index in self.indexes if index.name == name), None)

    def leftovers_of(self, name: str) -> tuple[IndexState, ...]:
        """Return what broken rebuilds of an index left: invalid ``_ccnew`` and ``_ccold``.

        PostgreSQL cuts the front part so that the name keeps within 63 bytes.
        """
        return tuple(
            index
            for index in self.indexes
            if not index.valid
            and (found := _LEFTOVER.fullmatch(index.name))
            and name.startswith(found[1])
            and (name == found[1] or len(index.name.encode()) >= _NAME_BYTES - _HALF_CHARACTER)
        )


def table_state(connection: "Connection", table: TableName) -> TableState | None:
    """Return a table with its indexes, or None where there is no such table."""
    rows = connection.execute(_TABLE, (table.schema, table.name), prepare=True).fetchall()
    if not rows:
        return None
    indexes = tuple(
        IndexState(
            oid=row[2],
            name=row[3],
            valid=row[4],
            bytes=row[5],
            method=row[6],
            options=dict(option.split("=", 1) for option in row[7] or ()),
            column=row[8] or "",
            operator_class=row[9] or "",
        )
        for row in rows
        if row[2] is not None
    )
    return TableState(table, rows[0][0], rows[0][1], indexes)


def installed_version(connection: "Connection") -> str:
    """Return the version of pgvector in this database, empty if it is not installed."""
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    found = row.fetchone()
    return str(found[0]) if found else ""
