"""What the public zones of a project answer: the sandbox's own DNS look-up."""

from __future__ import annotations

from collections.abc import Iterator

from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park

__all__ = ["lookup", "rrset_key"]

_LONGEST_CHAIN = 8


def rrset_key(zone: str, name: str, type_: str) -> str:
    """Key of a record set, by the full name of its zone."""
    return f"{zone}/rrsets/{name}/{type_}"


def lookup(park: Park, project: str, host: str) -> set[str]:
    """The IPv4 addresses that the project's public zones have for a host name.

    Aliases (CNAME) are followed within the project, wildcards are honoured (RFC 4592).
    """
    name = host.rstrip(".").lower() + "."
    for _ in range(_LONGEST_CHAIN):
        zone = _zone(park, project, name)
        if not zone:
            return set()
        found = {type_: _record(park, zone, name, type_) for type_ in ("A", "CNAME")}
        if found["A"]:
            return set(found["A"].get("rrdatas", ()))
        if not found["CNAME"]:
            return set()
        name = found["CNAME"]["rrdatas"][0].lower()
    return set()


def _zone(park: Park, project: str, name: str) -> str:
    """The public zone that answers for a name: the one that is nearest to it."""
    best = ("", "")
    for key, zone in park.table("dns", "managedZones").items():
        inside = f".{name}".endswith(f".{zone['dnsName']}")
        mine = key.startswith(f"projects/{project}/") and zone["visibility"] == "public"
        if mine and inside and len(zone["dnsName"]) > len(best[0]):
            best = (zone["dnsName"], key)
    return best[1]


def _record(park: Park, zone: str, name: str, type_: str) -> Body:
    records = park.table("dns", "resourceRecordSets")
    for candidate in _candidates(name):
        if body := records.get(rrset_key(zone, candidate, type_)):
            return body
    return {}


def _candidates(name: str) -> Iterator[str]:
    yield name
    labels = name.split(".")
    for count in range(1, len(labels) - 1):
        yield ".".join(["*", *labels[count:]])
