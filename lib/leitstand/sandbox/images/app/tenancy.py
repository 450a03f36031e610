"""Row-level security: who sees which rows, in migrations and at run time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

__all__ = ["ROLE", "as_tenant", "drop_policy", "policy"]

# Owners and superusers bypass policies, so requests run under a role that is neither.
ROLE = "app_tenant"
_CURRENT = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"


@contextmanager
def as_tenant(tenant: UUID | None) -> Iterator[None]:
    """A transaction that sees and writes the rows of one tenant; without a tenant, no rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        value = str(tenant) if tenant else ""
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [value])
        yield


def policy(table: str, column: str = "tenant_id") -> list[str]:
    """Statements that restrict a table to the rows of the tenant that is set."""
    name = table.rpartition(".")[2]
    own = f"{column} = {_CURRENT}"
    return [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {ROLE}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {name}_of_tenant ON {table} USING ({own}) WITH CHECK ({own})",
    ]


def drop_policy(table: str) -> list[str]:
    """Statements that undo `policy`."""
    name = table.rpartition(".")[2]
    return [
        f"DROP POLICY {name}_of_tenant ON {table}",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]
