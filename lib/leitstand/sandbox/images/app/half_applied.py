"""What a broken run of a migration that is not atomic leaves behind, and how it is cleared away.

CREATE INDEX CONCURRENTLY that breaks leaves an invalid index; a process that dies between the
index and Django's note of it leaves a valid one that the next run stumbles over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.migrations import AddIndex, Migration

__all__ = ["HalfApplied", "drop", "left_over"]

_QUERY = (
    "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'rag' AND (NOT i.indisvalid OR c.relname = ANY(%s)) ORDER BY 1"
)


class HalfApplied(Exception):
    """A migration that is not atomic was applied by half.

    Attributes:
        indexes: Full names of the indexes that are left.
    """

    def __init__(self, indexes: tuple[str, ...]) -> None:
        super().__init__(
            f"Ein abgebrochener Lauf hat Indizes hinterlassen: {', '.join(indexes)}. "
            "Starten Sie die Migration mit --repair: das löscht sie zuerst."
        )
        self.indexes = indexes


def left_over(connection: Any, pending: Iterable[Migration]) -> tuple[str, ...]:
    """Indexes of the vector store that are invalid, or that a pending migration is to create.

    Read-only; full names.
    """
    wanted = [
        part.index.name
        for migration in pending
        if not migration.atomic
        for operation in migration.operations
        for part in getattr(operation, "state_operations", ())
        if isinstance(part, AddIndex)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [wanted])
        return tuple(name for (name,) in cursor.fetchall())


def drop(connection: Any, index: str) -> None:
    """Drop one of those indexes beside running requests; not inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
