"""Fills the database with tenants, documents and embeddings; the same for the same seed."""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction

from leitstand.sandbox.images.app import schema, tenant_schemas
from leitstand.sandbox.images.app.documents.models import Tenant
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.sample_rows import add_documents, add_embeddings
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from leitstand.sandbox.images.app.tenancy import see_all_rows
from leitstand.sandbox.images.app.tenant_names import TenantNames, slug

__all__ = ["Command"]


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Tenants that are there already are left as they are."""

    help = "Load sample tenants with documents and, where their table is there, embeddings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much of it."""
        parser.add_argument("--tenants", type=int, default=3)
        parser.add_argument("--documents", type=int, default=100, help="of each tenant")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, one transaction per tenant; writes `load_sample.done` with what was added."""
        tenants, count, seed = options["tenants"], options["documents"], options["seed"]
        if tenants < 1 or count < 0:
            raise CommandError("--tenants muss mindestens 1 sein, --documents mindestens 0.")
        began = time.monotonic()
        vectors = (schema.read().vectors or 0) >= 2
        added = 0
        with connection.cursor() as cursor:
            see_all_rows(cursor)
        for number in range(1, tenants + 1):
            with transaction.atomic():
                added += self._load(number, count, seed, vectors)
        fields = {"documents": added, "embeddings": added if vectors else 0}
        seconds = round(time.monotonic() - began, 3)
        write_line("INFO", "Geladen", event="load_sample.done", seconds=seconds, **fields)

    def _load(self, number: int, count: int, seed: int, vectors: bool) -> int:
        """Load one tenant; returns how many documents it has got."""
        tenant, name = tenant_id(number), f"Mandant {number}"
        if not Tenant.objects.get_or_create(id=tenant, defaults={"name": name})[1]:
            return 0
        if settings.SCHEMA_PER_TENANT:
            names = TenantNames(slug(name))
            with connection.cursor() as cursor:
                tenant_schemas.create(cursor, names)
                tenant_schemas.use(cursor, names)
        ids = add_documents(tenant, name, count, random.Random(f"{seed}/{number}"))
        if vectors and ids:
            add_embeddings(tenant, ids, seed, [seed, number])
        return count
