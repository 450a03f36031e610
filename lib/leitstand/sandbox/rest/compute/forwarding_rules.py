"""compute.globalForwardingRules and compute.forwardingRules: what listens at an address."""

from __future__ import annotations

from collections.abc import Mapping

from leitstand.sandbox.errors import ApiError, unimplemented
from leitstand.sandbox.rest.changes import fingerprint
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import addresses, chain, references
from leitstand.sandbox.rest.compute.refusals import invalid_value, missing, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["ForwardingRules", "GlobalForwardingRules"]

_FIXED = (
    "name",
    "description",
    "IPAddress",
    "IPProtocol",
    "portRange",
    "loadBalancingScheme",
)


class _Rule(Resource):
    """What global and regional rules have in common."""

    kind = "compute#forwardingRule"
    immutable = _FIXED
    bound = ("target", "network", "subnetwork")
    versioned = "fingerprint"

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        super().complete(name, body, before)
        body["labelFingerprint"] = fingerprint()

    def custom(self) -> Mapping[str, Custom]:
        """Labels, and for a global rule another proxy."""
        return {"setLabels": self._set_labels, "setTarget": self._set_target}

    async def _set_labels(self, call: Call) -> Body:
        return await self.change(call.name, {"labels": call.body.get("labels", {})})

    async def _set_target(self, call: Call) -> Body:
        return await self.change(call.name, {"target": call.body.get("target", "")})


class GlobalForwardingRules(_Rule):
    """The front end of the global load balancer: an address, a port and an HTTPS proxy."""

    path = "globalForwardingRules"
    full_name = "projects/{project}/global/forwardingRules/{forwardingRule}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Its target, port and address are fit, and its scheme is that of every backend service."""
        if not body.get("target"):
            raise required("target")
        if "/targetHttpsProxies/" not in body["target"]:
            raise unimplemented("global forwarding rules with a target other than an HTTPS proxy")
        super().check(name, body, before)
        scheme = body.get("loadBalancingScheme", "EXTERNAL")
        if scheme not in ("EXTERNAL", "EXTERNAL_MANAGED"):
            raise unimplemented(f"global forwarding rules of the scheme {scheme}")
        found = references.target(self.park, name, "targetHttpsProxies", body["target"])
        assert found is not None, "references are checked first"
        for service in chain.services_of(self.park, found[1]):
            other = service["loadBalancingScheme"]
            if other != scheme:
                why = (
                    f"Load balancing scheme {scheme} does not match the backend service load "
                    f"balancing scheme {other}."
                )
                raise invalid_value("backendService", "", why)
        port = _port(body)
        if scheme == "EXTERNAL" and port != "443":
            why = "A target HTTPS proxy of a classic load balancer takes the port 443 only."
            raise invalid_value("portRange", port, why)
        if before is None and body.get("IPAddress"):
            self._check_address(name, body, port)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """The address as a number, the port as a range; its own address where none is named."""
        super().complete(name, body, before)
        port = _port(body)
        body["portRange"] = f"{port}-{port}"
        body.setdefault("IPProtocol", "TCP")
        body.setdefault("loadBalancingScheme", "EXTERNAL")
        body.setdefault("networkTier", "PREMIUM")
        if not body.get("IPAddress"):
            # Of the same pool as reserved ones, from its other end.
            tables = (self.table, self.park.table("compute", "globalAddresses"))
            used = (other for table in tables for other in table.values())
            taken = {other.get("IPAddress", other.get("address")) for other in used}
            free = (f"203.0.113.{last}" for last in range(254, 0, -1))
            body["IPAddress"] = next(text for text in free if text not in taken)
        elif "/" in body["IPAddress"]:
            found = addresses.reserved(self.park, "globalAddresses", name, body["IPAddress"])
            assert found is not None, "the address is checked first"
            body["IPAddress"] = found[1]["address"]

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The address is in use; the public listener answers accordingly."""
        found = addresses.reserved(self.park, "globalAddresses", name, body["IPAddress"])
        if found is not None:
            addresses.use(self.park, "globalAddresses", found[0], body["selfLink"])
        self.table[name] = body
        chain.refresh(self.park)

    async def remove(self, name: str, body: Body) -> None:
        """The address is free again, and nothing answers at it."""
        await super().remove(name, body)
        addresses.release(self.park, "globalAddresses", body["selfLink"])
        chain.refresh(self.park, without=name)

    async def start(self) -> None:
        """The front door learns its routes."""
        chain.refresh(self.park)

    def _check_address(self, name: str, body: Body, port: str) -> None:
        found = addresses.reserved(self.park, "globalAddresses", name, body["IPAddress"])
        if found is None:
            raise missing("IPAddress", body["IPAddress"], "address")
        if found[1]["addressType"] != "EXTERNAL":
            why = "The address must be external."
            raise invalid_value("IPAddress", body["IPAddress"], why)
        for other in self.table.values():
            taken = (other["IPAddress"], other["portRange"])
            if taken == (found[1]["address"], f"{port}-{port}"):
                why = "Specified IP address is in-use and would result in a conflict."
                raise invalid_value("IPAddress", found[1]["address"], why)


class ForwardingRules(_Rule):
    """Endpoints of Private Service Connect: an internal address before a service attachment."""

    path = "forwardingRules"
    full_name = "projects/{project}/regions/{region}/forwardingRules/{forwardingRule}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """It needs a service attachment of the region, its network and an internal address."""
        target = body.get("target", "")
        if "/serviceAttachments/" not in target:
            raise unimplemented("regional forwarding rules but those to a service attachment")
        if f"/regions/{name.split('/')[3]}/" not in f"/{target}":
            why = "The service attachment must be in the region of the forwarding rule."
            raise invalid_value("target", target, why)
        super().check(name, body, before)
        if body.get("loadBalancingScheme"):
            why = "It must be empty for a forwarding rule to a service attachment."
            raise invalid_value("loadBalancingScheme", body["loadBalancingScheme"], why)
        for field in ("IPAddress", "network"):
            if not body.get(field):
                raise required(field)
        if before is None:
            self._address(name, body)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """The address as a number; the connection is accepted at once."""
        super().complete(name, body, before)
        if before is None:
            body["IPAddress"] = self._address(name, body)[1]["address"]
        body["pscConnectionId"] = before["pscConnectionId"] if before else body["id"]
        body["pscConnectionStatus"] = "ACCEPTED"
        body.setdefault("networkTier", "PREMIUM")

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The address is in use."""
        found = addresses.reserved(self.park, "addresses", name, body["IPAddress"])
        if found is not None:
            addresses.use(self.park, "addresses", found[0], body["selfLink"])

    async def remove(self, name: str, body: Body) -> None:
        """The address is free again."""
        await super().remove(name, body)
        addresses.release(self.park, "addresses", body["selfLink"])

    def _address(self, name: str, body: Body) -> tuple[str, Body]:
        """The free internal address of the rule's own network that it names; raises ApiError."""
        text = body["IPAddress"]
        found = addresses.reserved(self.park, "addresses", name, text)
        if found is None:
            raise missing("IPAddress", text, "address")
        if found[1]["addressType"] != "INTERNAL":
            raise self._unfit(text, "The address must be internal.")
        if found[1].get("users"):
            why = "Specified IP address is in-use and would result in a conflict."
            raise self._unfit(text, why)
        subnetwork = self.park.find(found[1]["subnetwork"], "compute")
        network = self.park.link(references.full_name(self.park, name, body["network"]))
        if subnetwork is None or subnetwork[1]["network"] != network:
            raise self._unfit(text, "The address is not in the network of the forwarding rule.")
        return found

    @staticmethod
    def _unfit(text: str, why: str) -> ApiError:
        return invalid_value("IPAddress", text, why)


def _port(body: Body) -> str:
    """The one port of a rule; raises ApiError."""
    text = str(body.get("portRange", ""))
    first, _, last = text.partition("-")
    if not text:
        raise required("portRange")
    if not first.isdigit() or not 1 <= int(first) <= 65535 or last not in ("", first):
        why = "A global load balancer takes exactly one port from 1 to 65535."
        raise invalid_value("portRange", text, why)
    return first
