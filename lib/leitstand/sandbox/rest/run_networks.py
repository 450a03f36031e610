"""The names that templates of Cloud Run use for connectors, networks, subnetworks and secrets."""

from __future__ import annotations

from collections.abc import Iterator

from google.cloud import run_v2

from leitstand.sandbox.rest.park import Park

__all__ = ["interfaces", "named"]


def named(parent: str, collection: str, value: str) -> str:
    """The full name of a connector or a secret that is named by its id or in full.

    Args:
        parent: `projects/P/locations/L` of the service or job.
        collection: `connectors` or `secrets`.
        value: As the template has it.
    """
    if "/" in value:
        return value
    place = parent if collection == "connectors" else "/".join(parent.split("/")[:2])
    return f"{place}/{collection}/{value}"


def interfaces(park: Park, parent: str, access: run_v2.VpcAccess) -> Iterator[tuple[str, str]]:
    """The network and the subnetwork of each interface, in full; "" for a network not named.

    Without a subnetwork it is the one that has the network's name:
    https://cloud.google.com/run/docs/configuring/vpc-direct-vpc.

    Args:
        park: Knows the projects' numbers.
        parent: `projects/P/locations/L` of the service or job.
        access: Of its template.
    """
    _, project, _, region = parent.split("/")
    for one in access.network_interfaces:
        network = one.network
        if network and "/" not in network:
            network = f"projects/{project}/global/networks/{network}"
        network = park.full_name(network) if network else ""
        subnetwork = one.subnetwork or network.rpartition("/")[2]
        if "/" not in subnetwork:
            host = network.split("/")[1] if network else project
            subnetwork = f"projects/{host}/regions/{region}/subnetworks/{subnetwork}"
        yield network, park.full_name(subnetwork)
