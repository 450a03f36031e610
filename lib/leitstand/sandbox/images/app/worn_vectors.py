"""Makes a vector store as bad as it gets in a year without maintenance.

Documents came that the index never saw when it was built, many of them went again, nobody vacuumed
or analyzed, and a rebuild of the index was cut off.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from leitstand.sandbox.images.app.sample_rows import add_documents, add_embeddings

__all__ = ["Store", "Worn", "wear"]

_BY_MIGRATION, _BY_HAND = "embeddings_ivfflat", "embeddings_hand_ivfflat"
# Ten times too many for some thousand rows: a search looks into too small a share of them.
_LISTS = 1000
# Neighbours then lie in several lists, of which a search looks into ten.
_SPREAD = 0.7
_KEPT_OF_FIVE = 2
_LOCK_NOT_AVAILABLE = "55P03"
_INDEX = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND c.relname = ANY(%s) AND c.relkind = 'i'"
)


@dataclass(frozen=True)
class Store:
    """One table of embeddings.

    Attributes:
        schema: Its schema.
        search_path: How unqualified names of tables are found.
        tenants: Id and name of those whose rows lie there.
    """

    schema: str
    search_path: str
    tenants: Sequence[tuple[UUID, str]]


@dataclass(frozen=True)
class Worn:
    """What was done to a store.

    Attributes:
        added: Documents that came.
        deleted: Of these, how many went again.
        index: The index that fits no longer, and of which an invalid copy is left.
    """

    added: int
    deleted: int
    index: str


def wear(store: Store, documents: int, seed: int) -> Worn:
    """Wear out one store; not inside a transaction. Rows that were there before stay.

    Autovacuum stays off for the table, or it would soon undo half of this.

    Args:
        documents: How many each tenant gets; three of five are deleted again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', %s, false)", [store.search_path])
        index = _build(cursor, store.schema)
        added = []
        for tenant, name in store.tenants:
            with transaction.atomic():
                added.append(_add(tenant, name, documents, seed))
        with transaction.atomic():
            gone = [number for ids in added for number in ids if number % 5 >= _KEPT_OF_FIVE]
            # The database lets the embeddings go with them.
            cursor.execute("DELETE FROM documents WHERE id = ANY(%s)", [gone])
        _cut_off_rebuild(cursor, store.schema, index)
    return Worn(sum(map(len, added)), len(gone), f"{store.schema}.{index}")


def _build(cursor: Any, schema: str) -> str:
    """Analyze the table, and build its index anew while there are few rows; returns its name."""
    table = f'"{schema}".embeddings'
    cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    cursor.execute(f"ANALYZE {table}")
    names = [_BY_MIGRATION, _BY_HAND]
    cursor.execute(_INDEX, [schema, [*names, *(f"{name}_ccnew" for name in names)]])
    found = {name for (name,) in cursor.fetchall()}
    index = _BY_MIGRATION if _BY_MIGRATION in found else _BY_HAND
    for name in found:
        cursor.execute(f'DROP INDEX "{schema}".{name}')
    cursor.execute(
        f"CREATE INDEX {index} ON {table} USING ivfflat (embedding vector_cosine_ops) "
        f"WITH (lists = {_LISTS})"
    )
    return index


def _add(tenant: UUID, name: str, count: int, seed: int) -> list[int]:
    rng = random.Random(f"{seed}/{tenant}/wear")
    ids = add_documents(tenant, name, count, rng)
    # Other centres: what a year of new documents is about, the index knows nothing of.
    add_embeddings(tenant, ids, seed + 1, [seed, tenant.int % 2**32], _SPREAD)
    return ids


def _cut_off_rebuild(cursor: Any, schema: str, index: str) -> None:
    """Leave what a rebuild leaves that waited too long for an open transaction."""
    cursor.execute("SET lock_timeout = '200ms'")
    try:
        with _writer(schema):
            cursor.execute(f'REINDEX INDEX CONCURRENTLY "{schema}".{index}')
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
    finally:
        cursor.execute("SET lock_timeout = 0")


@contextmanager
def _writer(schema: str) -> Iterator[None]:
    """Another session whose transaction has written to the table and stays open."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{schema}".embeddings IN ROW EXCLUSIVE MODE')
            yield
    finally:
        other.rollback()
        other.close()
