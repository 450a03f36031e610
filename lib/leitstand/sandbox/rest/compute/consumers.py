"""What outside Compute Engine uses a network or a subnetwork."""

from __future__ import annotations

from collections.abc import Iterator

from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.run_networks import interfaces

__all__ = ["network_consumers", "subnetwork_consumers"]


def network_consumers(park: Park, name: str) -> Iterator[str]:
    """Full names of the connectors, databases, services and jobs that use a network.

    Args:
        park: The sandbox.
        name: Full name of the network.
    """
    for key, body in park.table("vpcaccess", "projects.locations.connectors").items():
        project = key.split("/")[1]
        if "subnet" not in body and _network(project, body.get("network", "default")) == name:
            yield key
    for instance in park.sql_instances():
        network = instance.settings.ip_configuration.private_network
        if network and park.full_name(network) == name:
            yield f"projects/{instance.project}/instances/{instance.name}"
    for key, body in park.table("redis", "projects.locations.instances").items():
        if park.full_name(body["authorizedNetwork"]) == name:
            yield key
    for user, network, _ in _run_interfaces(park):
        if network == name:
            yield user


def subnetwork_consumers(park: Park, name: str) -> Iterator[str]:
    """Full names of the connectors, services and jobs that lie in a subnetwork.

    Args:
        park: The sandbox.
        name: Full name of the subnetwork.
    """
    for key, body in park.table("vpcaccess", "projects.locations.connectors").items():
        _, project, _, region = key.split("/")[:4]
        subnet = body.get("subnet", {})
        owner = subnet.get("projectId", project)
        if name == f"projects/{owner}/regions/{region}/subnetworks/{subnet.get('name')}":
            yield key
    for user, _, subnetwork in _run_interfaces(park):
        if subnetwork == name:
            yield user


def _network(project: str, value: str) -> str:
    return value if "/" in value else f"projects/{project}/global/networks/{value}"


def _run_interfaces(park: Park) -> Iterator[tuple[str, str, str]]:
    """Services and jobs with the network and the subnetwork of each interface."""
    templates = [(name, service.template) for name, service in park.services().items()]
    templates += [(name, job.template.template) for name, job in park.jobs().items()]
    for name, template in templates:
        parent = "/".join(name.split("/")[:4])
        for network, subnetwork in interfaces(park, parent, template.vpc_access):
            yield name, network, subnetwork
