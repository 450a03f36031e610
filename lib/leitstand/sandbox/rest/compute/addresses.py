"""compute.globalAddresses and compute.addresses: reserved addresses and ranges."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.changes import fingerprint
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import ranges, references
from leitstand.sandbox.rest.compute.refusals import in_use, invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource
from leitstand.sandbox.rest.park import Park

__all__ = ["Addresses", "GlobalAddresses", "release", "reserved", "use"]

# RFC 5737: addresses for documentation belong to nobody, so nothing real is ever met by them.
_GLOBAL_POOL = ipaddress.IPv4Network("203.0.113.0/24")
_REGIONAL_POOL = ipaddress.IPv4Network("198.51.100.0/24")


class _Reserved(Resource, ABC):
    """What global and regional addresses have in common.

    Attributes:
        pool: Where external ones come from.
    """

    kind = "compute#address"
    pool: ClassVar[ipaddress.IPv4Network]

    def check(self, name: str, body: Body, before: Body | None) -> None:
        super().check(name, body, before)
        if body.get("ipVersion", "IPV4") != "IPV4":
            raise unimplemented("IPv6 addresses")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        super().complete(name, body, before)
        body.setdefault("addressType", "EXTERNAL")
        body.setdefault("networkTier", "PREMIUM")
        if body["addressType"] == "EXTERNAL":
            body.setdefault("ipVersion", "IPV4")
        body["status"] = "IN_USE" if body.get("users") else "RESERVED"
        body["labelFingerprint"] = fingerprint()
        if "address" in body:
            return
        if body["addressType"] == "INTERNAL":
            body["address"] = self._free_internal(name, body)
        else:
            body["address"] = self._free_of(self.pool.hosts(), _addresses(self.table.values()))

    async def remove(self, name: str, body: Body) -> None:
        """Refused while a forwarding rule uses it."""
        for user in body.get("users", ()):
            raise in_use("address", name, self.park.full_name(user))

    def custom(self) -> Mapping[str, Custom]:
        """Labels."""
        return {"setLabels": self._set_labels}

    async def _set_labels(self, call: Call) -> Body:
        return await self.change(call.name, {"labels": call.body.get("labels", {})})

    @abstractmethod
    def _free_internal(self, name: str, body: Body) -> str:
        """A free address, or the first one of a free range; raises ApiError."""

    def _free_of(self, pool: Iterable[ipaddress.IPv4Address], taken: set[str]) -> str:
        for address in pool:
            if str(address) not in taken:
                return str(address)
        raise invalid_value("address", "", "IP address space is exhausted.")


class GlobalAddresses(_Reserved):
    """Addresses of load balancers, and ranges for private services access (`VPC_PEERING`).

    A range can be deleted while a connection gives out its addresses: what has some keeps them.
    https://cloud.google.com/vpc/docs/configure-private-services-access#deleting-allocation
    """

    path = "globalAddresses"
    pool = _GLOBAL_POOL
    full_name = "projects/{project}/global/addresses/{address}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """An internal one is a range of a network; an external one has no network."""
        super().check(name, body, before)
        if before is not None:
            return
        if body.get("addressType", "EXTERNAL") == "INTERNAL":
            self._check_range(name, body)
            return
        for field in ("network", "purpose", "prefixLength", "subnetwork"):
            if field in body:
                why = "It can only be set for an address of the type INTERNAL."
                raise invalid_value(field, body[field], why)
        if "address" in body:
            why = "An external address is chosen by Google; the project has no such address."
            raise invalid_value("address", body["address"], why)

    def _check_range(self, name: str, body: Body) -> None:
        if body.get("purpose") != "VPC_PEERING":
            why = "A global internal address must have the purpose VPC_PEERING in the sandbox."
            raise invalid_value("purpose", body.get("purpose", ""), why)
        for field in ("network", "prefixLength"):
            if field not in body:
                raise required(field)
        length = int(body["prefixLength"])
        if not 8 <= length <= 29:
            raise invalid_value("prefixLength", length, "Must be between 8 and 29.")
        if "address" in body:
            text = f"{body['address']}/{length}"
            network = self.park.link(references.full_name(self.park, name, body["network"]))
            wanted = ranges.network_range("address", text)
            ranges.check_free(self.park, network, wanted, "address", besides=name)

    def _free_internal(self, name: str, body: Body) -> str:
        found = ranges.first_free(self.park, body["network"], int(body["prefixLength"]))
        return str(found.network_address)


class Addresses(_Reserved):
    """Addresses of a region: internal ones lie in a subnetwork."""

    path = "addresses"
    pool = _REGIONAL_POOL
    full_name = "projects/{project}/regions/{region}/addresses/{address}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """An internal one needs its subnetwork and lies in it, and nobody else has it."""
        super().check(name, body, before)
        if before is not None:
            return
        if body.get("addressType", "EXTERNAL") != "INTERNAL":
            if "subnetwork" in body:
                why = "It can only be set for an address of the type INTERNAL."
                raise invalid_value("subnetwork", body["subnetwork"], why)
            return
        if not body.get("subnetwork"):
            raise required("subnetwork")
        if "address" in body:
            subnetwork = self._subnetwork(name, body)
            text = body["address"]
            if text not in {str(host) for host in _usable(subnetwork)}:
                why = f"The address is not in the range of subnetwork '{subnetwork['name']}'."
                raise invalid_value("address", text, why)
            if text in self._taken(subnetwork["selfLink"]):
                why = "Specified IP address is already reserved."
                raise invalid_value("address", text, why)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Purpose, as the type has it."""
        super().complete(name, body, before)
        if body["addressType"] == "INTERNAL":
            body.setdefault("purpose", "GCE_ENDPOINT")

    def _free_internal(self, name: str, body: Body) -> str:
        subnetwork = self._subnetwork(name, body)
        return self._free_of(_usable(subnetwork), self._taken(subnetwork["selfLink"]))

    def _subnetwork(self, name: str, body: Body) -> Body:
        found = references.target(self.park, name, "subnetworks", body["subnetwork"])
        assert found is not None, "references are checked first"
        return found[1]

    def _taken(self, subnetwork: str) -> set[str]:
        return _addresses(
            other for other in self.table.values() if other.get("subnetwork") == subnetwork
        )


def reserved(park: Park, table: str, of: str, value: str) -> tuple[str, Body] | None:
    """The reserved address that a URL or an IP address in the resource `of` means, or None."""
    if "/" in value:
        return references.target(park, of, table, value)
    scope = of.rpartition("/")[0].rpartition("/")[0]
    for key, address in park.table("compute", table).items():
        if address.get("address") == value and key.startswith(f"{scope}/"):
            return key, address
    return None


def use(park: Park, table: str, key: str, user: str) -> None:
    """Note that the resource with that selfLink uses the address."""
    addresses = park.table("compute", table)
    users = [other for other in addresses[key].get("users", ()) if other != user]
    addresses[key] = {**addresses[key], "status": "IN_USE", "users": [*users, user]}


def release(park: Park, table: str, user: str) -> None:
    """Note that the resource with that selfLink no longer uses an address."""
    addresses = park.table("compute", table)
    for key, address in addresses.items():
        if user in address.get("users", ()):
            left = [other for other in address["users"] if other != user]
            changed = {**address, "users": left, "status": "IN_USE" if left else "RESERVED"}
            if not left:
                del changed["users"]
            addresses[key] = changed


def _addresses(bodies: Iterable[Body]) -> set[str]:
    return {body["address"] for body in bodies if "address" in body}


def _usable(subnetwork: Body) -> list[ipaddress.IPv4Address]:
    """All but the four addresses that every subnetwork keeps for itself.

    https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet
    """
    found = ranges.Range(subnetwork["ipCidrRange"])
    # A subnetwork of the sandbox is filled from its beginning; nobody reserves ten thousand.
    count = min(found.num_addresses - 2, 10_000)
    return [found[index] for index in range(2, count)]
