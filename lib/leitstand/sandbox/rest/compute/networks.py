"""compute.networks: VPC networks in custom mode."""

from __future__ import annotations

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute.consumers import network_consumers
from leitstand.sandbox.rest.compute.refusals import in_use, invalid_value
from leitstand.sandbox.rest.compute.resource import Resource
from leitstand.sandbox.rest.park import Park

__all__ = ["Networks", "list_subnetworks"]


class Networks(Resource):
    """VPC networks; their subnetworks are made one by one."""

    path = "networks"
    full_name = "projects/{project}/global/networks/{network}"
    kind = "compute#network"
    immutable = ("name", "autoCreateSubnetworks", "IPv4Range", "networkProfile", "description")

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Custom mode only; a legacy network cannot be made any more."""
        super().check(name, body, before)
        if body.get("autoCreateSubnetworks") is None or "IPv4Range" in body:
            why = "Legacy networks can no longer be created; autoCreateSubnetworks must be set."
            raise invalid_value("autoCreateSubnetworks", "", why)
        if body["autoCreateSubnetworks"]:
            raise unimplemented("VPC networks in auto mode")
        if not 1300 <= int(body.get("mtu", 1460)) <= 8896:
            raise invalid_value("mtu", body["mtu"], "Must be between 1300 and 8896.")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Defaults, and the list of subnetworks as it was."""
        super().complete(name, body, before)
        body.setdefault("mtu", 1460)
        routing = body.setdefault("routingConfig", {})
        routing.setdefault("routingMode", "REGIONAL")
        routing.setdefault("bgpBestPathSelectionMode", "LEGACY")
        body.setdefault("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
        body["selfLinkWithId"] = f"{self.park.link(name).rpartition('/')[0]}/{body['id']}"

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """What others write into it stays: its subnetworks and its peerings."""
        for field in ("subnetworks", "peerings"):
            body.pop(field, None)
            if field in self.table[name]:
                body[field] = self.table[name][field]

    async def remove(self, name: str, body: Body) -> None:
        """Refused while it has subnetworks, ranges, rules or a peering, or something lies in it."""
        await super().remove(name, body)
        for user in network_consumers(self.park, name):
            raise in_use("network", name, user)
        for peering in body.get("peerings", ()):
            raise in_use("network", name, f"{name}/peerings/{peering['name']}")


def list_subnetworks(park: Park, name: str, without: str = "") -> None:
    """Have a network's own list name the subnetworks that there are, but for one."""
    networks, link = park.table("compute", "networks"), park.link(name)
    subnetworks = park.table("compute", "subnetworks").items()
    mine = [key for key, body in subnetworks if body["network"] == link and key != without]
    changed = {**networks[name], "subnetworks": [park.link(key) for key in mine]}
    if not mine:
        del changed["subnetworks"]
    networks[name] = changed
