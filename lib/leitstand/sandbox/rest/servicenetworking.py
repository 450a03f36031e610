"""Private services access: `servicenetworking.services.connections`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from leitstand.sandbox.errors import failed_precondition, invalid, not_found
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.serviceusage import require_enabled

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["API", "Connections", "has_ranges", "is_connected"]

API = "servicenetworking.googleapis.com"
CONNECTIONS = "services.connections"
SERVICE = f"services/{API}"
PEERING = "servicenetworking-googleapis-com"


def is_connected(park: Park, network: str) -> bool:
    """Whether services of Google's are connected to that network.

    Args:
        park: The sandbox.
        network: Full name, `projects/P/global/networks/N`.
    """
    return _key(network) in park.table("servicenetworking", CONNECTIONS)


def has_ranges(park: Park, network: str) -> bool:
    """Whether a range of that network's connection is left, so that there are addresses.

    Args:
        park: The sandbox.
        network: Full name, `projects/P/global/networks/N`.
    """
    connection = park.table("servicenetworking", CONNECTIONS).get(_key(network), {})
    addresses = park.table("compute", "globalAddresses")
    place = network.rpartition("/networks/")[0]
    names = connection.get("reservedPeeringRanges", ())
    return any(f"{place}/addresses/{name}" in addresses for name in names)


class Connections(Collection):
    """One connection per network; it stands under the network's name, for it has none itself."""

    api: ClassVar[str] = "servicenetworking"
    path: ClassVar[str] = CONNECTIONS
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    id_from: ClassVar[str] = "network"
    full_name: ClassVar[str] = "services/{service}/connections/{network}"

    def custom(self) -> Mapping[str, Custom]:
        """All methods: a connection is named by the network of the body or the query."""
        return {
            "create": self._create,
            "patch": self._patch,
            "list": self._list,
            "deleteConnection": self._delete,
        }

    async def _create(self, call: Call) -> Body:
        network = self._network(call.body.get("network", ""))
        ranges = list(call.body.get("reservedPeeringRanges", ()))
        # What follows is found out while Google works: it is the operation's error.
        await asyncio.sleep(0)
        before = self.table.get(_key(network))
        if before is not None and before["reservedPeeringRanges"] != ranges:
            raise failed_precondition(
                "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection."
            )
        return self._put(network, ranges)

    async def _patch(self, call: Call) -> Body:
        network = self._network(call.body.get("network", ""))
        ranges = list(call.body.get("reservedPeeringRanges", ()))
        await asyncio.sleep(0)
        before = self.table.get(_key(network), {}).get("reservedPeeringRanges", [])
        if set(before) - set(ranges) and call.params.get("force") != "true":
            raise failed_precondition(
                "Cannot remove previously allocated ranges: the force flag must be set to true."
            )
        return self._put(network, ranges)

    async def _list(self, call: Call) -> Body:
        network = self._network(call.params.get("network", ""))
        found = self.table.get(_key(network))
        return {"connections": [dict(found)]} if found is not None else {}

    async def _delete(self, call: Call) -> Body:
        network = self._network(call.body.get("consumerNetwork", ""))
        if _key(network) not in self.table:
            raise not_found(f"{SERVICE}/connections/{PEERING}", "Connection")
        await asyncio.sleep(0)
        if network in map(self.park.full_name, self._used()):
            raise failed_precondition(
                "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, "
                "etc.) are still using this connection."
            )
        del self.table[_key(network)]
        self._peer(network, False)
        return {}

    def _used(self) -> Iterator[str]:
        """The networks in which a service of Google's has addresses, in any form."""
        for instance in self.park.table("redis", "projects.locations.instances").values():
            if instance["connectMode"] == "PRIVATE_SERVICE_ACCESS":
                yield instance["authorizedNetwork"]
        for instance in self.park.sql_instances():
            yield instance.settings.ip_configuration.private_network

    def _network(self, reference: str) -> str:
        if not re.fullmatch(r".*projects/[^/]+/global/networks/[^/]+", reference):
            raise invalid(f"Invalid network '{reference}'.", "network")
        network = self.park.full_name(reference)
        # The path names no project, so this is where the API's use is charged to one.
        require_enabled(self.park, API, network.split("/")[1])
        if self.park.find(network) is None:
            raise not_found(network, "Network")
        return network

    def _put(self, network: str, ranges: list[str]) -> Body:
        if not ranges:
            raise invalid("At least one reserved peering range is needed.", "reservedPeeringRanges")
        project = network.split("/")[1]
        for name in ranges:
            found = self.park.find(f"projects/{project}/global/addresses/{name}")
            if (
                found is None
                or found[1].get("purpose") != "VPC_PEERING"
                or self.park.full_name(found[1].get("network", "")) != network
            ):
                raise failed_precondition(f"Allocated IP range '{name}' not found in network.")
        number = self.park.number_of(project)
        connection = {
            "network": network.replace(f"projects/{project}/", f"projects/{number}/", 1),
            "reservedPeeringRanges": ranges,
            "peering": PEERING,
            "service": SERVICE,
        }
        self.table[_key(network)] = connection
        self._peer(network, True)
        return dict(connection)

    def _peer(self, network: str, connected: bool) -> None:
        """Show the peering at the network, as Compute Engine does."""
        table = self.park.table("compute", "networks")
        if network not in table:
            return
        body = dict(table[network])
        peerings = [one for one in body.get("peerings", ()) if one["name"] != PEERING]
        if connected:
            peerings.append({"name": PEERING, "state": "ACTIVE", "exchangeSubnetRoutes": True})
        body["peerings"] = peerings
        table[network] = body


def _key(network: str) -> str:
    return f"{SERVICE}/connections/{network}"
