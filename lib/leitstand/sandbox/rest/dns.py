"""dns.v1: managed zones and their record sets."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Mapping

import grpc

from leitstand.sandbox.errors import ApiError, unimplemented
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.records import rrset_key
from leitstand.sandbox.rest.times import timestamp

__all__ = ["ManagedZones", "ResourceRecordSets"]

_ZONE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"(\*\.)?([_a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?\.)+")
_TYPES = frozenset(
    ("A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT")
)
_SERVERS = tuple(f"ns-cloud-a{number}.googledomains.com." for number in (1, 2, 3, 4))
_SOA = f"{_SERVERS[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"


class ManagedZones(Collection):
    """Zones; each begins with its NS and SOA records."""

    api = "dns"
    path = "managedZones"
    full_name = "projects/{project}/managedZones/{managedZone}"
    immutable = ("name", "dnsName", "visibility")

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Name, DNS name and description must be there and valid."""
        for field in ("name", "dnsName", "description"):
            if field not in body:
                raise _missing(f"entity.managedZone.{field}")
        if not _ZONE.fullmatch(body["name"]):
            raise _invalid("entity.managedZone.name", body["name"])
        if not _NAME.fullmatch(body["dnsName"]) or body["dnsName"].startswith("*"):
            raise _invalid("entity.managedZone.dnsName", body["dnsName"])

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Name servers and defaults."""
        body["kind"] = "dns#managedZone"
        body.setdefault("visibility", "public")
        if before is None:
            body["id"] = str(secrets.randbits(62))
            body["creationTime"] = timestamp()
            body["nameServers"] = list(_SERVERS) if body["visibility"] == "public" else []

    def shown(self, call: Call, body: Body, before: Body | None) -> Body:
        """A change answers Cloud DNS's own kind of operation, which is done at once."""
        if before is None:
            return body
        return {
            "kind": "dns#operation",
            "id": str(secrets.randbits(62)),
            "startTime": timestamp(),
            "status": "done",
            "type": "update",
            "zoneContext": {"oldValue": before, "newValue": body},
        }

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The records that every zone has."""
        if before is not None:
            return
        records = self.park.table("dns", "resourceRecordSets")
        origin = body["dnsName"]
        for type_, ttl, data in (("NS", 21600, list(_SERVERS)), ("SOA", 21600, [_SOA])):
            records[rrset_key(name, origin, type_)] = {
                "kind": "dns#resourceRecordSet",
                "name": origin,
                "type": type_,
                "ttl": ttl,
                "rrdatas": data,
            }

    async def remove(self, name: str, body: Body) -> None:
        """Refused while it has records besides its own NS and SOA."""
        records = self.park.table("dns", "resourceRecordSets")
        mine = [key for key in records if key.startswith(f"{name}/rrsets/")]
        own = {rrset_key(name, body["dnsName"], type_) for type_ in ("NS", "SOA")}
        if set(mine) - own:
            message = (
                f"The resource named '{body['name']}' cannot be deleted because it contains one "
                "or more 'resource records'."
            )
            code = grpc.StatusCode.FAILED_PRECONDITION
            raise ApiError(code, message, "containerNotEmpty")
        for key in mine:
            del records[key]


class ResourceRecordSets(Collection):
    """Record sets by name and type; addresses decide about certificates (compute.chain)."""

    api = "dns"
    path = "resourceRecordSets"
    full_name = "projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}"
    immutable = ("name", "type")

    def identify(self, call: Call, resource: Body) -> str:
        """Name and type within the zone of the call."""
        for field in ("name", "type"):
            if not resource.get(field):
                raise _missing(f"entity.rrset.{field}")
        zone = self._zone(call)
        return rrset_key(zone, resource["name"].lower(), resource["type"])

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """The name lies in the zone, and the data are what the type has."""
        zone = self.park.table("dns", "managedZones")[name.partition("/rrsets/")[0]]
        owner, type_ = body["name"].lower(), body["type"]
        if not _NAME.fullmatch(owner) or not f".{owner}".endswith(f".{zone['dnsName']}"):
            raise _invalid("entity.rrset.name", body["name"])
        if type_ not in _TYPES:
            raise _invalid("entity.rrset.type", type_)
        if int(body.get("ttl", 0)) < 0:
            raise _invalid("entity.rrset.ttl", body["ttl"])
        if "routingPolicy" in body:
            raise unimplemented("routing policies of record sets")
        if not body.get("rrdatas"):
            raise _missing("entity.rrset.rrdata")
        for index, text in enumerate(body["rrdatas"]):
            if not _fits(type_, text):
                raise _invalid(f"entity.rrset.rrdata[{index}]", text)
        if type_ == "CNAME" and (len(body["rrdatas"]) > 1 or owner == zone["dnsName"]):
            raise _invalid("entity.rrset.rrdata", ", ".join(body["rrdatas"]))
        if before is None:
            self._check_alone(name, owner, type_)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Names are in lower case."""
        body["kind"] = "dns#resourceRecordSet"
        body["name"] = body["name"].lower()
        body.setdefault("ttl", 0)

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """A certificate may be waiting for it."""
        self.table[name] = body
        chain.refresh(self.park)

    async def remove(self, name: str, body: Body) -> None:
        """A zone keeps its NS and SOA."""
        zone = self.park.table("dns", "managedZones")[name.partition("/rrsets/")[0]]
        if body["type"] in ("NS", "SOA") and body["name"] == zone["dnsName"]:
            message = (
                f"The resource record set '{body['name']} ({body['type']})' is invalid because "
                "a zone must contain exactly one resource record set of this type at its apex."
            )
            raise ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, "invalidZoneApex")

    def custom(self) -> Mapping[str, Custom]:
        """A list that may be narrowed to a name and a type."""
        return {"list": self._list}

    async def _list(self, call: Call) -> Body:
        zone = self._zone(call)
        name, type_ = call.params.get("name"), call.params.get("type")
        found = [
            body
            for key, body in sorted(self.table.items())
            if key.startswith(f"{zone}/rrsets/")
            and name in (None, body["name"])
            and type_ in (None, body["type"])
        ]
        return {"kind": "dns#resourceRecordSetsListResponse", "rrsets": found}

    def _zone(self, call: Call) -> str:
        """Full name of the zone that a call names; raises ApiError (NOT_FOUND)."""
        zone = f"projects/{call.params['project']}/managedZones/{call.params['managedZone']}"
        if zone not in self.park.table("dns", "managedZones"):
            short = call.params["managedZone"]
            message = f"The 'parameters.managedZone' resource named '{short}' does not exist."
            raise ApiError(grpc.StatusCode.NOT_FOUND, message, "notFound")
        return zone

    def _check_alone(self, name: str, owner: str, type_: str) -> None:
        """An alias stands alone at its name (RFC 1034, section 3.6.2)."""
        zone = name.partition("/rrsets/")[0]
        others = {
            body["type"]
            for key, body in self.table.items()
            if key.startswith(f"{zone}/rrsets/") and body["name"] == owner and key != name
        }
        if others and (type_ == "CNAME" or "CNAME" in others):
            message = (
                f"The resource record set '{owner} ({type_})' is invalid because a CNAME record "
                "cannot be beside another record of the same name."
            )
            code = grpc.StatusCode.FAILED_PRECONDITION
            raise ApiError(code, message, "cnameResourceRecordSetConflict")


def _fits(type_: str, text: str) -> bool:
    if type_ in ("CNAME", "NS", "PTR"):
        return text.endswith(".")
    if type_ not in ("A", "AAAA"):
        return bool(text)
    try:
        return ipaddress.ip_address(text).version == (4 if type_ == "A" else 6)
    except ValueError:
        return False


def _invalid(field: str, value: object) -> ApiError:
    message = f"Invalid value for '{field}': '{value}'"
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message, "invalid", {"field": field})


def _missing(field: str) -> ApiError:
    message = f"The '{field}' parameter is required but was missing."
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message, "required", {"field": field})
