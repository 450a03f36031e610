"""Which instances Memorystore makes, and where: its refusals of new ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leitstand.sandbox.errors import failed_precondition, invalid, not_found, unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.servicenetworking import is_connected

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["DEFAULT_VERSION", "check_place"]

ID = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")
NETWORK = re.compile(r"projects/[^/]+/global/networks/[^/]+")
VERSIONS = ("REDIS_3_2", "REDIS_4_0", "REDIS_5_0", "REDIS_6_X", "REDIS_7_0", "REDIS_7_2")
DEFAULT_VERSION = "REDIS_7_0"


def check_place(park: Park, name: str, body: Body) -> None:
    """Refuse a new instance of a kind, in a place or in a network where Google has none.

    Raises:
        ApiError: What the client sees.
    """
    project, _, region, _, identifier = name.split("/")[1:]
    if not ID.fullmatch(identifier):
        raise invalid(f"Invalid instance ID '{identifier}'.", "instance_id")
    if body.get("tier", "TIER_UNSPECIFIED") == "TIER_UNSPECIFIED":
        raise invalid("Tier must be specified.", "instance.tier")
    if body.get("redisVersion", DEFAULT_VERSION) not in VERSIONS:
        raise invalid(f"Invalid Redis version {body['redisVersion']}.", "redis_version")
    if body.get("transitEncryptionMode") == "SERVER_AUTHENTICATION":
        raise unimplemented("transit encryption of Memorystore")
    if body.get("readReplicasMode") == "READ_REPLICAS_ENABLED":
        raise unimplemented("read replicas of Memorystore")
    first, second = body.get("locationId"), body.get("alternativeLocationId")
    for zone in filter(None, (first, second)):
        if zone.rpartition("-")[0] != region:
            raise invalid(f"Zone {zone} is not in region {region}.", "instance.location_id")
    if second and (body["tier"] != "STANDARD_HA" or second == first):
        raise invalid(
            "alternative_location_id needs the standard tier and another zone.",
            "instance.alternative_location_id",
        )
    _check_network(park, project, body)


def _check_network(park: Park, project: str, body: Body) -> None:
    given = body.get("authorizedNetwork", f"projects/{project}/global/networks/default")
    field = "instance.authorized_network"
    if not NETWORK.fullmatch(given):
        raise invalid(
            "invalid authorized_network format, value should be full path to network resource",
            field,
        )
    network = park.full_name(given)
    if not network.startswith(f"projects/{project}/"):
        raise invalid("authorized_network must exist in the same project as redis instance", field)
    if park.find(network) is None:
        raise not_found(network, "Network")
    private = body.get("connectMode") == "PRIVATE_SERVICE_ACCESS"
    if private and not is_connected(park, network):
        raise failed_precondition(
            "Google private service access is not enabled. Enable privateServiceAccess and "
            "try again."
        )
