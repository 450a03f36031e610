"""One tenant in the database: added in one transaction, removed while it has no rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leitstand.database.errors import DatabaseRefused, translated
from leitstand.database.mirroring import mirror

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = ["TenantHasRows", "create_tenant", "has_tenant", "remove_tenant"]

_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
_ROLE = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
_TABLES = """
SELECT space.nspname, entry.relname FROM pg_class AS entry
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
WHERE entry.relkind IN ('r', 'p') AND NOT entry.relispartition AND entry.relpersistence <> 't'
  AND space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\\_%%'
  AND CASE WHEN %(schemas)s::text[] = '{}' THEN
        EXISTS (SELECT FROM pg_attribute AS attribute
                WHERE attribute.attrelid = entry.oid AND attribute.attname = %(column)s
                  AND attribute.attnum > 0 AND NOT attribute.attisdropped)
      ELSE space.nspname = ANY(%(schemas)s::text[]) END
ORDER BY 1, 2
"""
_SET_NOT_INHERITED = 160000
"""From this version on a membership says whether its rights are inherited."""


class TenantHasRows(DatabaseRefused):
    """A tenant is not removed while it has rows.

    Attributes:
        name: Of the tenant.
        tables: Those that hold rows of it.
    """

    def __init__(self, name: str, tables: list[str]) -> None:
        super().__init__(
            f"Mandant „{name}“ entfernen",
            f"Er hat schon Zeilen in {', '.join(tables)}; gelöscht wird nichts.",
        )
        self.name = name
        self.tables = tables


def has_tenant(connection: "Connection", arguments: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether all of a tenant is there, and whether any of it is. Read-only.

    Args:
        connection: Its role must see every row of the registry.
        arguments: Of the action ``tenant_create``.
    """
    from psycopg import sql

    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE id::text = %s)").format(
        _registry(arguments)
    )
    with translated(f"Mandant „{arguments['name']}“ lesen"):
        found = [connection.execute(query, (arguments["id"],)).fetchall()[0][0]]
        for schema in arguments.get("schemas", {}):
            found += connection.execute(_SCHEMA, (schema,)).fetchall()[0]
        if role := arguments.get("role"):
            found.append(connection.execute(_ROLE, (role,)).fetchall()[0][0])
    return all(found), any(found)


def create_tenant(connection: "Connection", arguments: Mapping[str, Any]) -> None:
    """Add a tenant: its line of the registry, and where it has them its schemas and its role.

    All of it or nothing, in one transaction. The tables belong to the owner of the registry, the
    role reaches nothing but them, and the application's roles may act as it.

    Args:
        connection: As the administrator, who may act as the owner and make roles.
        arguments: Of the action ``tenant_create``.

    Raises:
        DatabaseRefused: something is there already, or the role lacks rights.
    """
    from psycopg import sql

    owner = sql.Identifier(arguments["owner"])
    with translated(f"Mandant „{arguments['name']}“ anlegen"), connection.transaction():
        connection.execute("SET LOCAL lock_timeout TO '5s'")
        if role := arguments.get("role"):
            _create_role(connection, role, arguments["application"])
        for schema in arguments.get("schemas", {}):
            connection.execute(
                sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), owner)
            )
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(owner))
        connection.execute("SET LOCAL row_security TO on")
        setting = arguments["migration_setting"]
        connection.execute("SELECT set_config(%s, 'on', true)", (setting,))
        connection.execute(
            sql.SQL("INSERT INTO {} (id, name) VALUES (%s, %s)").format(_registry(arguments)),
            (arguments["id"], arguments["name"]),
        )
        if schemas := arguments.get("schemas"):
            mirror(
                connection, schemas, column=arguments["column"], tenant=arguments["id"],
                role=arguments["role"],
            )  # fmt: skip


def remove_tenant(connection: "Connection", arguments: Mapping[str, Any]) -> None:
    """Remove what ``create_tenant`` made, while the tenant has no rows; nothing else is deleted.

    Args:
        connection: As the administrator; it must see every row of every table.
        arguments: Of the action ``tenant_remove``.

    Raises:
        TenantHasRows: it has been used already; nothing was changed.
        DatabaseRefused: the role lacks rights.
    """
    import psycopg
    from psycopg import sql

    name, schemas = arguments["name"], list(arguments.get("schemas", {}))
    with translated(f"Mandant „{name}“ entfernen"), connection.transaction():
        connection.execute("SET LOCAL lock_timeout TO '5s'")
        delete = sql.SQL("DELETE FROM {} WHERE id::text = %s").format(_registry(arguments))
        values = {"schemas": schemas, "column": arguments["column"]}
        tables = connection.execute(_TABLES, values).fetchall()
        if schemas:
            # Nobody can add a row between the look and the end.
            for table in tables:
                lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")
                connection.execute(lock.format(sql.Identifier(*table)))
        used = [".".join(table) for table in tables if _has_rows(connection, table, arguments)]
        if used:
            raise TenantHasRows(name, used)
        for schema in schemas:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(_name(schema)))
        try:
            connection.execute(delete, (arguments["id"],))
        except psycopg.errors.ForeignKeyViolation as error:
            raise TenantHasRows(name, [error.diag.table_name or "?"]) from error
        if role := arguments.get("role"):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(_name(role)))


def _create_role(connection: "Connection", role: str, application: list[str]) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(_name(role)))
    modern = connection.info.server_version >= _SET_NOT_INHERITED
    # Thousands of inherited memberships would make every login slow.
    how = sql.SQL(" WITH INHERIT FALSE, SET TRUE" if modern else "")
    for user in application:
        connection.execute(sql.SQL("GRANT {} TO {}").format(_name(role), _name(user)) + how)


def _has_rows(
    connection: "Connection", table: tuple[Any, ...], arguments: Mapping[str, Any]
) -> bool:
    from psycopg import sql

    query = sql.SQL("SELECT EXISTS (SELECT FROM {}").format(sql.Identifier(*table))
    values: tuple[Any, ...] = ()
    if not arguments.get("schemas"):
        query += sql.SQL(" WHERE {}::text = %s").format(_name(arguments["column"]))
        values = (arguments["id"],)
    return bool(connection.execute(query + sql.SQL(")"), values).fetchall()[0][0])


def _registry(arguments: Mapping[str, Any]) -> "sql.Identifier":
    from psycopg import sql

    return sql.Identifier(*arguments["registry"].split("."))


def _name(text: str) -> "sql.Identifier":
    from psycopg import sql

    return sql.Identifier(text)
