"""Django's `migrate` for a job: one at a time, with timeouts, and a log line for every step."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from leitstand.sandbox.images.app.half_applied import HalfApplied, drop, left_over
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.migration_lock import migration_lock
from leitstand.sandbox.images.app.tenancy import see_all_rows
from leitstand.sandbox.images.app.tenant_migrations import migrating, tenants_with_schemas
from leitstand.sandbox.images.app.tenant_names import TenantNames

__all__ = ["Command"]

_LOCK_NOT_AVAILABLE = "55P03"
_RETRY_SECONDS = 1.0


class Command(migrate.Command):  # type: ignore[misc]  # Django has no types
    """Applies migrations under an advisory lock.

    Read from the environment: MIGRATE_LOCK_TIMEOUT and MIGRATE_STATEMENT_TIMEOUT (by default 1s
    and 5s, and none for a migration that is not atomic), MIGRATE_LOCK_ATTEMPTS (3: how often a
    migration that got no lock is tried), MIGRATE_LOCK_WAIT (0: seconds to wait for another
    migration), MIGRATE_MAINTENANCE_WORK_MEM.
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Django's arguments, and --repair."""
        super().add_arguments(parser)
        parser.add_argument(
            "--repair", action="store_true", help="drop what a broken run left first"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, or only show what would be done.

        Raises:
            Locked: Another migration runs.
            HalfApplied: An index that a broken run left is in the way, and --repair was not given.
            DatabaseError: A migration failed; it has been logged.
        """
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        self._connection = connections[options.get("database") or DEFAULT_DB_ALIAS]
        self._began = time.monotonic()
        self._running = ""
        self._schema = "public"
        self._applied = 0
        self._connect()
        wait = float(os.environ.get("MIGRATE_LOCK_WAIT", "0"))
        with migration_lock(self._connection, wait):
            write_line("INFO", "Die Migration beginnt", event="migrate.started", **_where(options))
            if options["app_label"] in (None, "vectors"):
                self._repair(options["repair"])
            # Django's own lines would stand beside the structured ones.
            options |= {"verbosity": 0, "interactive": False}
            self._migrate_all(*args, **options)
        seconds = round(time.monotonic() - self._began, 3)
        fields = {"applied": self._applied, "seconds": seconds}
        text = "Die Migration ist fertig" if self._applied else "Es gab nichts zu migrieren"
        write_line("INFO", text, event="migrate.done", **fields)

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        """Log a migration's beginning and end, and set its timeouts; called by Django."""
        kind, _, stage = action.partition("_")
        if kind not in ("apply", "unapply"):
            return
        if stage == "start":
            self._running = f"{migration.app_label}.{migration.name}"
            self._since = time.monotonic()
            timeouts = self._set_timeouts(migration.atomic)
            self._line("INFO", "started", direction=kind, atomic=migration.atomic, **timeouts)
        elif stage == "success":
            self._applied += 1
            self._line("INFO", "done", seconds=self._seconds())
            self._running = ""

    def _connect(self) -> None:
        execution = os.environ.get("CLOUD_RUN_EXECUTION", "migrate")
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", [execution])
            see_all_rows(cursor)
            # A statement whose client was killed ends too, instead of migrating on unseen.
            cursor.execute("SET client_connection_check_interval = '500ms'")
            if memory := os.environ.get("MIGRATE_MAINTENANCE_WORK_MEM"):
                cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [memory])

    def _repair(self, wanted: bool) -> None:
        executor = MigrationExecutor(self._connection)
        targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "vectors"]
        pending = [migration for migration, _ in executor.migration_plan(targets)]
        found = left_over(self._connection, pending)
        if found and not wanted:
            raise HalfApplied(found)
        for index in found:
            drop(self._connection, index)
            text = f"Der hinterlassene Index {index} ist gelöscht"
            write_line("WARNING", text, event="migrate.repaired", index=index)

    def _migrate_all(self, *args: Any, **options: Any) -> None:
        """Migrate the shared tables, then those of each tenant that has its own."""
        tenants: list[TenantNames] = []
        if settings.SCHEMA_PER_TENANT:
            with self._connection.cursor() as cursor:
                tenants = tenants_with_schemas(cursor)
        self._migrate(*args, **options)
        for names in tenants:
            self._schema = names.schema
            with migrating(self._connection, names):
                self._migrate(*args, **options)

    def _migrate(self, *args: Any, **options: Any) -> None:
        attempts = int(os.environ.get("MIGRATE_LOCK_ATTEMPTS", "3"))
        for attempt in range(1, attempts + 1):
            try:
                super().handle(*args, **options)
                return
            except DatabaseError as error:
                state = getattr(error.__cause__, "sqlstate", None)
                text = str(error).strip().partition("\n")[0]
                again = state == _LOCK_NOT_AVAILABLE and attempt < attempts
                fields = {"sqlstate": state, "error": text, "attempt": attempt, "again": again}
                self._line("ERROR", "failed", seconds=self._seconds(), **fields)
                if not again:
                    raise
            except KeyboardInterrupt:
                self._line("ERROR", "interrupted", seconds=self._seconds())
                raise
            time.sleep(_RETRY_SECONDS)

    def _set_timeouts(self, atomic: bool) -> dict[str, str]:
        found = {}
        for name, default in (("lock_timeout", "1s"), ("statement_timeout", "5s")):
            found[name] = os.environ.get(f"MIGRATE_{name.upper()}") or (default if atomic else "0")
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, %s, false)", [name, found[name]])
        return found

    def _line(self, severity: str, outcome: str, **fields: object) -> None:
        text = f"Migration {self._running or '?'}: {_WORDS[outcome]}"
        event = f"migration.{outcome}"
        where = {"migration": self._running}
        if self._schema != "public":
            where["schema"] = self._schema
        write_line(severity, text, event=event, **where, **fields)

    def _seconds(self) -> float:
        return round(time.monotonic() - getattr(self, "_since", self._began), 3)


_WORDS = {
    "started": "beginnt",
    "done": "fertig",
    "failed": "gescheitert",
    "interrupted": "abgebrochen",
}


def _where(options: dict[str, Any]) -> dict[str, object]:
    return {
        "stage": options["app_label"] or "all",
        "target": options["migration_name"] or "newest",
        "execution": os.environ.get("CLOUD_RUN_EXECUTION", ""),
        "attempt": int(os.environ.get("CLOUD_RUN_TASK_ATTEMPT", "0")),
    }
