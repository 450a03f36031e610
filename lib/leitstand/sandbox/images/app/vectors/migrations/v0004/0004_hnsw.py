"""An HNSW index, built beside running requests."""

from __future__ import annotations

from django.db import migrations
from pgvector.django import HnswIndex

_CREATE = (
    "CREATE INDEX CONCURRENTLY embeddings_hnsw ON rag.embeddings "
    "USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
)


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Version 4 of the vector store; not atomic, so it can be applied by half."""

    atomic = False
    dependencies = (("vectors", "0003_ivfflat"),)
    operations = (
        migrations.RunSQL(
            [_CREATE],
            ["DROP INDEX CONCURRENTLY IF EXISTS rag.embeddings_hnsw"],
            state_operations=[
                migrations.AddIndex(
                    "Embedding",
                    HnswIndex(
                        name="embeddings_hnsw",
                        fields=["embedding"],
                        m=16,
                        ef_construction=64,
                        opclasses=["vector_cosine_ops"],
                    ),
                )
            ],
        ),
    )
