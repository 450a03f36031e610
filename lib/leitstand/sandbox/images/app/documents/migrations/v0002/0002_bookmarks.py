"""A table that no older code looks at: harmless."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models.functions import Now

from leitstand.sandbox.images.app.tenancy import drop_policy, policy


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 2."""

    dependencies = (("documents", "0001_initial"),)
    operations = (
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("note", models.TextField(null=True)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "document",
                    models.ForeignKey(on_delete=models.CASCADE, to="documents.document"),
                ),
                (
                    "tenant",
                    models.ForeignKey(on_delete=models.CASCADE, to="documents.tenant"),
                ),
            ],
            options={"db_table": "bookmarks"},
        ),
        migrations.RunSQL(policy("bookmarks"), drop_policy("bookmarks")),
    )
