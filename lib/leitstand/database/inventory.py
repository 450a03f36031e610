"""Everything in a database that a recovery is checked against. Read-only."""

from typing import TYPE_CHECKING

from leitstand.core.recovery_types import Index, Inventory, Policy, Role, Table, TableName
from leitstand.database.errors import translated
from leitstand.database.schema import latest_migrations
from leitstand.database.snapshot import hold_snapshot
from leitstand.database.tables import Shape, read_shapes

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["read_inventory"]

_POLICIES = """
SELECT schemaname, tablename, policyname, cmd, permissive = 'PERMISSIVE', roles::text[],
       coalesce(qual, ''), coalesce(with_check, '')
FROM pg_policies ORDER BY schemaname, tablename, policyname
"""
_SECURITY = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s"
_INDEXES = """
SELECT index.relname, namespace.nspname, owner.relname, entry.indisvalid, method.amname,
       pg_get_indexdef(index.oid)
FROM pg_index AS entry
JOIN pg_class AS index ON index.oid = entry.indexrelid
JOIN pg_class AS owner ON owner.oid = entry.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = owner.relnamespace
JOIN pg_am AS method ON method.oid = index.relam
WHERE namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
ORDER BY namespace.nspname, owner.relname, index.relname
"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY extname"
_ROLES = """
SELECT role.rolname, role.rolcanlogin, role.rolbypassrls,
       array(SELECT parent.rolname::text FROM pg_auth_members AS membership
             JOIN pg_roles AS parent ON parent.oid = membership.roleid
             WHERE membership.member = role.oid GROUP BY parent.rolname ORDER BY parent.rolname)
FROM pg_roles AS role WHERE role.rolname NOT LIKE 'pg\\_%' ORDER BY role.rolname
"""


def read_inventory(connection: "Connection") -> Inventory:
    """Return what the database holds, all of it as of one moment. Read-only.

    Counts every row, so it takes a pass over each table.

    Args:
        connection: Without an open transaction; the role must see all rows of every table.

    Raises:
        DatabaseRefused: a table cannot be read, or a policy would hide rows of it.
    """
    with translated("Bestand der Datenbank lesen"), hold_snapshot(connection) as taken_at:
        migrations = latest_migrations(connection)
        # Without a search path, definitions name every schema and can be compared.
        connection.execute("SET LOCAL search_path TO pg_catalog")
        policies: dict[TableName, list[Policy]] = {}
        for schema, table, *policy in connection.execute(_POLICIES):
            name, command, permissive, roles, using, check = policy
            found = Policy(name, command, permissive, tuple(roles), using, check)
            policies.setdefault(TableName(schema, table), []).append(found)
        return Inventory(
            taken_at=taken_at,
            tables=tuple(
                _table(connection, shape, tuple(policies.get(shape.name, ())))
                for shape in read_shapes(connection)
            ),
            indexes=tuple(
                Index(name, TableName(schema, table), valid, method, definition)
                for name, schema, table, valid, method, definition in connection.execute(_INDEXES)
            ),
            extensions=tuple((name, version) for name, version in connection.execute(_EXTENSIONS)),
            roles=tuple(
                Role(name, login, bypass, tuple(member_of))
                for name, login, bypass, member_of in connection.execute(_ROLES)
            ),
            migrations=migrations,
        )


def _table(connection: "Connection", shape: Shape, policies: tuple[Policy, ...]) -> Table:
    from psycopg import sql

    # What Python's datetime cannot hold, such as infinity, is not the newest of anything.
    newest = [
        sql.SQL("max({0}) FILTER (WHERE {0} < '9999-01-01Z' AND {0} > '0002-01-01Z')").format(
            sql.Identifier(column)
        )
        if (column, "timestamp with time zone") in shape.types
        else sql.NULL
        for column in ("created_at", "updated_at")
    ]
    query = sql.SQL("SELECT count(*), {} FROM {}").format(sql.SQL(", ").join(newest), shape.rows)
    rows, created, updated = connection.execute(query).fetchall()[0]
    security, forced = connection.execute(_SECURITY, (shape.oid,)).fetchall()[0]
    return Table(shape.name, rows, shape.key, created, updated, security, forced, policies)
