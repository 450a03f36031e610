"""Clones of Cloud SQL instances: copies of now, and recoveries to a point in time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.faults import striking
from leitstand.sandbox.sql.backups import BaseBackup
from leitstand.sandbox.sql.errors import invalid_request, invalid_state, taken
from leitstand.sandbox.sql.inventory import Inventory, State, key
from leitstand.sandbox.sql.machine import Machine
from leitstand.sandbox.sql.operations import SqlOperations, Type
from leitstand.sandbox.sql.recovery import (
    Window,
    base_for,
    copy_now,
    hole_failure,
    recover,
    window,
)
from leitstand.sandbox.sql.settings_rules import archives, check_name, cloned_settings, flags_of
from leitstand.sandbox.store import raw

__all__ = ["Clones"]

SERVICE = "/google.cloud.sql.v1.SqlInstancesService/"
# With the fault `disk_full` the kernel lets no file of the clone grow beyond this.
FULL_DISK_BYTES = 256 * 1024


class Clones:
    """Makes clones, and says what can be recovered."""

    def __init__(self, inventory: Inventory, operations: SqlOperations) -> None:
        self._inventory = inventory
        self._operations = operations

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "Clone": self.clone,
            SERVICE + "GetLatestRecoveryTime": self.get_latest_recovery_time,
        }

    async def get_latest_recovery_time(
        self, request: sql.SqlInstancesGetLatestRecoveryTimeRequest
    ) -> sql.SqlInstancesGetLatestRecoveryTimeResponse:
        """The window of times that a clone can have now."""
        found = await self._window(self._inventory.get(request.project, request.instance))
        return sql.SqlInstancesGetLatestRecoveryTimeResponse(
            kind="sql#getLatestRecoveryTime",
            earliest_recovery_time=found.earliest,
            latest_recovery_time=found.latest,
        )

    async def clone(self, request: sql.SqlInstancesCloneRequest) -> sql.Operation:
        """Make a new instance with the data that another has now, or had at a point in time."""
        source = self._inventory.get(request.project, request.instance)
        context = request.body.clone_context
        name = context.destination_instance_name
        self._check_destination(request.project, context)
        names = key(request.project, name), key(source.project, source.name)
        self._operations.check_idle(*names)
        if names[0] in self._inventory.table:
            raise taken("instance", name)
        if source.state != State.RUNNABLE:
            raise invalid_state(f"The instance {source.name} is not in a state to be cloned.")
        make = await self._plan(source, _point_in_time(context))
        # The checks above have waited for the database; another clone may have been quicker.
        self._operations.check_idle(*names)
        clone = self._inventory.add(
            request.project,
            name,
            sql.DatabaseInstance(
                settings=cloned_settings(source.settings),
                region=source.region,
                gce_zone=context.preferred_zone or source.gce_zone,
                database_installed_version=source.database_installed_version,
            ),
        )
        limit = FULL_DISK_BYTES if striking() == "disk_full" else 0

        async def work(_: sql.Operation) -> None:
            try:
                await make(self._inventory.machine(clone), limit)
            except BaseException:
                await self._inventory.discard(clone)
                self._inventory.set_state(clone, State.FAILED)
                raise
            self._inventory.set_state(clone, State.RUNNABLE)

        return self._operations.start(Type.CLONE, names[0], work, also=names[1:])

    def _check_destination(self, project: str, context: sql.CloneContext) -> None:
        if not context.destination_instance_name:
            raise invalid_request("Missing parameter: cloneContext.destinationInstanceName.")
        check_name(project, context.destination_instance_name)
        if context.destination_project not in ("", project):
            raise invalid_request("The sandbox clones within a project only.")
        if context.database_names or "bin_log_coordinates" in context:
            raise invalid_request("This way of cloning is not possible for PostgreSQL.")

    async def _plan(
        self, source: sql.DatabaseInstance, at: datetime | None
    ) -> Callable[[Machine, int], Awaitable[None]]:
        """How the clone is made; refuses what cannot be."""
        machine = self._inventory.machine(source)
        flags = flags_of(source.settings)
        if at is None and not machine.bases():
            if not machine.cluster.running:
                raise invalid_state(f"The instance {source.name} is not running.")

            async def make_copy(destination: Machine, limit: int) -> None:
                await copy_now(machine, destination, flags, limit)

            return make_copy
        base = base_for(machine, at)
        if at is not None:
            found = await self._window(source)
            base = self._base(machine, found, at)
            if found.hole is not None and at > found.latest:
                hole = found.hole

                async def refuse(destination: Machine, limit: int) -> None:
                    raise hole_failure(hole)

                return refuse
        assert base is not None
        chosen = base

        async def make(destination: Machine, limit: int) -> None:
            await recover(machine, destination, chosen, at, flags, limit)

        return make

    def _base(self, machine: Machine, found: Window, at: datetime) -> BaseBackup:
        """The backup to begin with; PostgreSQL itself would take a wrong one silently."""
        shown = at.isoformat()
        base = base_for(machine, at)
        if at < found.earliest or base is None:
            raise invalid_request(
                f"The point in time {shown} is before the earliest recovery time "
                f"{found.earliest.isoformat()}."
            )
        if at > found.latest and (found.hole is None or at > datetime.now(UTC)):
            raise invalid_request(
                f"The point in time {shown} is after the latest recovery time "
                f"{found.latest.isoformat()}."
            )
        return base

    async def _window(self, instance: sql.DatabaseInstance) -> Window:
        if not archives(instance.settings):
            raise invalid_state(
                f"Point-in-time recovery is not enabled for the instance {instance.name}."
            )
        days = instance.settings.backup_configuration.transaction_log_retention_days or 7
        found = await window(self._inventory.machine(instance), timedelta(days=days))
        if found is None:
            raise invalid_state(f"The instance {instance.name} has no backup to recover from.")
        return found


def _point_in_time(context: sql.CloneContext) -> datetime | None:
    """The time asked for, to the microsecond that PostgreSQL knows; None is now."""
    if not raw(context).HasField("point_in_time"):
        return None
    asked = context.point_in_time
    return datetime.fromtimestamp(int(asked.timestamp()), UTC).replace(
        microsecond=asked.microsecond
    )
