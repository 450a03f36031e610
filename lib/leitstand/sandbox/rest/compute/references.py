"""Which resource names which: the references of the kinds, found, checked and followed back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute.refusals import invalid_value, missing
from leitstand.sandbox.rest.park import Park

__all__ = ["NOUNS", "REFERENCES", "Reference", "check", "full_name", "link", "target", "users"]


@dataclass(frozen=True)
class Reference:
    """A field that names another resource.

    Attributes:
        path: The field, dotted; "[]" stands for every entry of a list.
        table: The collection of what it names.
    """

    path: str
    table: str


_SERVICES = (
    "defaultService",
    "pathMatchers[].defaultService",
    "pathMatchers[].pathRules[].service",
)
REFERENCES: dict[str, tuple[Reference, ...]] = {
    "subnetworks": (Reference("network", "networks"),),
    "globalAddresses": (Reference("network", "networks"),),
    "addresses": (Reference("subnetwork", "subnetworks"),),
    "forwardingRules": (Reference("network", "networks"), Reference("subnetwork", "subnetworks")),
    "globalForwardingRules": (Reference("target", "targetHttpsProxies"),),
    "backendServices": (
        Reference("backends[].group", "regionNetworkEndpointGroups"),
        Reference("securityPolicy", "securityPolicies"),
    ),
    "urlMaps": tuple(Reference(path, "backendServices") for path in _SERVICES),
    "targetHttpsProxies": (
        Reference("urlMap", "urlMaps"),
        Reference("sslCertificates[]", "sslCertificates"),
    ),
}
# What the API's messages call a resource of the collection.
NOUNS = {
    "networks": "network",
    "subnetworks": "subnetwork",
    "globalAddresses": "address",
    "addresses": "address",
    "forwardingRules": "forwarding_rule",
    "globalForwardingRules": "forwarding_rule",
    "regionNetworkEndpointGroups": "network_endpoint_group",
    "backendServices": "backend_service",
    "urlMaps": "url_map",
    "targetHttpsProxies": "target_https_proxy",
    "sslCertificates": "ssl_certificate",
    "securityPolicies": "security_policy",
}


def full_name(park: Park, of: str, value: str) -> str:
    """The key that a reference in the resource `of` means; partial URLs are of its project."""
    if value.startswith(("global/", "regions/")):
        return f"projects/{of.split('/')[1]}/{value}"
    return park.full_name(value)


def target(park: Park, of: str, table: str, value: str) -> tuple[str, Body] | None:
    """The resource of that collection that a reference in `of` means, or None."""
    key = full_name(park, of, value)
    body = park.table("compute", table).get(key)
    return None if body is None else (key, body)


def check(park: Park, table: str, name: str, body: Body) -> None:
    """Every reference of a resource must name something.

    Raises:
        ApiError: `invalid`, one does not.
    """
    for reference in REFERENCES.get(table, ()):
        for _, _, path, value in _places(body, reference.path):
            if "/" not in value:
                raise invalid_value(path, value, "The URL is malformed.")
            if target(park, name, reference.table, value) is None:
                raise missing(path, value, NOUNS[reference.table])


def link(park: Park, table: str, name: str, body: Body) -> None:
    """Changes `body`: every reference becomes the selfLink of what it names."""
    for reference in REFERENCES.get(table, ()):
        for holder, key, _, value in list(_places(body, reference.path)):
            holder[key] = park.link(full_name(park, name, value))


def users(park: Park, table: str, name: str) -> Iterator[str]:
    """Keys of the resources that name the one called `name` of the collection `table`."""
    for other, references in REFERENCES.items():
        for reference in references:
            if reference.table != table:
                continue
            for key, body in park.table("compute", other).items():
                values = (value for _, _, _, value in _places(body, reference.path))
                if any(full_name(park, key, value) == name for value in values):
                    yield key


def _places(body: Any, path: str, above: str = "") -> Iterator[tuple[Any, Any, str, str]]:
    """Where the values of a path are: their holder, their key in it, the full path, the value."""
    first, _, rest = path.partition(".")
    field = first.removesuffix("[]")
    inner = body.get(field) if isinstance(body, dict) else None
    if not inner:
        return
    entries: list[tuple[Any, Any, str]]
    if first == field:
        entries = [(body, field, above + field)]
    else:
        entries = [(inner, index, f"{above}{field}[{index}]") for index in range(len(inner))]
    for holder, key, where in entries:
        if rest:
            yield from _places(holder[key], rest, f"{where}.")
        elif holder[key]:
            yield holder, key, where, str(holder[key])
