"""Expand: a second column for the same thing, with a default that stays in the database.

A default that only Django knows would break the inserts of older code.
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 3."""

    dependencies = (("documents", "0002_bookmarks"),)
    operations = (
        migrations.AddField("Document", "page_count", models.IntegerField(db_default=0)),
        migrations.RunSQL(
            ["UPDATE documents SET page_count = pages WHERE page_count = 0 AND pages <> 0"],
            migrations.RunSQL.noop,
        ),
    )
