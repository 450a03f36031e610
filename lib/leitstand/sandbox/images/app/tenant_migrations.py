"""Migrations in the schemas of tenants: what was applied to the shared tables, applied to theirs.

Each tenant's schema notes its own migrations, so that a run that broke off goes on where it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from leitstand.sandbox.images.app.tenancy import ROLE
from leitstand.sandbox.images.app.tenant_names import TenantNames, slug
from leitstand.sandbox.images.app.tenant_schemas import grant

__all__ = ["migrating", "tenants_with_schemas"]

_RAG = re.compile(r'(?<![\w".])(?:rag|"rag")\.')
# What holds for shared tables only: policies, the role of all tenants, the schema that is there.
# Vector indexes come with maintenance, when there are enough rows.
_SHARED = re.compile(
    rf"GRANT .* TO {ROLE}$|ALTER TABLE \S+ (?:ENABLE|DISABLE) ROW LEVEL SECURITY$"
    r"|(?:CREATE|DROP) POLICY |CREATE SCHEMA rag$|CREATE INDEX .* USING (?:ivfflat|hnsw) ",
    re.DOTALL,
)


def tenants_with_schemas(cursor: Any) -> list[TenantNames]:
    """Names of all registered tenants whose schemas are there.

    Notes in each what is applied to the shared tables so far, where nothing is noted yet: the
    schema was made after them. So call it before a migration.
    """
    cursor.execute("SELECT to_regclass('public.tenants')")
    if cursor.fetchone()[0] is None:
        return []
    cursor.execute("SELECT name FROM public.tenants ORDER BY name, id")
    registered = [TenantNames(slug(name)) for (name,) in cursor.fetchall()]
    cursor.execute("SELECT nspname FROM pg_namespace")
    there = {name for (name,) in cursor.fetchall()}
    found = [names for names in registered if names.schema in there]
    for names in found:
        table = f'"{names.schema}".django_migrations'
        cursor.execute("SELECT to_regclass(%s)", [table])
        if cursor.fetchone()[0] is None:
            cursor.execute(f"CREATE TABLE {table} (LIKE public.django_migrations INCLUDING ALL)")
            cursor.execute(
                f"INSERT INTO {table} (app, name, applied) "
                "SELECT app, name, applied FROM public.django_migrations ORDER BY id"
            )
    return found


@contextmanager
def migrating(connection: Any, names: TenantNames) -> Iterator[None]:
    """Let the statements of migrations mean the tables of one tenant, for the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', %s, false)", [names.search_path])
    try:
        with connection.execute_wrapper(_moved_to(names)):
            yield
        with connection.cursor() as cursor:
            grant(cursor, names)
            cursor.execute(f'REVOKE ALL ON "{names.schema}".django_migrations FROM "{names.role}"')
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")


def _moved_to(names: TenantNames) -> Callable[..., Any]:
    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if _SHARED.match(sql):
            return None
        return run(_RAG.sub(f'"{names.rag_schema}".', sql), params, many, context)

    return execute
