"""Contract: the old column goes, and with it all code that still reads or writes it."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 4."""

    dependencies = (("documents", "0003_page_count"),)
    operations = (
        migrations.RunSQL(
            ["UPDATE documents SET page_count = pages WHERE page_count = 0 AND pages <> 0"],
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("Document", "pages"),
    )
