"""Serverless VPC Access: `vpcaccess.projects.locations.connectors`."""

from __future__ import annotations

import ipaddress
import re
from typing import ClassVar, Literal

from leitstand.sandbox.errors import invalid, not_found
from leitstand.sandbox.rest.collection import Body, Collection

__all__ = ["Connectors"]

ID = re.compile(r"[a-z](?:[-a-z0-9]{0,23}[a-z0-9])?")
MACHINES = ("e2-micro", "e2-standard-4", "f1-micro")
MBPS_PER_INSTANCE = 100


class Connectors(Collection):
    """Connectors between Cloud Run and a network; in the sandbox no traffic passes them."""

    api: ClassVar[str] = "vpcaccess"
    path: ClassVar[str] = "projects.locations.connectors"
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    id_from: ClassVar[str] = "connectorId"
    full_name: ClassVar[str] = "projects/{project}/locations/{location}/connectors/{connector}"
    immutable: ClassVar[tuple[str, ...]] = ("network", "ipCidrRange", "subnet")

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """What Google refuses: a place that is none, and numbers out of their ranges."""
        if before is None:
            if not ID.fullmatch(name.rpartition("/")[2]):
                raise invalid(
                    "Connector ID must follow the pattern ^[a-z][-a-z0-9]{0,23}[a-z0-9]$.",
                    "connector_id",
                )
            self._check_place(name, body)
        machine = body.get("machineType", MACHINES[0])
        if machine not in MACHINES:
            raise invalid(f"Machine type {machine} is not possible.", "machine_type")
        least, most = body.get("minThroughput"), body.get("maxThroughput")
        if least is not None and (least % 100 or not 200 <= least <= 1000):
            raise invalid(
                "Connector minimum throughput must be a multiple of 100 between 200 and 1000 in "
                "Mbps."
            )
        if most is not None and (most % 100 or not 300 <= most <= 1000):
            raise invalid(
                "Connector maximum throughput must be a multiple of 100 between 300 and 1000 in "
                "Mbps."
            )
        fewest, largest = body.get("minInstances", 2), body.get("maxInstances", 10)
        if not 2 <= fewest < largest <= 10:
            raise invalid(
                "min_instances must be at least 2 and less than max_instances, which must be at "
                "most 10."
            )

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Throughput and instances follow from each other."""
        body["name"] = name
        body.setdefault("machineType", MACHINES[0])
        for bound in ("min", "max"):
            # Whichever of the two was changed decides.
            instances, throughput = f"{bound}Instances", f"{bound}Throughput"
            changed = before is None or body.get(instances) != before.get(instances)
            if instances in body and changed:
                body[throughput] = body[instances] * MBPS_PER_INSTANCE
            elif throughput in body:
                body[instances] = body[throughput] // MBPS_PER_INSTANCE
        if "maxInstances" in body:
            body.setdefault("minInstances", 2)
            body.setdefault("minThroughput", 2 * MBPS_PER_INSTANCE)
        body["connectedProjects"] = [name.split("/")[1]]
        if before is None:
            body["state"] = "CREATING"

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """What Google finds out only while it works."""
        if "maxInstances" not in body:
            raise invalid(
                "Operation failed: A Connector must specify either max_throughput or max_instances."
            )
        if before is None and "ipCidrRange" in body:
            self._check_conflicts(name, body)
        body["state"] = "READY"

    def _check_place(self, name: str, body: Body) -> None:
        project, _, region = name.split("/")[1:4]
        subnet = body.get("subnet", {}).get("name")
        if bool(subnet) == bool(body.get("ipCidrRange")):
            raise invalid("Either a subnet or an IP CIDR range with a network must be specified.")
        if subnet:
            owner = body["subnet"].get("projectId", project)
            full_name = f"projects/{owner}/regions/{region}/subnetworks/{subnet}"
            found = self.park.find(full_name)
            if found is None:
                raise not_found(full_name, "Subnet")
            if not found[1]["ipCidrRange"].endswith("/28"):
                raise invalid("The subnet must have a /28 netmask.", "subnet")
            return
        try:
            wide = ipaddress.ip_network(body["ipCidrRange"]).prefixlen
        except ValueError:
            wide = 0
        if wide != 28:
            raise invalid("IP CIDR range must have a /28 netmask.", "ip_cidr_range")
        network = f"projects/{project}/global/networks/{body.get('network', 'default')}"
        if self.park.find(network) is None:
            raise not_found(network, "Network")

    def _check_conflicts(self, name: str, body: Body) -> None:
        project = name.split("/")[1]
        wanted = ipaddress.ip_network(body["ipCidrRange"])
        network = f"projects/{project}/global/networks/{body.get('network', 'default')}"
        for subnet in self.park.table("compute", "subnetworks").values():
            if self.park.full_name(subnet["network"]) == network and wanted.overlaps(
                ipaddress.ip_network(subnet["ipCidrRange"])
            ):
                raise invalid(
                    "Operation failed: Invalid IP CIDR range was provided. It conflicts with an "
                    "existing subnetwork. Please delete the connector manually."
                )
