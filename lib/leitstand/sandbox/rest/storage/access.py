"""Who may do what with a bucket: the permissions of the predefined roles, as far as they are asked.

https://cloud.google.com/storage/docs/access-control/iam-roles
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["EXPORTING", "REPLACING", "lacking"]

# What Memorystore's service account needs on the bucket for an export:
# https://cloud.google.com/memorystore/docs/redis/import-export-restricted-permissions
EXPORTING = ("storage.buckets.get", "storage.objects.create")
# And where the object is there already:
# https://cloud.google.com/storage/docs/json_api/v1/objects/insert#required-permissions
DELETE = "storage.objects.delete"
REPLACING = (*EXPORTING, DELETE)
ROLES: Mapping[str, tuple[str, ...]] = {
    "roles/storage.admin": REPLACING,
    "roles/storage.legacyBucketOwner": REPLACING,
    "roles/storage.legacyBucketReader": (EXPORTING[0],),
    "roles/storage.legacyBucketWriter": REPLACING,
    "roles/storage.objectAdmin": (EXPORTING[1], DELETE),
    "roles/storage.objectCreator": (EXPORTING[1],),
    "roles/storage.objectUser": (EXPORTING[1], DELETE),
    "roles/owner": REPLACING,
}


def lacking(park: Park, bucket: str, member: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The permissions that a member has neither on a bucket nor on its project.

    Args:
        park: The sandbox.
        bucket: Its name; it is there.
        member: Such as `serviceAccount:a@example.org`.
        wanted: The permissions.
    """
    project = str(park.notes("storage", "projects").get(bucket, {}).get("project", park.project))
    places = (f"b/{bucket}", f"projects/{project}")
    held = {
        permission
        for role, permissions in ROLES.items()
        if any(member in park.policies.members(place, role) for place in places)
        for permission in permissions
    }
    return tuple(permission for permission in wanted if permission not in held)
