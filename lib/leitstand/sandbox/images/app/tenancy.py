"""Who sees which rows, in migrations and at run time, in both models of tenancy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from leitstand.sandbox.images.app.tenant_names import TenantNames, slug

__all__ = ["ROLE", "as_tenant", "drop_policy", "policy", "see_all_rows"]

# Owners and superusers bypass policies, so requests run under a role that is neither.
ROLE = "app_tenant"
_CURRENT = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"


@contextmanager
def as_tenant(tenant: UUID | None) -> Iterator[None]:
    """A transaction that sees and writes the rows of one tenant; without a tenant, no rows.

    With a schema per tenant it works as the tenant's own role, in the tenant's own schemas.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # First: the registry too shows the rows of the tenant that is set, and no others.
        value = str(tenant) if tenant else ""
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [value])
        role = ROLE
        if settings.SCHEMA_PER_TENANT:
            names = _names(cursor, tenant)
            role = names.role if names else ROLE
            path = names.search_path if names else "public, rag"
            cursor.execute("SELECT set_config('search_path', %s, true)", [path])
        cursor.execute(f'SET LOCAL ROLE "{role}"')
        yield


def see_all_rows(cursor: Any) -> None:
    """Let the owner of the tables see all rows until the session ends, forced policies or not.

    Call it outside a transaction: a rollback would take it back.
    """
    cursor.execute("SELECT set_config('app.migration', 'on', false)")


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


def _names(cursor: Any, tenant: UUID | None) -> TenantNames | None:
    """Names of a registered tenant; None for nobody, who is left with the empty shared tables."""
    if tenant is None:
        return None
    cursor.execute("SELECT name FROM public.tenants WHERE id = %s", [tenant])
    found = cursor.fetchone()
    return TenantNames(slug(found[0])) if found else None
