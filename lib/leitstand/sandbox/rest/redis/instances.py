"""Memorystore for Redis, `redis.projects.locations.instances`: each instance is a redis-server."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import grpc

from leitstand.sandbox.errors import ApiError, failed_precondition, invalid
from leitstand.sandbox.ports import ADDRESS_IN_USE
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.redis.auth import AuthStrings
from leitstand.sandbox.rest.redis.configuration import BYTES_PER_GB, Configuration, check_configs
from leitstand.sandbox.rest.redis.exports import check_writer, destination, stored
from leitstand.sandbox.rest.redis.places import DEFAULT_VERSION, check_place
from leitstand.sandbox.rest.redis.server import RedisServer, SaveFailed, StartFailed
from leitstand.sandbox.rest.redis.wire import Refused
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Instances"]

LARGEST_GB = 300
ZONES = ("a", "b")
PORT_ATTEMPTS = 5

log = logging.getLogger(__name__)


class Instances(Collection):
    """Instances, their AUTH strings and their processes."""

    api: ClassVar[str] = "redis"
    path: ClassVar[str] = "projects.locations.instances"
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    id_from: ClassVar[str] = "instanceId"
    full_name: ClassVar[str] = "projects/{project}/locations/{location}/instances/{instance}"
    immutable: ClassVar[tuple[str, ...]] = (
        "tier",
        "authorizedNetwork",
        "connectMode",
        "transitEncryptionMode",
        "redisVersion",
        "locationId",
        "alternativeLocationId",
        "reservedIpRange",
        "customerManagedKey",
    )

    def __init__(self, park: Park) -> None:
        super().__init__(park)
        self._auth = AuthStrings(park)
        self._servers: dict[str, RedisServer] = {}
        self._admin = secrets.token_hex(8)

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """What Google refuses: sizes, places, networks that are not there, unknown settings."""
        if before is None:
            check_place(self.park, name, body)
        memory = int(body.get("memorySizeGb", 0))
        if not 1 <= memory <= LARGEST_GB:
            raise invalid(
                f"Memory size must be between 1 and {LARGEST_GB} GB.", "instance.memory_size_gb"
            )
        version = body.get("redisVersion", DEFAULT_VERSION)
        check_configs(body.get("redisConfigs", {}), version, memory)
        if len(body.get("maintenancePolicy", {}).get("weeklyMaintenanceWindow", ())) > 1:
            raise invalid(
                "At most one weekly maintenance window is possible.",
                "instance.maintenance_policy.weekly_maintenance_window",
            )

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Defaults and outputs; port and state come when the server runs."""
        project, _, region = name.split("/")[1:4]
        highly_available = body["tier"] == "STANDARD_HA"
        body["name"] = name
        body.setdefault("redisVersion", DEFAULT_VERSION)
        body.setdefault("authorizedNetwork", f"projects/{project}/global/networks/default")
        body.setdefault("connectMode", "DIRECT_PEERING")
        body.setdefault("transitEncryptionMode", "DISABLED")
        body.setdefault("readReplicasMode", "READ_REPLICAS_DISABLED")
        body.setdefault("persistenceConfig", {"persistenceMode": "DISABLED"})
        body.setdefault("locationId", f"{region}-{ZONES[0]}")
        body.setdefault("authEnabled", False)
        body["replicaCount"] = int(highly_available)
        zones = [body["locationId"]]
        if highly_available:
            second = next(f"{region}-{z}" for z in ZONES if f"{region}-{z}" != zones[0])
            zones.append(body.setdefault("alternativeLocationId", second))
        body["nodes"] = [{"id": f"node-{n}", "zone": zone} for n, zone in enumerate(zones)]
        for window in body.get("maintenancePolicy", {}).get("weeklyMaintenanceWindow", ()):
            window["duration"] = "3600s"
        if before is None:
            number = self.park.number_of(project)
            body["state"] = "CREATING"
            body["createTime"] = timestamp()
            body["currentLocationId"] = body["locationId"]
            body["persistenceIamIdentity"] = (
                f"serviceAccount:service-{number}@cloud-redis.iam.gserviceaccount.com"
            )

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """Start the server, or apply what has changed while it runs."""
        auth = self._auth.get(name)
        self._auth.settle(name, body, before)
        try:
            if before is None:
                await self._bring_up(name, body)
            else:
                await self._change(name, body, before)
        except BaseException:
            self._auth.put(name, auth)
            raise

    async def remove(self, name: str, body: Body) -> None:
        """End the server and delete its data."""
        if name in self._servers:
            await self._servers.pop(name).remove()
        self._auth.forget(name)
        self.park.addresses.release(body.get("port", 0))

    async def start(self) -> None:
        """Start every server with its data; one whose port is taken gets another.

        Raises:
            PortNamed: It cannot have another; nothing was started.
        """
        for name, body in list(self.table.items()):
            if "port" in body and not self.park.addresses.hold(body["port"]):
                self._move(name, dict(body))
        await asyncio.gather(*(self._again(name, body) for name, body in self.table.items()))

    async def close(self) -> None:
        """Stop every server; the data is written."""
        await asyncio.gather(*(server.stop() for server in self._servers.values()))
        for body in self.table.values():
            self.park.addresses.release(body.get("port", 0))

    def custom(self) -> Mapping[str, Custom]:
        """getAuthString, failover and export; import, upgrade and rescheduling are not there."""
        return {
            "getAuthString": self._auth_string,
            "failover": self._fail_over,
            "export": self._export,
        }

    def pid(self, name: str) -> int | None:
        """Process id of an instance's server."""
        return self._servers[name].pid if name in self._servers else None

    async def _change(self, name: str, body: Body, before: Body) -> None:
        server = self._servers[name]
        try:
            if body["memorySizeGb"] != before["memorySizeGb"]:
                await self._resize(server, body)
            wanted = self._configuration(name, body)
            if wanted.databases != self._configuration(name, before).databases:
                await server.stop()
                await server.start(wanted)
            await server.change(wanted)
        except Refused as error:
            raise invalid(error.message, "instance.redis_configs") from error
        except (OSError, StartFailed) as error:
            raise _broken(error) from error

    async def _resize(self, server: RedisServer, body: Body) -> None:
        if body["tier"] == "BASIC":
            # https://cloud.google.com/memorystore/docs/redis/about-scaling-instances: all keys go.
            await server.ask("FLUSHALL")
            return
        answer = await server.ask("INFO", "memory")
        found = re.search(
            rb"used_memory_dataset:(\d+)", answer if isinstance(answer, bytes) else b""
        )
        if found is not None and int(found[1]) > body["memorySizeGb"] * BYTES_PER_GB:
            raise failed_precondition("The instance holds more data than the new memory size.")

    async def _bring_up(self, name: str, body: Body) -> None:
        """Start a server at the port of its instance, or at a free one where that is taken."""
        server = self._servers.setdefault(name, RedisServer(self._directory(name)))
        body["host"] = "127.0.0.1"
        if "port" not in body:
            body["port"] = self.park.addresses.draw()
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            try:
                await server.start(self._configuration(name, body))
            except StartFailed as error:
                if not attempts_left or ADDRESS_IN_USE not in error.log:
                    raise _broken(error) from error
                self._move(name, body)
            else:
                body["state"] = "READY"
                return

    def _move(self, name: str, body: Body) -> None:
        """Give an instance another port."""
        old = body["port"]
        body["port"] = self.park.addresses.move(old)
        if name in self.table:
            self.table[name] = {**self.table[name], "port": body["port"]}
        log.warning("Port %d is taken: %s has port %d from now on.", old, name, body["port"])

    async def _again(self, name: str, stored: Body) -> None:
        body = dict(stored)
        await self._bring_up(name, body)
        self.table[name] = body

    async def _auth_string(self, call: Call) -> Body:
        self.existing(call.name)
        text = self._auth.get(call.name)
        if not text:
            raise failed_precondition("AUTH is not enabled for the instance.")
        return {"authString": text}

    async def _fail_over(self, call: Call) -> Body:
        body = dict(self.existing(call.name))
        if body["tier"] != "STANDARD_HA":
            raise failed_precondition("Failover is only possible for Standard Tier instances.")
        server = self._servers[call.name]
        await server.stop()
        await server.start(self._configuration(call.name, body))
        zones = (body["locationId"], body["alternativeLocationId"])
        body["currentLocationId"] = zones[body["currentLocationId"] == zones[0]]
        self.table[call.name] = body
        return dict(body)

    async def _export(self, call: Call) -> Body:
        """The data as an RDB file; the instance serves meanwhile."""
        body = self.existing(call.name)
        uri = call.body.get("outputConfig", {}).get("gcsDestination", {}).get("uri", "")
        bucket, name = destination(uri)
        check_writer(self.park, bucket, name, body["persistenceIamIdentity"])
        try:
            stored(self.park, await self._servers[call.name].save(), bucket, name)
        except (OSError, SaveFailed) as error:
            raise _broken(error) from error
        return dict(body)

    def _configuration(self, name: str, body: Body) -> Configuration:
        return Configuration.of(body, self._auth.get(name), self._admin)

    def _directory(self, name: str) -> Path:
        project, _, region, _, identifier = name.split("/")[1:]
        return self.park.directory / "redis" / f"{project}.{region}.{identifier}"


def _broken(error: Exception) -> ApiError:
    return ApiError(grpc.StatusCode.INTERNAL, str(error))
