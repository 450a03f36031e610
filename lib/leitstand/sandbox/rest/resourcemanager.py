"""The projects of the sandbox: `cloudresourcemanager.projects`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from leitstand.sandbox.errors import permission_denied
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom

__all__ = ["Projects"]

CREATED = "2024-01-01T00:00:00Z"


class Projects(Collection):
    """Projects are there from the start; only their IAM policies change."""

    api: ClassVar[str] = "cloudresourcemanager"
    path: ClassVar[str] = "projects"
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    full_name: ClassVar[str] = "projects/{project}"

    def custom(self) -> Mapping[str, Custom]:
        """get, search and IAM."""
        methods = self.park.policies.methods(lambda call: self._existing(call.name))
        return {**methods, "get": self._get, "search": self._search}

    async def _get(self, call: Call) -> Body:
        return self._shown(self._existing(call.name))

    async def _search(self, call: Call) -> Body:
        return {"projects": [self._shown(f"projects/{one}") for one in sorted(self.park.projects)]}

    def _existing(self, name: str) -> str:
        parts = name.split("/")
        if parts[0] != "projects" or len(parts) != 2 or parts[1] not in self.park.projects:
            # Google does not say whether a project exists to those who may not see it.
            raise permission_denied(f"The caller does not have permission on {name}.")
        return name

    def _shown(self, name: str) -> Body:
        project = name.removeprefix("projects/")
        return {
            "name": f"projects/{self.park.number_of(project)}",
            "projectId": project,
            "displayName": project,
            "state": "ACTIVE",
            "createTime": CREATED,
            "updateTime": CREATED,
            "etag": 'W/"1"',
        }
