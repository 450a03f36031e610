"""What `migrate` would do, as structured lines with the SQL of every migration."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from leitstand.sandbox.images.app import schema
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["Command"]


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Read-only; `plan` for all, `plan documents` or `plan vectors` for one stage."""

    help = "Show pending migrations with their SQL, as one JSON line each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The stage."""
        parser.add_argument("app_label", nargs="?", choices=("documents", "vectors"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Write `plan.migration` for each pending migration, in order, then `plan.done`."""
        executor = MigrationExecutor(connection)
        label = options["app_label"]
        targets = [key for key in executor.loader.graph.leaf_nodes() if label in (None, key[0])]
        if not targets:
            raise CommandError(f"Dieses Abbild enthält keine Migrationen von {label}.")
        pending = executor.migration_plan(targets)
        for migration, _ in pending:
            name = f"{migration.app_label}.{migration.name}"
            write_line(
                "INFO",
                f"Migration {name} steht an",
                event="plan.migration",
                migration=name,
                atomic=migration.atomic,
                operations=[operation.describe() for operation in migration.operations],
                sql="\n".join(executor.loader.collect_sql([(migration, False)])),
            )
        names = [f"{migration.app_label}.{migration.name}" for migration, _ in pending]
        fields = {"pending": names, "schema": schema.as_json(schema.read())}
        write_line("INFO", f"{len(names)} Migrationen stehen an", event="plan.done", **fields)
