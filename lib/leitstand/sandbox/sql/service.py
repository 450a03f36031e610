"""Cloud SQL of one sandbox, wired together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from google.cloud import sqladmin_v1 as sql
from google.protobuf import json_format

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.disk_gauges import Disk
from leitstand.sandbox.errors import invalid
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.sql import roles
from leitstand.sandbox.sql.backup_runs import BackupRuns
from leitstand.sandbox.sql.clones import Clones
from leitstand.sandbox.sql.connect import ConnectSettings
from leitstand.sandbox.sql.databases import Databases, create_database
from leitstand.sandbox.sql.instances import Instances
from leitstand.sandbox.sql.inventory import Inventory
from leitstand.sandbox.sql.operations import SqlOperations
from leitstand.sandbox.sql.users import Users
from leitstand.sandbox.store import Store, raw

__all__ = ["CloudSql"]


class CloudSql:
    """The resources of Cloud SQL.

    Args:
        store: Where they are kept.
        directory: Where data, logs and backups lie.
        region: Where instances are by default.
        references: Checks the networks that instances name.
        addresses: The sandbox's ports, shared with its other servers.
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        region: str,
        references: References = UNCHECKED,
        addresses: Addresses | None = None,
    ) -> None:
        self._operations = SqlOperations(store)
        self._inventory = Inventory(store, directory, region, addresses or Addresses(store))
        self._backups = BackupRuns(store, self._inventory, self._operations)
        self._instances = Instances(self._inventory, self._operations, self._backups, references)
        self._parts = (
            self._operations,
            self._backups,
            self._instances,
            Clones(self._inventory, self._operations),
            Databases(self._inventory, self._operations),
            Users(self._inventory, self._operations),
            ConnectSettings(self._inventory),
        )

    def methods(self) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        found: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        for part in self._parts:
            found.update(part.methods())
        return found

    async def start(self) -> None:
        """Start the clusters of all instances."""
        await self._inventory.start()

    async def seed(
        self,
        project: str,
        listed: Iterable[Mapping[str, Any]],
        secret: Callable[[str], bytes],
        set_secret: Callable[[str, bytes], None],
    ) -> None:
        """Make the listed instances and wait until they run.

        Args:
            project: Of instances that name none.
            listed: Each `{"instance": DatabaseInstance as JSON, "databases": [name, …], "users":
                [{"name", "password_secret": full name of a secret version, and optionally
                "url_secret": full name of a version that gets the user's DSN, "database",
                "member_of": names of roles}]}`.
            secret: Gives the value of a secret version.
            set_secret: Replaces the value of a secret version.

        Raises:
            ApiError: Google would refuse it.
        """
        made = (self._seed_one(project, item, secret, set_secret) for item in listed)
        await asyncio.gather(*made)

    def status(self) -> Mapping[str, Any]:
        """Where each instance listens, by its name."""
        return self._inventory.status()

    def disks(self) -> Iterable[Disk]:
        """How full the disk of each instance is."""
        return self._inventory.disks()

    async def close(self) -> None:
        """End the operations under way and stop all clusters."""
        await self._operations.close()
        await self._inventory.close()

    async def _seed_one(
        self,
        project: str,
        item: Mapping[str, Any],
        secret: Callable[[str], bytes],
        set_secret: Callable[[str, bytes], None],
    ) -> None:
        body = sql.DatabaseInstance()
        json_format.ParseDict(dict(item["instance"]), raw(body))
        project = body.project or project
        request = sql.SqlInstancesInsertRequest(project=project, body=body)
        operation = await self._operations.wait(await self._instances.insert(request))
        if operation.error.errors:
            raise invalid(f"{body.name}: {operation.error.errors[0].message}")
        machine = self._inventory.serving(project, body.name)
        for database in item.get("databases", ()):
            await create_database(machine.cluster, database)
        for user in item.get("users", ()):
            password = secret(user["password_secret"]).decode()
            await _set_user(machine.cluster, user["name"], password)
            await roles.grant(machine.cluster, user["name"], list(user.get("member_of", ())), False)
            if "url_secret" in user:
                database = user.get("database", "postgres")
                login = f"{quote(user['name'], safe='')}:{quote(password, safe='')}"
                url = f"postgresql://{login}@127.0.0.1:{machine.port}/{quote(database, safe='')}"
                set_secret(user["url_secret"], url.encode())


async def _set_user(cluster: Any, name: str, password: str) -> None:
    if name in await roles.names(cluster):
        await roles.set_password(cluster, name, password)
    else:
        await roles.create(cluster, name, password)
