"""Fills the database with tenants, documents and clustered embeddings; the same for the same seed.

Independent random vectors would make every approximate index look broken; these lie in clusters,
as those of real texts do.
"""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction

from leitstand.sandbox.images.app import schema
from leitstand.sandbox.images.app.documents.models import Document, Tenant
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.sample_tenants import tenant_id

__all__ = ["Command"]

_FIRST = datetime(2026, 9, 1, 6, tzinfo=UTC)
_CLUSTERS = 64
_SPREAD = 0.35
_BATCH = 2000
_KINDS = ("Wartungsplan", "Prüfbericht", "Betriebsanweisung", "Schulung", "Störungsmeldung")
_THINGS = ("Kühlkreislauf", "Druckbehälter", "Förderband", "Schaltschrank", "Bereitschaftsdienst")


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Tenants that are there already are left as they are."""

    help = "Load sample tenants with documents and, where their table is there, embeddings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much of it."""
        parser.add_argument("--tenants", type=int, default=3)
        parser.add_argument("--documents", type=int, default=100, help="of each tenant")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, one transaction per tenant; writes `load_sample.done` with what was added."""
        tenants, count, seed = options["tenants"], options["documents"], options["seed"]
        if tenants < 1 or count < 0:
            raise CommandError("--tenants muss mindestens 1 sein, --documents mindestens 0.")
        began = time.monotonic()
        vectors = (schema.read().vectors or 0) >= 2
        added = 0
        for number in range(1, tenants + 1):
            with transaction.atomic():
                _, new = Tenant.objects.get_or_create(
                    id=tenant_id(number), defaults={"name": f"Mandant {number}"}
                )
                if not new:
                    continue
                rng = random.Random(f"{seed}/{number}")
                ids = self._documents(number, count, rng)
                if vectors and ids:
                    self._embeddings(number, ids, seed)
                added += count
        fields = {"documents": added, "embeddings": added if vectors else 0}
        seconds = round(time.monotonic() - began, 3)
        write_line("INFO", "Geladen", event="load_sample.done", seconds=seconds, **fields)

    def _documents(self, number: int, count: int, rng: random.Random) -> list[int]:
        """Add a tenant's documents; returns their ids in order."""
        made = [
            Document(
                tenant_id=tenant_id(number),
                title=f"{rng.choice(_KINDS)} {rng.choice(_THINGS)} {index}",
                body=f"Dokument {index} von Mandant {number}. " * rng.randint(1, 4),
                created_at=_FIRST + timedelta(minutes=index),
                updated_at=_FIRST + timedelta(minutes=index),
                **Document.counted(rng.randint(1, 60)),
            )
            for index in range(1, count + 1)
        ]
        return [document.pk for document in Document.objects.bulk_create(made, batch_size=_BATCH)]

    def _embeddings(self, number: int, ids: list[int], seed: int) -> None:
        connection.ensure_connection()
        # psycopg's own connection: Django has no COPY.
        own = connection.connection
        from pgvector.psycopg import register_vector

        register_vector(own)
        statement = (
            "COPY rag.embeddings (document_id, tenant_id, embedding) FROM STDIN (FORMAT BINARY)"
        )
        with own.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["int8", "uuid", "vector"])
            for document, vector in zip(ids, _vectors(len(ids), number, seed), strict=True):
                copy.write_row((document, tenant_id(number), vector))


def _vectors(count: int, number: int, seed: int) -> Iterator[Any]:
    """Unit vectors around centres that all tenants share."""
    import numpy as np

    dimensions = settings.VECTOR_DIMENSIONS
    centres = np.random.default_rng(seed).standard_normal((_CLUSTERS, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    own = np.random.default_rng([seed, number])
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        noise = own.standard_normal((size, dimensions)) * (_SPREAD / dimensions**0.5)
        found = centres[own.integers(_CLUSTERS, size=size)] + noise
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        yield from found.astype(np.float32)
