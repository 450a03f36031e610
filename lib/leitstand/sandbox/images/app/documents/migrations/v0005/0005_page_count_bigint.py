"""Rewrites the table, and holds its lock for as long as a table of production size would take."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 5."""

    dependencies = (("documents", "0004_drop_pages"),)
    operations = (
        migrations.AlterField("Document", "page_count", models.BigIntegerField(db_default=0)),
        migrations.RunSQL(
            [f"SELECT pg_sleep({settings.LONG_LOCK_SECONDS:g})"], migrations.RunSQL.noop
        ),
    )
