"""Schemas and role of one tenant, made after the shared tables, which stay empty.

Every table with a column `tenant_id` is mirrored; the registry of tenants is shared. Vector
indexes are left out: maintenance builds them when there are enough rows.
"""

from __future__ import annotations

import re
from typing import Any

from leitstand.sandbox.images.app.tenant_names import TenantNames

__all__ = ["create", "grant", "use"]

_TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
    "WHERE n.nspname IN ('public', 'rag') AND c.relkind = 'r' AND NOT a.attisdropped ORDER BY 1, 2"
)
_REFERENCES = (
    "SELECT n.nspname, c.relname, f.conname, pg_get_constraintdef(f.oid) FROM pg_constraint f "
    "JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE f.contype = 'f' AND n.nspname IN ('public', 'rag') ORDER BY 1, 2, 3"
)
_VECTOR_INDEXES = (
    "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am m ON m.oid = c.relam "
    "WHERE n.nspname = %s AND m.amname IN ('ivfflat', 'hnsw')"
)
_ROLE = """DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    CREATE ROLE "{role}" NOLOGIN;
  END IF;
  IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
    GRANT "{role}" TO current_user;
  END IF;
END $$"""
_REFERENCED = re.compile(r'REFERENCES (public|rag)\.("[^"]+"|\w+)')


def create(cursor: Any, names: TenantNames) -> None:
    """Make what a tenant needs, unless it is there; inside a transaction."""
    cursor.execute("SELECT to_regnamespace(%s)", [f'"{names.schema}"'])
    if cursor.fetchone()[0] is not None:
        return
    own = {"public": names.schema, "rag": names.rag_schema}
    cursor.execute(_ROLE.format(role=names.role))
    for schema in own.values():
        cursor.execute(f'CREATE SCHEMA "{schema}"')
    cursor.execute(_TABLES)
    tables = cursor.fetchall()
    for schema, table in tables:
        cursor.execute(
            f'CREATE TABLE "{own[schema]}"."{table}" (LIKE "{schema}"."{table}" INCLUDING ALL)'
        )
    cursor.execute(_VECTOR_INDEXES, [names.rag_schema])
    for (index,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {index}")
    _refer(cursor, own, set(tables))
    grant(cursor, names)


def grant(cursor: Any, names: TenantNames) -> None:
    """Let the tenant's role work on all of the tenant's tables, and on no others."""
    for schema in (names.schema, names.rag_schema):
        for rights in (
            f'USAGE ON SCHEMA "{schema}"',
            f'SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}"',
            f'USAGE ON ALL SEQUENCES IN SCHEMA "{schema}"',
        ):
            cursor.execute(f'GRANT {rights} TO "{names.role}"')


def use(cursor: Any, names: TenantNames) -> None:
    """Mean the tenant's tables by unqualified names, until the transaction ends."""
    cursor.execute("SELECT set_config('search_path', %s, true)", [names.search_path])


def _refer(cursor: Any, own: dict[str, str], mirrored: set[tuple[str, str]]) -> None:
    """Add the foreign keys, which LIKE leaves out; to the mirrored tables where there are some."""
    # With nothing visible, names come with their schemas.
    cursor.execute("SELECT set_config('search_path', '', true)")
    cursor.execute(_REFERENCES)
    for schema, table, name, definition in cursor.fetchall():
        if (schema, table) in mirrored:
            moved = _REFERENCED.sub(lambda found: _moved(found, own, mirrored), definition)
            cursor.execute(f'ALTER TABLE "{own[schema]}"."{table}" ADD CONSTRAINT "{name}" {moved}')


def _moved(found: re.Match[str], own: dict[str, str], mirrored: set[tuple[str, str]]) -> str:
    schema, table = found[1], found[2].strip('"')
    target = own[schema] if (schema, table) in mirrored else schema
    return f'REFERENCES "{target}"."{table}"'
