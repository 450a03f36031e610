"""The shape of user tables as the catalogue describes it. Read-only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = ["Shape", "read_shapes"]

# Tables of extensions hold what the extension brings; partitions are read through their parent.
_TABLES = """
SELECT namespace.nspname, entry.relname, entry.oid, entry.relkind = 'p',
       greatest(entry.reltuples, 0)::bigint,
       array(SELECT attribute.attname::text
             FROM pg_index AS index, unnest(index.indkey) WITH ORDINALITY AS part (number, place)
             JOIN pg_attribute AS attribute ON attribute.attnum = part.number
             WHERE index.indrelid = entry.oid AND index.indisprimary
               AND attribute.attrelid = entry.oid AND part.place <= index.indnkeyatts
             ORDER BY part.place),
       array(SELECT attribute.attname::text FROM pg_attribute AS attribute
             WHERE attribute.attrelid = entry.oid AND attribute.attnum > 0
               AND NOT attribute.attisdropped ORDER BY attribute.attnum),
       array(SELECT format_type(attribute.atttypid, attribute.atttypmod)
             FROM pg_attribute AS attribute
             WHERE attribute.attrelid = entry.oid AND attribute.attnum > 0
               AND NOT attribute.attisdropped ORDER BY attribute.attnum),
       array(SELECT array[space.nspname::text, type.typname::text]
             FROM pg_attribute AS attribute JOIN pg_type AS type ON type.oid = attribute.atttypid
             JOIN pg_namespace AS space ON space.oid = type.typnamespace
             WHERE attribute.attrelid = entry.oid AND attribute.attnum > 0
               AND NOT attribute.attisdropped ORDER BY attribute.attnum),
       array(SELECT attribute.attname::text FROM pg_attribute AS attribute
             WHERE attribute.attrelid = entry.oid AND attribute.attgenerated <> ''
               AND NOT attribute.attisdropped ORDER BY attribute.attnum)
FROM pg_class AS entry JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
WHERE entry.relkind IN ('r', 'p') AND NOT entry.relispartition AND entry.relpersistence <> 't'
  AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend AS part WHERE part.classid = 'pg_class'::regclass
                  AND part.objid = entry.oid AND part.deptype = 'e')
"""


@dataclass(frozen=True)
class Shape:
    """A table's columns and key.

    Attributes:
        oid: In this database only.
        partitioned: Whether its rows lie in partitions.
        estimate: Number of rows as the planner sees it; 0 if unknown.
        key: Columns of the primary key in its order, or empty.
        types: Name and type of every column in order.
        type_names: Schema and name of every column's type, without its modifiers.
        generated: Columns that are computed and cannot be written.
    """

    name: TableName
    oid: int
    partitioned: bool
    estimate: int
    key: tuple[str, ...]
    types: tuple[tuple[str, str], ...]
    type_names: tuple[tuple[str, str], ...]
    generated: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns in order."""
        return tuple(name for name, _ in self.types)

    @property
    def writable(self) -> tuple[str, ...]:
        """Names of the columns that are not computed, in order."""
        return tuple(name for name in self.columns if name not in self.generated)

    @property
    def rows(self) -> "sql.Composed":
        """The table as it stands after FROM: its own rows, without those of inheriting tables."""
        from psycopg import sql

        only = sql.SQL("" if self.partitioned else "ONLY ")
        return only + sql.Identifier(self.name.schema, self.name.name)


def read_shapes(connection: "Connection") -> tuple[Shape, ...]:
    """Return the shapes of all user tables by name. Read-only."""
    found = []
    for row in connection.execute(_TABLES):
        schema, name, oid, partitioned, estimate, key, columns, types, type_names, generated = row
        shape = Shape(
            name=TableName(schema, name),
            oid=oid,
            partitioned=partitioned,
            estimate=estimate,
            key=tuple(key),
            types=tuple(zip(columns, types, strict=True)),
            type_names=tuple((space, name) for space, name in type_names),
            generated=tuple(generated),
        )
        found.append(shape)
    return tuple(sorted(found, key=lambda shape: shape.name))
