"""Makes the vector store as bad as it gets in a year, so that its maintenance can be rehearsed."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection

from leitstand.sandbox.images.app import schema
from leitstand.sandbox.images.app.documents.models import Tenant
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.tenancy import see_all_rows
from leitstand.sandbox.images.app.tenant_names import TenantNames, slug
from leitstand.sandbox.images.app.worn_vectors import Store, wear

__all__ = ["Command"]


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Adds documents of every tenant and deletes most of them; others it leaves alone."""

    help = "Wear out the vector store: a misfit index, dead rows, old statistics, a leftover."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much of it."""
        parser.add_argument("--documents", type=int, default=3000, help="of each tenant")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Wear out every store; writes `wear_vectors.store` for each, then `wear_vectors.done`."""
        count, began = options["documents"], time.monotonic()
        if count < 1:
            raise CommandError("--documents muss mindestens 1 sein.")
        if (schema.read().vectors or 0) < 2:
            raise CommandError("Die Tabelle der Embeddings gibt es noch nicht: erst migrieren.")
        with connection.cursor() as cursor:
            see_all_rows(cursor)
        added = deleted = 0
        for store in _stores():
            worn = wear(store, count, options["seed"])
            added += worn.added
            deleted += worn.deleted
            fields = {"index": worn.index, "added": worn.added, "deleted": worn.deleted}
            text = f"{store.schema} ist abgenutzt"
            write_line("INFO", text, event="wear_vectors.store", **fields)
        if not added:
            raise CommandError("Es gibt keine Mandanten: laden Sie zuerst Beispiele.")
        seconds = round(time.monotonic() - began, 3)
        fields = {"added": added, "deleted": deleted, "seconds": seconds}
        write_line("INFO", "Abgenutzt", event="wear_vectors.done", **fields)


def _stores() -> Iterator[Store]:
    """Where tenants have embeddings: all in one table, or each in its own."""
    tenants = list(Tenant.objects.order_by("name", "id").values_list("id", "name"))
    if not settings.SCHEMA_PER_TENANT:
        if tenants:
            yield Store("rag", "public", tenants)
        return
    for tenant, name in tenants:
        names = TenantNames(slug(name))
        yield Store(names.rag_schema, names.search_path, [(tenant, name)])
