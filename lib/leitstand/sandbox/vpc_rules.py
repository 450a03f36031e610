"""How containers of Cloud Run reach a network: a connector, or interfaces of their own."""

from __future__ import annotations

import re

from google.cloud import run_v2

from leitstand.sandbox.errors import invalid

__all__ = ["check_vpc_access"]

CONNECTOR = re.compile(r"projects/[^/]+/locations/[^/]+/connectors/[a-z][-a-z0-9]*|[a-z][-a-z0-9]*")


def check_vpc_access(access: run_v2.VpcAccess, field: str) -> None:
    """Refuse what contradicts itself.

    https://cloud.google.com/run/docs/configuring/vpc-direct-vpc and the API's reference of
    `VpcAccess`.

    Args:
        access: As given; empty where there is none.
        field: Where it stands, for the message.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    interfaces = access.network_interfaces
    if access.connector and interfaces:
        raise invalid(f"{field}: VPC connector and direct VPC can not be used together.", field)
    if access.connector and not CONNECTOR.fullmatch(access.connector):
        raise invalid(
            f"{field}.connector: '{access.connector}' is not the full name of a connector.", field
        )
    if len(interfaces) > 1:
        raise invalid(f"{field}.network_interfaces: only one is supported.", field)
    if any(not one.network and not one.subnetwork for one in interfaces):
        raise invalid(f"{field}.network_interfaces: a network or a subnetwork is needed.", field)
    if access.egress and not access.connector and not interfaces:
        raise invalid(f"{field}.egress: needs a connector or a network interface.", field)
