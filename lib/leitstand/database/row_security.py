"""Row-level security of one table: what it is, and how it is changed, in one transaction."""

from typing import TYPE_CHECKING

from leitstand.core.recovery_types import Policy, TableName
from leitstand.core.tenancy.policies import RowSecurity
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = ["apply_row_security", "has_row_security"]

_STATE = """
SELECT entry.relrowsecurity, entry.relforcerowsecurity,
       array(SELECT polname::text FROM pg_policy WHERE polrelid = entry.oid)
FROM pg_class AS entry JOIN pg_namespace AS space ON space.oid = entry.relnamespace
WHERE space.nspname = %s AND entry.relname = %s
"""


def has_row_security(connection: "Connection", change: RowSecurity) -> bool:
    """Return whether a table is as the change wants it; False where it is gone. Read-only."""
    with translated(f"Row-Level Security von {change.table} lesen"):
        found = connection.execute(_STATE, (change.table.schema, change.table.name)).fetchall()
    if not found:
        return False
    ((enabled, forced, policies),) = found
    return (
        (enabled, forced) == (change.enabled[1], change.forced[1])
        and all(policy.name in policies for policy in change.create)
        and not any(policy.name in policies for policy in change.drop)
    )


def apply_row_security(
    connection: "Connection", change: RowSecurity, *, lock_seconds: float = 1.0
) -> None:
    """Bring a table where the change wants it; all of it or nothing.

    Changes the table's policies and whether they hold, under a lock that readers notice, so it
    gives up soon.

    Raises:
        DatabaseRefused: no lock in time (SQLSTATE 55P03), or the role does not own the table.
    """
    from psycopg import sql

    table = sql.Identifier(change.table.schema, change.table.name)
    enabled, forced = change.enabled[1], change.forced[1]
    switch = sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY, {} ROW LEVEL SECURITY").format(
        table,
        sql.SQL("ENABLE" if enabled else "DISABLE"),
        sql.SQL("FORCE" if forced else "NO FORCE"),
    )
    milliseconds = str(round(lock_seconds * 1000))
    with translated(f"Row-Level Security von {change.table} ändern"), connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (milliseconds,))
        # Policies come before the switch and go after it: never is a table open in between.
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        for policy in change.drop:
            name = sql.Identifier(policy.name)
            connection.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(name, table))
        for policy in change.create:
            name = sql.Identifier(policy.name)
            connection.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(name, table))
            connection.execute(_create(change.table, policy))
        connection.execute(switch)


def _create(table: TableName, policy: Policy) -> "sql.Composed":
    from psycopg import sql

    roles = [
        sql.SQL("PUBLIC") if role == "public" else sql.Identifier(role) for role in policy.roles
    ]
    statement = sql.SQL("CREATE POLICY {} ON {} AS {} FOR {} TO {}").format(
        sql.Identifier(policy.name),
        sql.Identifier(table.schema, table.name),
        sql.SQL("PERMISSIVE" if policy.permissive else "RESTRICTIVE"),
        sql.SQL(policy.command),
        sql.SQL(", ").join(roles),
    )
    # Expressions come from the catalogue or from our own rules, and stand in the approved plan.
    if policy.using:
        statement += sql.SQL(f" USING ({policy.using})")
    if policy.check:
        statement += sql.SQL(f" WITH CHECK ({policy.check})")
    return statement
