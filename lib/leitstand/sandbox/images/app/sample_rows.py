"""Documents and clustered embeddings for rehearsals; the same for the same seed.

Independent random vectors would make every approximate index look broken; these lie in clusters,
as those of real texts do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from leitstand.sandbox.images.app.documents.models import Document
from leitstand.sandbox.images.app.vectors.models import TABLE

__all__ = ["add_documents", "add_embeddings"]

_FIRST = datetime(2026, 9, 1, 6, tzinfo=UTC)
_CLUSTERS = 64
_SPREAD = 0.35
_BATCH = 2000
_KINDS = ("Wartungsplan", "Prüfbericht", "Betriebsanweisung", "Schulung", "Störungsmeldung")
_THINGS = ("Kühlkreislauf", "Druckbehälter", "Förderband", "Schaltschrank", "Bereitschaftsdienst")


def add_documents(tenant: UUID, name: str, count: int, rng: random.Random) -> list[int]:
    """Add so many documents of a tenant; returns their ids in order."""
    made = [
        Document(
            tenant_id=tenant,
            title=f"{rng.choice(_KINDS)} {rng.choice(_THINGS)} {index}",
            body=f"Dokument {index} von {name}. " * rng.randint(1, 4),
            created_at=_FIRST + timedelta(minutes=index),
            updated_at=_FIRST + timedelta(minutes=index),
            **Document.counted(rng.randint(1, 60)),
        )
        for index in range(1, count + 1)
    ]
    return [document.pk for document in Document.objects.bulk_create(made, batch_size=_BATCH)]


def add_embeddings(
    tenant: UUID, ids: Sequence[int], centres: int, own: Sequence[int], spread: float = _SPREAD
) -> None:
    """Add a vector for each of those documents; inside a transaction.

    Args:
        centres: Seed of the centres that the vectors lie around.
        own: Seed of the vectors.
        spread: How far from them, as a multiple of their length.
    """
    connection.ensure_connection()
    # psycopg's own connection: Django has no COPY.
    session = connection.connection
    from pgvector.psycopg import register_vector

    register_vector(session)
    with session.cursor() as cursor:
        # COPY is not possible into a table whose policies hold for its owner too.
        cursor.execute("CREATE TEMPORARY TABLE sample (id bigint, vector vector) ON COMMIT DROP")
        with cursor.copy("COPY sample FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "vector"])
            for row in zip(ids, _vectors(len(ids), centres, own, spread), strict=True):
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {TABLE} (document_id, tenant_id, embedding) "
            "SELECT id, %s, vector FROM sample ORDER BY id",
            [tenant],
        )
        cursor.execute("DROP TABLE sample")


def _vectors(count: int, centres: int, own: Sequence[int], spread: float) -> Iterator[Any]:
    """Unit vectors around centres that all tenants share."""
    import numpy as np

    dimensions = settings.VECTOR_DIMENSIONS
    middle = np.random.default_rng(centres).standard_normal((_CLUSTERS, dimensions))
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    rng = np.random.default_rng(list(own))
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        noise = rng.standard_normal((size, dimensions)) * (spread / dimensions**0.5)
        found = middle[rng.integers(_CLUSTERS, size=size)] + noise
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        yield from found.astype(np.float32)
