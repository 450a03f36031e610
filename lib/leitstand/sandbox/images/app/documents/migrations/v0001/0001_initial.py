"""Tenants and documents, with row-level security by `app.tenant_id`."""

from __future__ import annotations

import uuid

from django.db import migrations, models
from django.db.models.functions import Now

from leitstand.sandbox.images.app.tenancy import ROLE, drop_policy, policy

# Roles belong to the cluster, not to the database: another database may have made it. Whoever
# creates a role administers it from PostgreSQL 16 on, but may not act as it without a grant.
_ROLE = f"""DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
    CREATE ROLE {ROLE} NOLOGIN;
  END IF;
  IF NOT pg_has_role(current_user, '{ROLE}', 'SET') THEN
    GRANT {ROLE} TO current_user;
  END IF;
END $$"""


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Schema version 1."""

    initial = True
    dependencies = ()
    operations = (
        migrations.RunSQL([_ROLE], migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={"db_table": "tenants"},
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField()),
                ("pages", models.IntegerField(db_default=0)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("updated_at", models.DateTimeField(db_default=Now())),
                (
                    "tenant",
                    models.ForeignKey(on_delete=models.CASCADE, to="documents.tenant"),
                ),
            ],
            options={"db_table": "documents"},
        ),
        migrations.AddIndex(
            "Document", models.Index(fields=["tenant", "-created_at"], name="documents_newest")
        ),
        migrations.RunSQL(
            [
                f"GRANT SELECT ON django_migrations TO {ROLE}",
                *policy("tenants", "id"),
                *policy("documents"),
            ],
            [*drop_policy("documents"), *drop_policy("tenants")],
        ),
    )
