"""The table of embeddings, with row-level security."""

from __future__ import annotations

import pgvector.django
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

from leitstand.sandbox.images.app.tenancy import drop_policy, policy

# Django's own constraint knows no ON DELETE.
_CONSTRAINT = (
    "ALTER TABLE rag.embeddings ADD CONSTRAINT embeddings_document "
    "FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE"
)


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Version 2 of the vector store."""

    dependencies = (("vectors", "0001_extension"),)
    operations = (
        migrations.CreateModel(
            name="Embedding",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="documents.document",
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                (
                    "embedding",
                    pgvector.django.VectorField(dimensions=settings.VECTOR_DIMENSIONS),
                ),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={"db_table": '"rag"."embeddings"'},
        ),
        migrations.RunSQL(
            [
                _CONSTRAINT,
                *policy("rag.embeddings"),
            ],
            drop_policy("rag.embeddings"),
        ),
    )
