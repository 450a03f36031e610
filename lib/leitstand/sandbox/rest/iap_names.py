"""The resources that Identity-Aware Proxy has policies for, and who gets through by them."""

from __future__ import annotations

import re

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park

__all__ = ["ACCESSOR", "accessors", "canonical", "iap_resource"]

ACCESSOR = "roles/iap.httpsResourceAccessor"
# https://cloud.google.com/iap/docs/managing-access#resources_and_permissions
_RESOURCE = re.compile(
    r"projects/(?P<project>[^/]+)/iap_web(?P<compute>/compute(/services/(?P<service>[^/]+))?)?"
)


def canonical(park: Park, resource: str) -> str:
    """The one name of a resource that may be named by project id or number, service id or name.

    Raises:
        ApiError: NOT_FOUND, there is no such project or backend service.
    """
    match = _RESOURCE.fullmatch(park.full_name(resource))
    if match is None or match["project"] not in park.projects:
        raise not_found(resource)
    project = match["project"]
    if not match["service"]:
        return f"projects/{project}/iap_web{match['compute'] or ''}"
    prefix = f"projects/{project}/global/backendServices/"
    for key, body in park.table("compute", "backendServices").items():
        if key.startswith(prefix) and match["service"] in (body["id"], body["name"]):
            return iap_resource(key, body)
    raise not_found(resource)


def accessors(park: Park, key: str, service: Body) -> frozenset[str]:
    """Who may reach a backend service: by its own policy and by those of what it lies below."""
    project = f"projects/{key.split('/')[1]}"
    above = (project, f"{project}/iap_web", f"{project}/iap_web/compute")
    own = iap_resource(key, service)
    found = (park.policies.members(name, ACCESSOR) for name in (*above, own))
    return frozenset(member for members in found for member in members)


def iap_resource(key: str, service: Body) -> str:
    """The name that a backend service has for IAP, by its full name and its body."""
    return f"projects/{key.split('/')[1]}/iap_web/compute/services/{service['id']}"
