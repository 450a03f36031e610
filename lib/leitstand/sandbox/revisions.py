"""google.cloud.run.v2.Revisions: the immutable snapshots a service was made of."""

from __future__ import annotations

import hashlib
import string
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2
from google.protobuf import json_format

from leitstand.sandbox.conditions import is_ready, revision_ready, revision_retired
from leitstand.sandbox.errors import failed_precondition, invalid, not_found
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.paging import page
from leitstand.sandbox.service_rules import ServiceName, check_etag
from leitstand.sandbox.store import Store

__all__ = ["Revisions", "generated_name", "new_revision", "same_configuration"]

_SERVICE = "/google.cloud.run.v2.Revisions/"
# What a revision takes over from its template, apart from names.
_CONFIGURATION = (
    "labels",
    "annotations",
    "scaling",
    "vpc_access",
    "timeout",
    "service_account",
    "containers",
    "volumes",
    "execution_environment",
    "encryption_key",
    "max_instance_request_concurrency",
    "service_mesh",
    "encryption_key_revocation_action",
    "encryption_key_shutdown_duration",
    "session_affinity",
    "node_selector",
)


def new_revision(service: run_v2.Service, name: str, image: str) -> run_v2.Revision:
    """The revision `name` (id) that the service's template makes; not started yet.

    Args:
        image: The image by digest, as Cloud Run resolves it at deployment.
    """
    now = datetime.now(UTC)
    revision = run_v2.Revision(
        name=f"{service.name}/revisions/{name}",
        uid=str(uuid.uuid4()),
        generation=1,
        create_time=now,
        update_time=now,
        launch_stage=service.launch_stage,
        service=ServiceName.parse(service.name).service,
        reconciling=True,
    )
    source, target = run_v2.RevisionTemplate.pb(service.template), run_v2.Revision.pb(revision)
    for field, value in source.ListFields():
        if field.name not in _CONFIGURATION:
            continue
        if field.is_repeated:
            getattr(target, field.name).MergeFrom(value)
        elif field.message_type is not None:
            getattr(target, field.name).CopyFrom(value)
        else:
            setattr(target, field.name, value)
    revision.containers[0].image = image
    revision.etag = _etag(revision)
    return revision


def same_configuration(one: run_v2.Revision, other: run_v2.Revision) -> bool:
    """Whether both would run the same thing; names and states aside."""
    return _configuration(one) == _configuration(other)


def generated_name(service: run_v2.Service, number: int) -> str:
    """`SERVICE-00007-abc` for the seventh revision; the letters are fixed by uid and number."""
    digest = hashlib.sha256(f"{service.uid}/{number}".encode()).digest()
    letters = "".join(string.ascii_lowercase[byte % 26] for byte in digest[:3])
    return f"{ServiceName.parse(service.name).service}-{number:05d}-{letters}"


class Revisions:
    """Serves Get, List and Delete."""

    def __init__(self, store: Store, operations: Operations, fleet: Fleet) -> None:
        self._revisions = store.table("revisions", run_v2.Revision)
        self._services = store.table("services", run_v2.Service)
        self._operations = operations
        self._fleet = fleet

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods by their full gRPC path."""
        return {
            _SERVICE + "GetRevision": self.get,
            _SERVICE + "ListRevisions": self.list,
            _SERVICE + "DeleteRevision": self.delete,
        }

    def record(self, revision: Mapping[str, Any]) -> None:
        """Add a revision that ran elsewhere, from its JSON: ready, retired, without processes."""
        message = run_v2.Revision()
        json_format.ParseDict(dict(revision), run_v2.Revision.pb(message))
        if message.name in self._revisions:
            return
        _check_name(message.name)
        message.uid = message.uid or str(uuid.uuid4())
        message.generation = message.generation or 1
        message.service = message.service or message.name.split("/")[5]
        message.create_time = message.create_time or datetime.now(UTC)
        message.update_time = message.update_time or message.create_time
        if not is_ready(message):
            revision_ready(message)
            revision_retired(message)
        message.etag = _etag(message)
        self._revisions[message.name] = message

    async def get(self, request: run_v2.GetRevisionRequest) -> run_v2.Revision:
        """One revision by its full name."""
        return self._find(request.name)

    async def list(self, request: run_v2.ListRevisionsRequest) -> run_v2.ListRevisionsResponse:
        """Revisions of a service, or with `services/-` of all in the location; newest first."""
        name = ServiceName.parse(request.parent)
        prefix = f"{request.parent}/revisions/" if name.service != "-" else f"{name.parent}/"
        found = [item for key, item in self._revisions.items() if key.startswith(prefix)]
        found.sort(key=_newest_first)
        shown, token = page(
            found, _newest_first, request.page_size, request.page_token, default=100
        )
        return run_v2.ListRevisionsResponse(revisions=shown, next_page_token=token)

    async def delete(self, request: run_v2.DeleteRevisionRequest) -> Any:
        """Delete a revision that no traffic target names and that is not the latest."""
        revision = self._find(request.name)
        check_etag(revision.name.rpartition("/")[2], request.etag, revision.etag)
        service_name = revision.name.partition("/revisions/")[0]
        if service := self._services.get(service_name):
            _check_unused(service, revision)
        parent = ServiceName.parse(service_name).parent
        work = self._delete(revision, request.validate_only)
        return self._operations.start(parent, revision.name, work, revision)

    async def _delete(self, revision: run_v2.Revision, validate_only: bool) -> run_v2.Revision:
        if not validate_only:
            self._revisions.pop(revision.name, None)
            await self._fleet.remove(revision.name)
            revision.delete_time = datetime.now(UTC)
        return revision

    def _find(self, name: str) -> run_v2.Revision:
        _check_name(name)
        if name not in self._revisions:
            raise not_found(name)
        return self._revisions[name]


def _check_name(name: str) -> None:
    service, found, revision = name.partition("/revisions/")
    if not found or not revision or "/" in revision:
        raise invalid(f"name: '{name}' is not the full name of a revision.", "name")
    ServiceName.parse(service)


def _check_unused(service: run_v2.Service, revision: run_v2.Revision) -> None:
    short = revision.name.rpartition("/")[2]
    named = {target.revision for target in service.traffic}
    if short in named | {status.revision for status in service.traffic_statuses}:
        raise failed_precondition(
            f"Revision '{short}' is receiving traffic or has a tag and cannot be deleted."
        )
    if revision.name in (service.latest_created_revision, service.latest_ready_revision):
        raise failed_precondition(f"Revision '{short}' is the latest and cannot be deleted.")


def _newest_first(revision: run_v2.Revision) -> tuple[float, str]:
    return (-revision.create_time.timestamp(), revision.name)


def _configuration(revision: run_v2.Revision) -> dict[str, Any]:
    document = json_format.MessageToDict(
        run_v2.Revision.pb(revision), preserving_proto_field_name=True
    )
    return {name: document[name] for name in _CONFIGURATION if name in document}


def _etag(revision: run_v2.Revision) -> str:
    text = f"{revision.uid}/{revision.name}/{revision.generation}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
