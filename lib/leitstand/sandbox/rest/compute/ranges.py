"""The IPv4 ranges of a VPC network: what is taken, what is free."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute.refusals import invalid_value
from leitstand.sandbox.rest.park import Park

__all__ = ["Range", "check_free", "first_free", "network_range", "taken"]

Range = ipaddress.IPv4Network

# https://cloud.google.com/vpc/docs/subnets#prohibited-ipv4-ranges
_PROHIBITED = tuple(
    Range(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "199.36.153.4/30",
        "199.36.153.8/30",
        "224.0.0.0/4",
        "255.255.255.255/32",
    )
)
_WIDEST, _NARROWEST = 4, 29


def network_range(field: str, text: str) -> Range:
    """The range a field holds, as a VPC network may have it.

    Raises:
        ApiError: `invalid`, it is no range, too wide or narrow, or prohibited.
    """
    try:
        found = Range(text)
    except ValueError:
        raise invalid_value(field, text, f"Invalid IPCidrRange: {text}.") from None
    if not _WIDEST <= found.prefixlen <= _NARROWEST:
        why = f"Invalid IPCidrRange: the prefix length must be {_WIDEST} to {_NARROWEST}."
        raise invalid_value(field, text, why)
    if any(found.overlaps(other) for other in _PROHIBITED):
        raise invalid_value(field, text, f"Invalid IPCidrRange: {text} is a prohibited range.")
    return found


def taken(park: Park, network: str, besides: str = "") -> Iterator[tuple[Range, str]]:
    """The ranges of a network and what has each, in the words of a refusal.

    Args:
        park: Has the resources.
        network: selfLink of the network.
        besides: Full name of a resource whose ranges do not count.
    """
    for key, subnetwork in park.table("compute", "subnetworks").items():
        if subnetwork["network"] != network or key == besides:
            continue
        region = key.split("/")[3]
        owner = f"existing subnetwork '{subnetwork['name']}' in region '{region}'"
        yield Range(subnetwork["ipCidrRange"]), owner
        for secondary in subnetwork.get("secondaryIpRanges", ()):
            yield Range(secondary["ipCidrRange"]), owner
    for key, address in park.table("compute", "globalAddresses").items():
        if address.get("network") == network and "prefixLength" in address and key != besides:
            yield _of(address), f"allocated range '{address['name']}'"


def check_free(park: Park, network: str, wanted: Range, field: str, besides: str = "") -> None:
    """Raises ApiError (`invalid`) if `wanted` overlaps a range of the network."""
    for other, owner in taken(park, network, besides):
        if wanted.overlaps(other):
            why = f"Invalid IPCidrRange: {wanted} conflicts with {owner}."
            raise invalid_value(field, wanted, why)


def first_free(park: Park, network: str, length: int) -> Range:
    """A range of that prefix length within 10.0.0.0/8 that the network does not use yet.

    Raises:
        ApiError: `invalid`, there is none.
    """
    used = [other for other, _ in taken(park, network)]
    for candidate in Range("10.0.0.0/8").subnets(new_prefix=max(length, 8)):
        if not any(candidate.overlaps(other) for other in used):
            return candidate
    raise _exhausted(length)


def _of(address: Body) -> Range:
    return Range(f"{address['address']}/{address['prefixLength']}")


def _exhausted(length: int) -> ApiError:
    return invalid_value(
        "prefixLength", length, "Couldn't find free blocks in allocated IP ranges."
    )
