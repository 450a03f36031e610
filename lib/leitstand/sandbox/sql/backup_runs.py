"""Backup runs of Cloud SQL: base backups that really exist, and restoring one in place."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.paging import page
from leitstand.sandbox.sql.binaries import ProgramFailed
from leitstand.sandbox.sql.cluster import StartFailed
from leitstand.sandbox.sql.errors import SqlFailure, invalid_request, invalid_state, missing
from leitstand.sandbox.sql.inventory import Inventory, State, key
from leitstand.sandbox.sql.operations import SITE, SqlOperations, Type
from leitstand.sandbox.sql.settings_rules import (
    VERSION,
    flags_of,
    no_backups,
    retained_backups,
)
from leitstand.sandbox.store import Store

__all__ = ["BackupRuns"]

SERVICE = "/google.cloud.sql.v1.SqlBackupRunsService/"
RESTORE = "/google.cloud.sql.v1.SqlInstancesService/RestoreBackup"
Status = sql.SqlBackupRunStatus
Kind = sql.SqlBackupRunType


class BackupRuns:
    """Those of all instances, by `PROJECT/INSTANCE/ID`."""

    def __init__(self, store: Store, inventory: Inventory, operations: SqlOperations) -> None:
        self._table = store.table("sql_backup_runs", sql.BackupRun)
        self._inventory = inventory
        self._operations = operations
        for name, run in list(self._table.items()):
            if run.status == Status.RUNNING:
                run.status = Status(Status.FAILED)
                self._table[name] = run

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "Insert": self.insert,
            SERVICE + "Get": self.get,
            SERVICE + "List": self.list_all,
            SERVICE + "Delete": self.delete,
            RESTORE: self.restore,
        }

    async def insert(self, request: sql.SqlBackupRunsInsertRequest) -> sql.Operation:
        """Back an instance up on demand; such a backup is kept until it is deleted."""
        self._inventory.serving(request.project, request.instance)
        instance = self._inventory.get(request.project, request.instance)

        async def work(operation: sql.Operation) -> None:
            run = self._new(instance, Kind.ON_DEMAND, request.body.description)
            operation.backup_context = sql.BackupContext(kind="sql#backupContext", backup_id=run.id)
            await self._take(instance, run)

        return self._operations.start(
            Type.BACKUP_VOLUME, key(instance.project, instance.name), work
        )

    async def get(self, request: sql.SqlBackupRunsGetRequest) -> sql.BackupRun:
        """One run."""
        return sql.BackupRun(self._run(request.project, request.instance, request.id))

    async def list_all(self, request: sql.SqlBackupRunsListRequest) -> sql.BackupRunsListResponse:
        """The runs of an instance (`-`: of all in the project), newest first."""
        if request.instance != "-":
            self._inventory.get(request.project, request.instance)
        prefix = f"{request.project}/"
        if request.instance != "-":
            prefix += f"{request.instance}/"
        runs = [run for name, run in self._table.items() if name.startswith(prefix)]
        runs.sort(key=lambda run: -int(run.id))
        shown, token = page(
            runs, lambda run: (-run.id,), request.max_results, request.page_token, default=100
        )
        return sql.BackupRunsListResponse(
            kind="sql#backupRunsList", items=shown, next_page_token=token
        )

    async def delete(self, request: sql.SqlBackupRunsDeleteRequest) -> sql.Operation:
        """Delete a backup; the recovery window shrinks where it was the oldest one."""
        run = self._run(request.project, request.instance, request.id)
        instance = self._inventory.get(request.project, request.instance)

        async def work(_: sql.Operation) -> None:
            self._delete(instance, run.id)

        return self._operations.start(
            Type.DELETE_BACKUP, key(instance.project, instance.name), work
        )

    async def restore(self, request: sql.SqlInstancesRestoreBackupRequest) -> sql.Operation:
        """Replace an instance's data by a backup's.

        Everything in it is overwritten, its archived log is deleted, and its backup settings are
        as if nobody had configured them.
        """
        target = self._inventory.get(request.project, request.instance)
        context = request.body.restore_backup_context
        if not context.backup_run_id:
            raise invalid_request("Missing parameter: restoreBackupContext.backupRunId.")
        source = self._inventory.get(
            context.project or request.project, context.instance_id or request.instance
        )
        run = self._run(source.project, source.name, context.backup_run_id)
        if run.status != Status.SUCCESSFUL:
            raise invalid_state(f"The backup run {run.id} is not successful.")
        if target.state not in (State.RUNNABLE, State.MAINTENANCE):
            raise invalid_state(f"The instance {target.name} is not in a state to be restored.")
        backup = self._inventory.machine(source).backups.path(run.id)
        also = () if source == target else (key(source.project, source.name),)

        async def work(_: sql.Operation) -> None:
            self._inventory.set_state(target, State.MAINTENANCE)
            try:
                machine = self._inventory.machine(target)
                await machine.put_back(backup, flags_of(target.settings))
                target.settings.backup_configuration = no_backups()
            except (ProgramFailed, StartFailed) as error:
                raise SqlFailure("ERROR_RDBMS", str(error)) from error
            finally:
                running = self._inventory.machine(target).cluster.running
                self._inventory.set_state(target, State.RUNNABLE if running else State.FAILED)
            self._inventory.save(target, changed=True)

        return self._operations.start(
            Type.RESTORE_VOLUME, key(target.project, target.name), work, also
        )

    async def take_automated(self, instance: sql.DatabaseInstance) -> None:
        """Take the backup that Google takes by itself, and drop automated ones beyond the limit.

        Raises:
            ProgramFailed: It did not succeed.
        """
        await self._take(instance, self._new(instance, Kind.AUTOMATED, ""))
        prefix = f"{key(instance.project, instance.name)}/"
        automated = [
            run.id
            for name, run in self._table.items()
            if name.startswith(prefix) and run.type_ == Kind.AUTOMATED
        ]
        for number in sorted(automated)[: -retained_backups(instance.settings)]:
            self._delete(instance, number)

    def forget(self, instance: sql.DatabaseInstance) -> None:
        """Drop the runs of an instance that is deleted."""
        prefix = f"{key(instance.project, instance.name)}/"
        for name in list(self._table):
            if name.startswith(prefix):
                del self._table[name]

    def _new(self, instance: sql.DatabaseInstance, kind: int, description: str) -> sql.BackupRun:
        number = int(time.time() * 1000)
        while f"{key(instance.project, instance.name)}/{number}" in self._table:
            number += 1
        now = datetime.now(UTC)
        run = sql.BackupRun(
            kind="sql#backupRun",
            id=number,
            status=Status.RUNNING,
            type_=kind,
            backup_kind=sql.SqlBackupKind.PHYSICAL,
            description=description,
            instance=instance.name,
            database_version=VERSION,
            location=instance.region,
            enqueued_time=now,
            start_time=now,
            window_start_time=now,
            self_link=f"{SITE}/{instance.project}/instances/{instance.name}/backupRuns/{number}",
        )
        self._table[self._name(instance, number)] = run
        return run

    async def _take(self, instance: sql.DatabaseInstance, run: sql.BackupRun) -> None:
        machine = self._inventory.machine(instance)
        name = self._name(instance, run.id)
        try:
            await machine.back_up(run.id)
        except BaseException as error:
            run.status = Status(Status.FAILED)
            run.error = sql.OperationError(
                kind="sql#operationError", code="INTERNAL_ERROR", message=str(error)
            )
            self._table[name] = run
            raise
        run.status = Status(Status.SUCCESSFUL)
        run.end_time = datetime.now(UTC)
        self._table[name] = run

    def _delete(self, instance: sql.DatabaseInstance, id: int) -> None:
        machine = self._inventory.machine(instance)
        machine.backups.delete(id)
        machine.backups.prune_archive(machine.archive, machine.archive.era)
        self._table.pop(self._name(instance, id), None)

    def _run(self, project: str, instance: str, id: int) -> sql.BackupRun:
        self._inventory.get(project, instance)
        name = f"{key(project, instance)}/{id}"
        if name not in self._table:
            raise missing("backupRun", str(id))
        return self._table[name]

    @staticmethod
    def _name(instance: sql.DatabaseInstance, id: int) -> str:
        return f"{key(instance.project, instance.name)}/{id}"
