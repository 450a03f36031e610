"""All Cloud SQL instances of the sandbox, and the machines behind them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.disk_gauges import Disk
from leitstand.sandbox.sockets import socket_directory
from leitstand.sandbox.sql.cluster import StartFailed, own
from leitstand.sandbox.sql.connectivity import give_names
from leitstand.sandbox.sql.errors import invalid_state, missing
from leitstand.sandbox.sql.machine import Machine
from leitstand.sandbox.sql.operations import SITE
from leitstand.sandbox.sql.settings_rules import VERSION, archives, flags_of
from leitstand.sandbox.store import Store

__all__ = ["PORT_LABEL", "Inventory", "State", "key"]

PORT_LABEL = "sandbox-port"
GIB = 1024**3
State = sql.DatabaseInstance.SqlInstanceState

log = logging.getLogger(__name__)


class Inventory:
    """The instances by `PROJECT/NAME`, kept in the store, and their machines.

    Args:
        store: The sandbox's state.
        directory: Where the machines lie.
        region: Where instances are by default.
        addresses: The sandbox's ports.

    Attributes:
        table: The instances; assign one again after a change.
        region: Where instances are by default.
    """

    def __init__(self, store: Store, directory: Path, region: str, addresses: Addresses) -> None:
        self.table = store.table("sql_instances", sql.DatabaseInstance)
        self.region = region
        self._directory = directory
        self._addresses = addresses
        self._machines: dict[str, Machine] = {}
        directory.mkdir(mode=0o700, exist_ok=True)
        self._sockets = socket_directory(directory, "sql")
        own(self._sockets)

    def get(self, project: str, name: str) -> sql.DatabaseInstance:
        """The live instance.

        Raises:
            ApiError: NOT_FOUND.
        """
        if key(project, name) not in self.table:
            raise missing("instance", name)
        return self.table[key(project, name)]

    def machine(self, instance: sql.DatabaseInstance) -> Machine:
        """The machine of an instance, whether it runs or not."""
        name = key(instance.project, instance.name)
        if name not in self._machines:
            port = int(instance.settings.user_labels[PORT_LABEL])
            self._machines[name] = Machine(
                self._directory / name, self._sockets, port, lambda: self._move(instance)
            )
        return self._machines[name]

    def serving(self, project: str, name: str) -> Machine:
        """The machine of an instance whose database answers.

        Raises:
            ApiError: NOT_FOUND, or FAILED_PRECONDITION where it does not.
        """
        instance = self.get(project, name)
        if instance.state != State.RUNNABLE or not self.machine(instance).cluster.running:
            raise invalid_state(
                "Invalid request: The instance is not in a state to handle the request: "
                f"{name} is not running."
            )
        return self.machine(instance)

    def add(self, project: str, name: str, content: sql.DatabaseInstance) -> sql.DatabaseInstance:
        """Enter an instance as PENDING_CREATE, with a port of its own; nothing runs yet."""
        port = self._addresses.draw()
        region = content.region or self.region
        content.kind = "sql#instance"
        content.name, content.project, content.region = name, project, region
        content.state = State(State.PENDING_CREATE)
        content.database_version = sql.SqlDatabaseVersion(VERSION)
        content.backend_type = sql.SqlBackendType(sql.SqlBackendType.SECOND_GEN)
        content.instance_type = sql.SqlInstanceType(sql.SqlInstanceType.CLOUD_SQL_INSTANCE)
        content.connection_name = f"{project}:{region}:{name}"
        content.gce_zone = content.gce_zone or f"{region}-a"
        content.self_link = f"{SITE}/{project}/instances/{name}"
        content.create_time = datetime.now(UTC)
        content.ip_addresses = [
            sql.IpMapping(type_=sql.SqlIpAddressType.PRIVATE, ip_address="127.0.0.1")
        ]
        content.settings.user_labels[PORT_LABEL] = str(port)
        content.settings.settings_version = 0
        self.save(content, changed=True)
        return content

    def save(self, instance: sql.DatabaseInstance, *, changed: bool = False) -> None:
        """Keep a change of the instance; `changed` where its settings are new."""
        if changed:
            instance.settings.settings_version = (instance.settings.settings_version or 0) + 1
            give_names(instance)
        instance.etag = secrets.token_hex(16)
        self.table[key(instance.project, instance.name)] = instance

    def set_state(self, instance: sql.DatabaseInstance, state: int) -> None:
        """Change the state alone."""
        instance.state = State(state)
        self.table[key(instance.project, instance.name)] = instance

    async def discard(self, instance: sql.DatabaseInstance) -> None:
        """Remove the instance's machine with all data; the entry stays."""
        await self.machine(instance).remove()

    async def forget(self, instance: sql.DatabaseInstance) -> None:
        """Remove the instance and its machine."""
        await self.discard(instance)
        self._addresses.release(self.machine(instance).port)
        name = key(instance.project, instance.name)
        self._machines.pop(name, None)
        self.table.pop(name, None)

    async def run(self, instance: sql.DatabaseInstance) -> None:
        """Start the machine with the instance's settings.

        Raises:
            StartFailed: It does not start.
        """
        settings = instance.settings
        await self.machine(instance).start(flags_of(settings), archives(settings))

    async def start(self) -> None:
        """Take up what an earlier supervisor left: start, finish deletions, mark failures.

        Raises:
            PortNamed: An instance needs another port and cannot have one; nothing was started.
        """
        for project in self._directory.iterdir():
            if project == self._sockets or not project.is_dir():
                continue
            for place in project.iterdir():
                if key(project.name, place.name) not in self.table:
                    shutil.rmtree(place, ignore_errors=True)
        instances = list(self.table.values())
        whole = [instance for instance in instances if self._is_whole(instance)]
        await asyncio.gather(*(self.machine(one).cluster.end_left_behind() for one in whole))
        for instance in whole:
            if not self._addresses.hold(self.machine(instance).port):
                self.machine(instance).port = self._move(instance)
        await asyncio.gather(*(self._take_up(instance) for instance in instances))

    async def close(self) -> None:
        """Stop all clusters; their ports may be others' from now on."""
        await asyncio.gather(*(machine.cluster.stop() for machine in self._machines.values()))
        shutil.rmtree(self._sockets, ignore_errors=True)
        for instance in self.table.values():
            self._addresses.release(self.machine(instance).port)

    def status(self) -> Mapping[str, Any]:
        """Where each instance listens, by its name."""
        return {
            instance.name: {
                "project": instance.project,
                "host": "127.0.0.1",
                "port": self.machine(instance).port,
                "state": State(instance.state).name,
                "running": self.machine(instance).cluster.running,
            }
            for instance in self.table.values()
        }

    def disks(self) -> Iterator[Disk]:
        """How full the disk of each instance is."""
        for instance in self.table.values():
            yield Disk(
                instance.project,
                instance.region,
                instance.name,
                self.machine(instance).disk_bytes(),
                int(instance.settings.data_disk_size_gb or 0) * GIB,
            )

    async def _take_up(self, instance: sql.DatabaseInstance) -> None:
        if instance.state == State.PENDING_DELETE:
            await self.forget(instance)
        elif not self._is_whole(instance):
            await self.discard(instance)
            self.set_state(instance, State.FAILED)
        else:
            machine = self.machine(instance)
            machine.tidy()
            self.set_state(instance, State.RUNNABLE)
            if instance.settings.activation_policy == sql.Settings.SqlActivationPolicy.NEVER:
                machine.keep_port()
                return
            try:
                await self.run(instance)
            except StartFailed as error:
                log.error("%s does not start: %s", instance.name, error.log)
                self.set_state(instance, State.FAILED)

    def _is_whole(self, instance: sql.DatabaseInstance) -> bool:
        """Whether its data is to be taken up; not where it is being made or deleted.

        One that failed to start keeps its data and is tried again.
        """
        if instance.state in (State.PENDING_CREATE, State.PENDING_DELETE):
            return False
        return instance.state != State.FAILED or self.machine(instance).cluster.data.exists()

    def _move(self, instance: sql.DatabaseInstance) -> int:
        """Give the instance another port, and return it."""
        labels = instance.settings.user_labels
        old = int(labels[PORT_LABEL])
        labels[PORT_LABEL] = str(new := self._addresses.move(old))
        self.table[key(instance.project, instance.name)] = instance
        log.warning("Port %d is taken: %s has port %d from now on.", old, instance.name, new)
        return new


def key(project: str, name: str) -> str:
    """The name under which an instance is kept."""
    return f"{project}/{name}"
