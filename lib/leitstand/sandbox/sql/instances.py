"""Cloud SQL instances: make, read, change, restart and delete them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.paging import page
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.sql import roles
from leitstand.sandbox.sql.backup_runs import BackupRuns
from leitstand.sandbox.sql.cluster import StartFailed
from leitstand.sandbox.sql.errors import (
    SqlFailure,
    conflict,
    invalid_request,
    invalid_state,
    protected,
    stale,
    taken,
)
from leitstand.sandbox.sql.flags import check_flags
from leitstand.sandbox.sql.inventory import PORT_LABEL, Inventory, State, key
from leitstand.sandbox.sql.operations import SqlOperations, Type
from leitstand.sandbox.sql.settings_rules import (
    VERSION,
    archives,
    check_name,
    check_settings,
    complete_settings,
    flags_of,
    merge,
)
from leitstand.sandbox.store import raw

__all__ = ["Instances"]

SERVICE = "/google.cloud.sql.v1.SqlInstancesService/"
FILTER = re.compile(r"\s*(name|state|region|settings\.userLabels\.[\w-]+)\s*[:=]\s*\"?([\w.-]+)\"?")
STOPPED = sql.Settings.SqlActivationPolicy.NEVER


class Instances:
    """Those of all projects of the sandbox."""

    def __init__(
        self,
        inventory: Inventory,
        operations: SqlOperations,
        backups: BackupRuns,
        references: References = UNCHECKED,
    ) -> None:
        self._inventory = inventory
        self._operations = operations
        self._backups = backups
        self._references = references

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "Insert": self.insert,
            SERVICE + "Get": self.get,
            SERVICE + "List": self.list_all,
            SERVICE + "Patch": self.patch,
            SERVICE + "Update": self.update,
            SERVICE + "Delete": self.delete,
            SERVICE + "Restart": self.restart,
        }

    async def insert(self, request: sql.SqlInstancesInsertRequest) -> sql.Operation:
        """Make an instance: an empty cluster, with a first base backup where backups are on."""
        project, content = request.project, sql.DatabaseInstance(request.body)
        check_name(project, content.name)
        name = key(project, content.name)
        if name in self._inventory.table:
            raise taken("instance", content.name)
        if content.database_version not in (0, VERSION):
            raise invalid_request("The sandbox has the database version POSTGRES_16 only.")
        password, content.root_password = content.root_password, ""
        complete_settings(content.settings)
        await self._check(name, content.settings, None)
        self._operations.check_idle(name)
        instance = self._inventory.add(project, content.name, content)

        async def work(_: sql.Operation) -> None:
            machine = self._inventory.machine(instance)
            try:
                await machine.create(flags_of(instance.settings), archives(instance.settings))
                await roles.create(machine.cluster, "postgres", password or secrets.token_hex(16))
                await self._ready(instance)
            except BaseException as error:
                await self._inventory.discard(instance)
                self._inventory.set_state(instance, State.FAILED)
                if isinstance(error, StartFailed):
                    raise SqlFailure("ERROR_RDBMS", error.fatal or str(error)) from error
                raise

        return self._operations.start(Type.CREATE, name, work)

    async def get(self, request: sql.SqlInstancesGetRequest) -> sql.DatabaseInstance:
        """One instance."""
        return sql.DatabaseInstance(self._inventory.get(request.project, request.instance))

    async def list_all(self, request: sql.SqlInstancesListRequest) -> sql.InstancesListResponse:
        """The project's instances by name; `filter` may be one `field:value`."""
        found = sorted(
            (one for one in self._inventory.table.values() if one.project == request.project),
            key=lambda one: str(one.name),
        )
        if request.filter:
            match = FILTER.fullmatch(request.filter)
            if match is None:
                raise invalid_request(f"Filter '{request.filter}' is not possible.")
            found = [one for one in found if _field(one, match[1]) == match[2]]
        shown, token = page(
            found, lambda one: (one.name,), request.max_results, request.page_token, default=100
        )
        return sql.InstancesListResponse(
            kind="sql#instancesList", items=shown, next_page_token=token
        )

    async def patch(self, request: sql.SqlInstancesPatchRequest) -> sql.Operation:
        """Change what is given; lists are replaced."""
        instance = self._inventory.get(request.project, request.instance)
        _check_fixed(instance, request.body)
        settings = sql.Settings(instance.settings)
        given = sql.Settings(request.body.settings)
        wanted_version = given.settings_version
        raw(given).ClearField("settings_version")
        merge(raw(settings), raw(given))
        return await self._change(instance, settings, request.body.etag, wanted_version)

    async def update(self, request: sql.SqlInstancesUpdateRequest) -> sql.Operation:
        """Replace the settings; the version that was read must be named."""
        instance = self._inventory.get(request.project, request.instance)
        _check_fixed(instance, request.body)
        settings = sql.Settings(request.body.settings)
        version = settings.settings_version
        if version is None:
            raise invalid_request("Missing parameter: settings.settingsVersion.")
        complete_settings(settings)
        return await self._change(instance, settings, request.body.etag, version)

    async def delete(self, request: sql.SqlInstancesDeleteRequest) -> sql.Operation:
        """Delete the instance with its data, its log and its backups."""
        instance = self._inventory.get(request.project, request.instance)
        if instance.settings.deletion_protection_enabled:
            raise protected(instance.name)
        name = key(instance.project, instance.name)
        self._operations.check_idle(name)
        self._inventory.set_state(instance, State.PENDING_DELETE)

        async def work(_: sql.Operation) -> None:
            self._backups.forget(instance)
            await self._inventory.forget(instance)

        return self._operations.start(Type.DELETE, name, work)

    async def restart(self, request: sql.SqlInstancesRestartRequest) -> sql.Operation:
        """Stop the cluster and start it again; connections are ended."""
        self._inventory.serving(request.project, request.instance)
        instance = self._inventory.get(request.project, request.instance)

        async def work(_: sql.Operation) -> None:
            await self._restart(instance)

        return self._operations.start(Type.RESTART, key(instance.project, instance.name), work)

    async def _change(
        self,
        instance: sql.DatabaseInstance,
        settings: sql.Settings,
        etag: str,
        version: int | None,
    ) -> sql.Operation:
        name = key(instance.project, instance.name)
        self._operations.check_idle(name)
        if instance.state != State.RUNNABLE:
            raise invalid_state(f"The instance {instance.name} is not in a state to be changed.")
        if etag and etag != instance.etag:
            raise conflict("The etag does not match: the instance has changed since it was read.")
        if version is not None and version != instance.settings.settings_version:
            raise stale("Condition does not match: settingsVersion is not the current one.")
        before = sql.Settings(instance.settings)
        await self._check(name, settings, before)
        settings.user_labels[PORT_LABEL] = before.user_labels[PORT_LABEL]

        async def work(_: sql.Operation) -> None:
            settings.settings_version = before.settings_version
            instance.settings = settings
            try:
                await self._apply(instance, before)
            except StartFailed as error:
                instance.settings = before
                await self._inventory.run(instance)
                raise SqlFailure("ERROR_RDBMS", error.fatal or str(error)) from error
            self._inventory.save(instance, changed=True)

        return self._operations.start(Type.UPDATE, name, work)

    async def _apply(self, instance: sql.DatabaseInstance, before: sql.Settings) -> None:
        """Bring the machine to the new settings; it restarts where that is needed."""
        settings = instance.settings
        cluster = self._inventory.machine(instance).cluster
        if settings.activation_policy == STOPPED:
            if cluster.running:
                # So that the last state can be recovered exactly, with the cluster down.
                await self._inventory.machine(instance).archive.heartbeat()
            await cluster.stop()
            return
        unchanged = (flags_of(settings), archives(settings)) == (flags_of(before), archives(before))
        if unchanged and cluster.running:
            return
        # A change of archiving needs it at Google, too.
        await self._restart(instance)
        if archives(settings) and not archives(before):
            await self._backups.take_automated(instance)

    async def _restart(self, instance: sql.DatabaseInstance) -> None:
        await self._inventory.machine(instance).cluster.stop()
        await self._inventory.run(instance)

    async def _ready(self, instance: sql.DatabaseInstance) -> None:
        """Take the first backup and declare the instance RUNNABLE."""
        machine = self._inventory.machine(instance)
        rows = await machine.cluster.ask("SHOW server_version")
        instance.database_installed_version = f"POSTGRES_{str(rows[0][0]).replace('.', '_')}"
        if instance.settings.backup_configuration.enabled:
            await self._backups.take_automated(instance)
        self._inventory.set_state(instance, State.RUNNABLE)

    async def _check(self, name: str, settings: sql.Settings, before: sql.Settings | None) -> None:
        check_settings(settings, before)
        network = settings.ip_configuration.private_network
        if before is None or network != before.ip_configuration.private_network:
            project, _, instance = name.partition("/")
            self._references.check_network(project, instance, network)
        await check_flags(flags_of(settings))


def _check_fixed(instance: sql.DatabaseInstance, given: sql.DatabaseInstance) -> None:
    """Refuse what an instance keeps for its life; what is not given stays."""
    for field in ("name", "region", "database_version"):
        wanted, current = getattr(given, field), getattr(instance, field)
        if wanted and wanted != current:
            raise invalid_request(f"The {field} of an instance cannot be changed.")


def _field(instance: sql.DatabaseInstance, path: str) -> str:
    if path == "state":
        return str(State(instance.state).name)
    if path.startswith("settings.userLabels."):
        return str(instance.settings.user_labels.get(path.rpartition(".")[2], ""))
    return str(getattr(instance, path))
