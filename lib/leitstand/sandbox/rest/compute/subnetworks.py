"""compute.subnetworks: the ranges of a VPC network in a region."""

from __future__ import annotations

from collections.abc import Mapping

from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import networks, ranges, references
from leitstand.sandbox.rest.compute.consumers import subnetwork_consumers
from leitstand.sandbox.rest.compute.refusals import in_use, invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["Subnetworks"]


class Subnetworks(Resource):
    """Subnetworks; none overlaps another range of its network, and none ever gets narrower."""

    path = "subnetworks"
    full_name = "projects/{project}/regions/{region}/subnetworks/{subnetwork}"
    kind = "compute#subnetwork"
    immutable = ("name", "ipCidrRange", "description", "purpose")
    bound = ("network",)
    versioned = "fingerprint"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Its ranges are valid, free, and hold what they held before."""
        for field in ("network", "ipCidrRange"):
            if not body.get(field):
                raise required(field)
        super().check(name, body, before)
        network = self.park.link(references.full_name(self.park, name, body["network"]))
        wanted = [("ipCidrRange", body["ipCidrRange"])]
        for index, secondary in enumerate(body.get("secondaryIpRanges", ())):
            field = f"secondaryIpRanges[{index}].ipCidrRange"
            wanted.append((field, secondary.get("ipCidrRange", "")))
        own: list[ranges.Range] = []
        for field, text in wanted:
            found = ranges.network_range(field, text)
            ranges.check_free(self.park, network, found, field, besides=name)
            if any(found.overlaps(other) for other in own):
                why = f"Invalid IPCidrRange: {found} conflicts with existing subnetwork "
                region = name.split("/")[3]
                raise invalid_value(field, text, f"{why}'{body['name']}' in region '{region}'.")
            own.append(found)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Gateway and defaults."""
        super().complete(name, body, before)
        body["gatewayAddress"] = str(ranges.Range(body["ipCidrRange"])[1])
        body.setdefault("purpose", "PRIVATE")
        body.setdefault("stackType", "IPV4_ONLY")
        body.setdefault("privateIpGoogleAccess", False)
        body.setdefault("privateIpv6GoogleAccess", "DISABLE_GOOGLE_ACCESS")

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The network lists it."""
        self.table[name] = body
        networks.list_subnetworks(self.park, self.park.full_name(body["network"]))

    async def remove(self, name: str, body: Body) -> None:
        """Refused while an address, a rule, a connector, a service or a job lies in it."""
        await super().remove(name, body)
        for user in subnetwork_consumers(self.park, name):
            raise in_use("subnetwork", name, user)
        network = self.park.full_name(body["network"])
        networks.list_subnetworks(self.park, network, without=name)

    def custom(self) -> Mapping[str, Custom]:
        """Widen the range; switch private access to Google's APIs."""
        return {
            "expandIpCidrRange": self._expand,
            "setPrivateIpGoogleAccess": self._set_private_access,
        }

    async def _expand(self, call: Call) -> Body:
        current = ranges.Range(self.existing(call.name)["ipCidrRange"])
        text = call.body.get("ipCidrRange", "")
        wanted = ranges.network_range("ipCidrRange", text)
        if wanted == current or not wanted.supernet_of(current):
            why = f"The new range must contain the current one, {current}, and be wider."
            raise invalid_value("ipCidrRange", text, why)
        return await self.change(call.name, {"ipCidrRange": str(wanted)})

    async def _set_private_access(self, call: Call) -> Body:
        wanted = bool(call.body.get("privateIpGoogleAccess", False))
        return await self.change(call.name, {"privateIpGoogleAccess": wanted})
