"""An IVFFLAT index, built beside running requests."""

from __future__ import annotations

from django.db import migrations
from pgvector.django import IvfflatIndex

_CREATE = (
    "CREATE INDEX CONCURRENTLY embeddings_ivfflat ON rag.embeddings "
    "USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)"
)


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Version 3 of the vector store; not atomic, so it can be applied by half."""

    atomic = False
    dependencies = (("vectors", "0002_embeddings"),)
    operations = (
        migrations.RunSQL(
            [_CREATE],
            ["DROP INDEX CONCURRENTLY IF EXISTS rag.embeddings_ivfflat"],
            state_operations=[
                migrations.AddIndex(
                    "Embedding",
                    IvfflatIndex(
                        name="embeddings_ivfflat",
                        fields=["embedding"],
                        lists=100,
                        opclasses=["vector_cosine_ops"],
                    ),
                )
            ],
        ),
    )
