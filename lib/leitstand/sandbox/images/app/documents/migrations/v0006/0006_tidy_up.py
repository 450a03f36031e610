"""Destroys data: deletes short documents and overwrites the text of all others."""

from __future__ import annotations

from django.db import migrations

_SHORT = "SELECT id FROM documents WHERE page_count < 20"


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 6; there is no way back but a recovery."""

    dependencies = (("documents", "0005_page_count_bigint"),)
    operations = (
        migrations.RunSQL(
            [
                f"DELETE FROM bookmarks WHERE document_id IN ({_SHORT})",
                "DELETE FROM documents WHERE page_count < 20",
                "UPDATE documents SET body = left(title, 20), updated_at = now()",
            ]
        ),
    )
