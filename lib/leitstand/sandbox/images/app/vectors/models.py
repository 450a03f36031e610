"""Embeddings of documents in the schema `rag`."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from pgvector.django import HnswIndex, IvfflatIndex, VectorField

from leitstand.sandbox.images.app.documents.models import Document

__all__ = ["HNSW", "IVFFLAT", "TABLE", "Embedding"]

# With a schema per tenant the search path says whose table it is.
TABLE = "embeddings" if settings.SCHEMA_PER_TENANT else '"rag"."embeddings"'
IVFFLAT = IvfflatIndex(
    name="embeddings_ivfflat", fields=["embedding"], lists=100, opclasses=["vector_cosine_ops"]
)
HNSW = HnswIndex(
    name="embeddings_hnsw",
    fields=["embedding"],
    m=16,
    ef_construction=64,
    opclasses=["vector_cosine_ops"],
)
_INDEXES = {3: IVFFLAT, 4: HNSW}


class Embedding(models.Model):  # type: ignore[misc]  # Django has no types
    """The vector of one document; goes with it."""

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, db_constraint=False
    )
    tenant_id = models.UUIDField()
    embedding = VectorField(dimensions=settings.VECTOR_DIMENSIONS)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Its table and the indexes that this version knows."""

        db_table = TABLE
        indexes = tuple(
            index for number, index in _INDEXES.items() if number <= settings.VECTORS_NEWEST
        )
