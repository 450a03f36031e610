"""compute.regionNetworkEndpointGroups: serverless groups, which name a Cloud Run service."""

from __future__ import annotations

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute.refusals import invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["RegionNetworkEndpointGroups"]


class RegionNetworkEndpointGroups(Resource):
    """Serverless network endpoint groups; whether their service exists is not asked at Google."""

    path = "regionNetworkEndpointGroups"
    full_name = "projects/{project}/regions/{region}/networkEndpointGroups/{networkEndpointGroup}"
    kind = "compute#networkEndpointGroup"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Exactly one Cloud Run service, and nothing that belongs to groups of machines."""
        super().check(name, body, before)
        kind = body.get("networkEndpointType")
        if not kind:
            raise required("networkEndpointType")
        if kind != "SERVERLESS":
            raise unimplemented(f"network endpoint groups of the type {kind}")
        for field in ("network", "subnetwork", "defaultPort"):
            if field in body:
                why = "It must not be specified for network endpoint type SERVERLESS."
                raise invalid_value(field, body[field], why)
        for field in ("appEngine", "cloudFunction"):
            if field in body:
                raise unimplemented(f"serverless network endpoint groups with {field}")
        if "cloudRun" not in body:
            raise required("cloudRun")
        if "urlMask" in body["cloudRun"]:
            raise unimplemented("URL masks of network endpoint groups")
        if not body["cloudRun"].get("service"):
            raise required("cloudRun.service")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """A serverless group has no endpoints of its own."""
        super().complete(name, body, before)
        body["size"] = 0
