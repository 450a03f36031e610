"""The extension and the schema `rag`."""

from __future__ import annotations

from django.db import migrations

from leitstand.sandbox.images.app.tenancy import ROLE


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Version 1 of the vector store."""

    initial = True
    dependencies = (("documents", "0001_initial"),)
    operations = (
        migrations.RunSQL(
            [
                "CREATE EXTENSION IF NOT EXISTS vector",
                "CREATE SCHEMA rag",
                f"GRANT USAGE ON SCHEMA rag TO {ROLE}",
            ],
            ["DROP SCHEMA rag"],
        ),
    )
