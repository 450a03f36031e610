"""Repositories of Artifact Registry: made, read, changed, deleted."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud.artifactregistry_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from leitstand.sandbox.errors import already_exists, failed_precondition, invalid
from leitstand.sandbox.registry_listing import below, find, paged
from leitstand.sandbox.rest.policies import forget_policy
from leitstand.sandbox.store import Store, raw

__all__ = ["Repositories"]

SERVICE = "/google.devtools.artifactregistry.v1.ArtifactRegistry/"
PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)")
REPOSITORY_ID = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
CHANGEABLE = (
    "description",
    "labels",
    "cleanup_policies",
    "cleanup_policy_dry_run",
    "docker_config",
    "vulnerability_scanning_config",
)
Format, Mode = types.Repository.Format, types.Repository.Mode


class Repositories:
    """Serves Create, Get, List, Update and Delete.

    Args:
        store: Where they are kept.
        changed: Called when a repository has come or gone.
    """

    def __init__(self, store: Store, changed: Callable[[], None]) -> None:
        self._store = store
        self._table = store.table("repositories", types.Repository)
        self._operations = store.table("operations", operations_pb2.Operation)
        self._changed = changed

    def seed(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Create the listed repositories, each `{"name": "projects/…/repositories/R"}`."""
        for item in listed:
            docker = types.Repository(format_=Format.DOCKER)
            self._table[item["name"]] = _fresh(item["name"], docker)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "CreateRepository": self.create,
            SERVICE + "GetRepository": self.get,
            SERVICE + "ListRepositories": self.list,
            SERVICE + "UpdateRepository": self.update,
            SERVICE + "DeleteRepository": self.delete,
        }

    def check_tags_movable(self, tag: str) -> None:
        """Refuse to move or delete a tag of a repository whose tags are immutable.

        Args:
            tag: Its full name.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        name = tag.partition("/packages/")[0]
        repository = self._table.get(name)
        if repository is not None and repository.docker_config.immutable_tags:
            raise failed_precondition(
                f"The repository {name} has immutable tags: a tag can neither be moved nor deleted."
            )

    async def create(self, request: types.CreateRepositoryRequest) -> Any:
        """Make a repository; what was pushed to its address is there at once."""
        if not PARENT.fullmatch(request.parent):
            raise invalid(f"'{request.parent}' is not projects/P/locations/L.", "parent")
        if not REPOSITORY_ID.fullmatch(request.repository_id):
            raise invalid(f"Repository ID '{request.repository_id}' is not valid.", "repository_id")
        name = f"{request.parent}/repositories/{request.repository_id}"
        if name in self._table:
            raise already_exists(name, "Repository")
        _check(request.repository)
        self._table[name] = _fresh(name, request.repository)
        self._changed()
        return self._done(request.parent, self._table[name])

    async def get(self, request: types.GetRepositoryRequest) -> types.Repository:
        """One repository."""
        return find(self._table, request.name, "Repository")

    async def list(self, request: types.ListRepositoriesRequest) -> types.ListRepositoriesResponse:
        """The repositories of a location."""
        shown, token = paged(below(self._table, request.parent, "repositories"), request)
        return types.ListRepositoriesResponse(repositories=shown, next_page_token=token)

    async def update(self, request: types.UpdateRepositoryRequest) -> types.Repository:
        """Change the fields of the mask; without one, those that are given."""
        given = raw(request.repository)
        wanted = types.Repository(find(self._table, request.repository.name, "Repository"))
        paths = [path for path in request.update_mask.paths if path != "*"]
        if not paths:
            paths = [field.name for field, _ in given.ListFields() if field.name in CHANGEABLE]
        for path in paths:
            if path.partition(".")[0] not in CHANGEABLE:
                raise invalid(f"Field '{path}' of a repository cannot be updated.", "update_mask")
        mask = type(request.update_mask)(paths=paths)
        mask.MergeMessage(
            given, raw(wanted), replace_message_field=True, replace_repeated_field=True
        )
        wanted.update_time = datetime.now(UTC)
        self._table[wanted.name] = wanted
        return wanted

    async def delete(self, request: types.DeleteRepositoryRequest) -> Any:
        """Delete a repository with all that lies in it."""
        find(self._table, request.name, "Repository")
        del self._table[request.name]
        forget_policy(self._store, request.name)
        self._changed()
        return self._done(request.name.partition("/repositories/")[0], empty_pb2.Empty())

    def _done(self, parent: str, response: Any) -> operations_pb2.Operation:
        """An operation that has ended already, for `google.longrunning` to answer for."""
        name = f"{parent}/operations/{uuid.uuid4()}"
        operation = operations_pb2.Operation(name=name, done=True)
        operation.metadata.Pack(raw(types.OperationMetadata()))
        operation.response.Pack(raw(response))
        self._operations[name] = operation
        return operation


def _check(repository: types.Repository) -> None:
    if not repository.format_:
        raise invalid("Repository.format must be set.", "repository.format")
    if "docker_config" in repository and repository.format_ != Format.DOCKER:
        raise invalid(
            f"docker_config does not belong to the format {Format(repository.format_).name}.",
            "repository.docker_config",
        )


def _fresh(name: str, given: types.Repository) -> types.Repository:
    """A new repository of that name with the settable fields of `given`."""
    made = types.Repository(given)
    _, project, _, location, _, repository = name.split("/")
    made.name = name
    if not made.mode:
        made.mode = Mode(Mode.STANDARD_REPOSITORY)
    made.create_time = made.update_time = datetime.now(UTC)
    made.registry_uri = f"{location}-docker.pkg.dev/{project}/{repository}"
    return made
