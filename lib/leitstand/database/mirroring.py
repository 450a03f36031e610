"""A tenant's own schemas: empty tables like the shared ones, with everything but their rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["mirror"]

Table = tuple[str, str]

_FOREIGN_KEYS = """
SELECT given.conname, pg_get_constraintdef(given.oid), space.nspname, target.relname,
       format('%%I.%%I', space.nspname, target.relname)
FROM pg_constraint AS given JOIN pg_class AS target ON target.oid = given.confrelid
JOIN pg_namespace AS space ON space.oid = target.relnamespace
WHERE given.contype = 'f' AND given.conparentid = 0
  AND given.conrelid = format('%%I.%%I', %s::text, %s::text)::regclass
ORDER BY given.conname
"""
_SERIALS = """
SELECT attribute.attname, sequence.relname, format_type(kind.seqtypid, NULL)
FROM pg_attribute AS attribute
JOIN pg_depend AS part ON part.refclassid = 'pg_class'::regclass
     AND part.refobjid = attribute.attrelid AND part.refobjsubid = attribute.attnum
     AND part.classid = 'pg_class'::regclass AND part.deptype = 'a'
JOIN pg_class AS sequence ON sequence.oid = part.objid AND sequence.relkind = 'S'
JOIN pg_sequence AS kind ON kind.seqrelid = sequence.oid
WHERE attribute.attrelid = format('%%I.%%I', %s::text, %s::text)::regclass
"""
_VECTOR_INDEXES = """
SELECT space.nspname, entry.relname
FROM pg_index AS index JOIN pg_class AS entry ON entry.oid = index.indexrelid
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_am AS method ON method.oid = entry.relam
WHERE space.nspname = ANY(%s) AND method.amname IN ('ivfflat', 'hnsw')
"""


def mirror(
    connection: "Connection",
    schemas: Mapping[str, Sequence[Sequence[str]]],
    *,
    column: str,
    tenant: str,
    role: str,
) -> None:
    """Make the tables of new schemas like shared ones; call it in a transaction as their owner.

    Columns, defaults, indexes and foreign keys are taken over, and those between mirrored tables
    stay between them. Indexes of embeddings are left out: on an empty table IVFFLAT has no lists.
    A check holds each table to its tenant.

    Args:
        connection: In a transaction, as the owner of the new schemas.
        schemas: The shared tables, by the new schema.
        column: Names the tenant.
        tenant: Its id.
        role: Gets the right to read and write all of it.
    """
    from psycopg import sql

    # Definitions name every schema.
    connection.execute("SET LOCAL search_path TO pg_catalog")
    connection.execute("SET LOCAL client_min_messages TO warning")
    new = {
        (old[0], old[1]): (schema, old[1]) for schema, tables in schemas.items() for old in tables
    }
    for old, table in new.items():
        _make(connection, old, table)
        check = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} = {})")
        name = sql.Identifier(f"{table[1][:50]}_of_tenant")
        connection.execute(
            check.format(sql.Identifier(*table), name, sql.Identifier(column), sql.Literal(tenant))
        )
    for old, table in new.items():
        _foreign_keys(connection, old, table, new)
    for index in connection.execute(_VECTOR_INDEXES, (list(schemas),)).fetchall():
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(*index)))
    for schema in schemas:
        for statement in (
            "GRANT USAGE ON SCHEMA {} TO {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}",
        ):
            identifiers = (sql.Identifier(schema), sql.Identifier(role))
            connection.execute(sql.SQL(statement).format(*identifiers))


def _make(connection: "Connection", old: Table, table: Table) -> None:
    from psycopg import sql

    like = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
    connection.execute(like.format(sql.Identifier(*table), sql.Identifier(*old)))
    for column, sequence, kind in connection.execute(_SERIALS, old).fetchall():
        # LIKE takes a serial's default over, but not its sequence.
        own = sql.Identifier(table[0], sequence)
        values = {
            "table": sql.Identifier(*table),
            "column": sql.Identifier(column),
            "sequence": own,
            "kind": sql.SQL(kind),
            "name": sql.Literal(own.as_string(connection)),
        }
        for statement in (
            "CREATE SEQUENCE {sequence} AS {kind}",
            "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval({name}::regclass)",
            "ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
        ):
            connection.execute(sql.SQL(statement).format(**values))


def _foreign_keys(
    connection: "Connection", old: Table, table: Table, new: Mapping[Table, Table]
) -> None:
    from psycopg import sql

    for name, definition, schema, target, shown in connection.execute(
        _FOREIGN_KEYS, old
    ).fetchall():
        if (schema, target) in new:
            own = sql.Identifier(*new[schema, target]).as_string(connection)
            definition = definition.replace(f"REFERENCES {shown}(", f"REFERENCES {own}(")
        statement = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(
            sql.Identifier(*table), sql.Identifier(name)
        )
        connection.execute(statement + sql.SQL(definition))
