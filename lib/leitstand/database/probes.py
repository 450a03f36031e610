"""Rows of a new tenant to try the isolation with; made in a transaction that is rolled back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leitstand.core.recovery_types import TableName
from leitstand.core.tenancy.types import TenantTable

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["make_probes"]

_COLUMNS = """
SELECT attribute.attrelid, attribute.attname,
       attribute.attidentity <> '' OR attribute.atthasdef AND EXISTS (
           SELECT FROM pg_index AS index WHERE index.indrelid = attribute.attrelid
             AND index.indisunique AND attribute.attnum = ANY(index.indkey))
FROM pg_attribute AS attribute
WHERE attribute.attrelid = ANY(%s::oid[]) AND attribute.attnum > 0
  AND NOT attribute.attisdropped AND attribute.attgenerated = ''
ORDER BY attribute.attrelid, attribute.attnum
"""
_KEYS = """
SELECT given.conrelid, here.attname, given.confrelid, there.attname
FROM pg_constraint AS given
JOIN pg_attribute AS here ON here.attrelid = given.conrelid AND here.attnum = given.conkey[1]
JOIN pg_attribute AS there ON there.attrelid = given.confrelid AND there.attnum = given.confkey[1]
WHERE given.contype = 'f' AND cardinality(given.conkey) = 1
  AND given.conrelid = ANY(%(tables)s::oid[]) AND given.confrelid = ANY(%(tables)s::oid[])
"""
_Keys = Mapping[int, Mapping[str, tuple[int, str]]]


def make_probes(
    connection: "Connection", tables: Sequence[TenantTable], tenant: str, registry: str
) -> Mapping[TableName, str]:
    """Give a tenant a row in each table; return why there is none where that failed.

    A probe is a copy of another tenant's row: keys are new, and it refers to other probes.

    Args:
        connection: In a transaction that will be rolled back; it must see all rows.
        tables: Shared ones; those that have a row of the tenant already are left as they are.
        tenant: Its id, which is in the registry.
        registry: Table that gets no probe, since the tenant is in it.
    """
    oids = [table.oid for table in tables]
    columns: dict[int, list[tuple[str, bool]]] = {}
    for oid, name, given in connection.execute(_COLUMNS, (oids,)):
        columns.setdefault(oid, []).append((name, given))
    keys: dict[int, dict[str, tuple[int, str]]] = {}
    for oid, name, target, other in connection.execute(_KEYS, {"tables": oids}):
        keys.setdefault(oid, {})[name] = (target, other)
    failed: dict[TableName, str] = {}
    made: dict[int, Mapping[str, Any]] = {}
    for table in _in_order(tables, keys):
        if str(table.name) != registry:
            fixed = _fixed(table, tenant, keys.get(table.oid, {}), made)
            row, reason = _copy(connection, table, columns[table.oid], fixed)
            made[table.oid] = row
            if reason:
                failed[table.name] = reason
    return failed


def _in_order(tables: Sequence[TenantTable], keys: _Keys) -> list[TenantTable]:
    """Return the tables so that what is referred to comes first, as far as there is no circle."""
    left, done = list(tables), list[TenantTable]()
    while left:
        names = {table.oid for table in left}
        ready = [
            table
            for table in left
            if not any(
                target in names and target != table.oid
                for target, _ in keys.get(table.oid, {}).values()
            )
        ] or left[:1]
        done += ready
        left = [table for table in left if table not in ready]
    return done


def _fixed(
    table: TenantTable,
    tenant: str,
    keys: Mapping[str, tuple[int, str]],
    made: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the columns that are not copied: the tenant, and references to other probes."""
    fixed: dict[str, Any] = {
        name: made[target][other]
        for name, (target, other) in keys.items()
        if other in made.get(target, {})
    }
    return fixed | {table.column: tenant}


def _copy(
    connection: "Connection",
    table: TenantTable,
    columns: Sequence[tuple[str, bool]],
    fixed: Mapping[str, Any],
) -> tuple[Mapping[str, Any], str]:
    """Copy any row; return the new one, or why there is none."""
    import psycopg
    from psycopg import sql

    taken = [name for name, given in columns if name in fixed or not given]
    # As text, so that the server reads it as the type of the column, whatever that is.
    values = [
        sql.Literal(str(fixed[name])) if name in fixed else sql.Identifier(name) for name in taken
    ]
    insert = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} LIMIT 1"
        " RETURNING to_jsonb({name})"
    ).format(
        table=sql.Identifier(table.name.schema, table.name.name),
        name=sql.Identifier(table.name.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, taken)),
        values=sql.SQL(", ").join(values),
    )
    try:
        with connection.transaction():
            rows = connection.execute(insert).fetchall()
    except psycopg.Error as error:
        if connection.closed:
            raise
        return {}, str(error.diag.message_primary or error)
    if not rows:
        return {}, "Die Tabelle ist leer."
    found: Mapping[str, Any] = rows[0][0]
    return found, ""
