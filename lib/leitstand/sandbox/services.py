"""google.cloud.run.v2.Services over real processes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.cloud import run_v2
from google.protobuf import json_format

from leitstand.sandbox import conditions, service_rules
from leitstand.sandbox.errors import ApiError, already_exists, not_found
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import FrontDoor
from leitstand.sandbox.images.catalogue import Catalogue, UnknownImage
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.paging import page
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.rest.policies import forget_policy
from leitstand.sandbox.revisions import generated_name, new_revision, same_configuration
from leitstand.sandbox.rollout import Rollout
from leitstand.sandbox.service_rules import ServiceName
from leitstand.sandbox.store import Store

__all__ = ["Services"]

_SERVICE = "/google.cloud.run.v2.Services/"


class Services:
    """Serves Create, Get, List, Update and Delete; checks at once, works in operations."""

    def __init__(
        self,
        store: Store,
        operations: Operations,
        fleet: Fleet,
        door: FrontDoor,
        catalogue: Catalogue,
        references: References = UNCHECKED,
    ) -> None:
        self._store = store
        self._services = store.table("services", run_v2.Service)
        self._revisions = store.table("revisions", run_v2.Revision)
        # How often each name was given; ids follow from it, so that rehearsals can be compared.
        self._made = store.json_table("services_made")
        self._operations = operations
        self._catalogue = catalogue
        self._references = references
        self._rollout = Rollout(self._services, self._revisions, fleet, door, references)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods by their full gRPC path."""
        return {
            _SERVICE + "CreateService": self.create,
            _SERVICE + "GetService": self.get,
            _SERVICE + "ListServices": self.list,
            _SERVICE + "UpdateService": self.update,
            _SERVICE + "DeleteService": self.delete,
        }

    def seed(self, services: Iterable[Mapping[str, Any]]) -> None:
        """Add services from their JSON (snake_case, full `name`) where they do not exist yet.

        Raises:
            ApiError: Cloud Run would refuse one of them.
        """
        for document in services:
            service = run_v2.Service()
            json_format.ParseDict(dict(document), run_v2.Service.pb(service))
            if service.name not in self._services:
                made = self._fresh(ServiceName.parse(service.name), service)
                self._commit(made, None)

    async def start(self) -> None:
        """Start the instances of all services at once; returns when they serve or have failed."""
        await asyncio.gather(*(self._rollout.restore(name) for name in list(self._services)))

    async def create(self, request: run_v2.CreateServiceRequest) -> Any:
        """Create a service; the operation ends when its first revision serves."""
        name = ServiceName.below(request.parent, request.service_id)
        if str(name) in self._services:
            raise already_exists(str(name))
        return self._create(name, request.service, request.validate_only)

    async def get(self, request: run_v2.GetServiceRequest) -> run_v2.Service:
        """One service by its full name."""
        ServiceName.parse(request.name)
        if request.name not in self._services:
            raise not_found(request.name)
        return self._services[request.name]

    async def list(self, request: run_v2.ListServicesRequest) -> run_v2.ListServicesResponse:
        """The services of a location, by name."""
        parent = ServiceName.below(request.parent, "x").parent
        found = sorted(
            (service for name, service in self._services.items() if name.startswith(f"{parent}/")),
            key=_by_name,
        )
        shown, token = page(found, _by_name, request.page_size, request.page_token, default=100)
        return run_v2.ListServicesResponse(services=shown, next_page_token=token)

    async def update(self, request: run_v2.UpdateServiceRequest) -> Any:
        """Change what is wanted of a service; the operation ends when it is reached.

        A new revision is made if the template differs from the latest one or names a new one.
        """
        name = ServiceName.parse(request.service.name)
        current = self._services.get(str(name))
        if current is None:
            if not request.allow_missing:
                raise not_found(str(name))
            return self._create(name, request.service, request.validate_only)
        service_rules.check_etag(name.service, request.service.etag, current.etag)
        wanted = service_rules.merged(current, request.service, request.update_mask.paths)
        service_rules.check_service(name.service, wanted)
        service_rules.fill_defaults(wanted)
        changed = not service_rules.same_wish(current, wanted)
        sent = request.service.template.revision
        if sent and changed and f"{name}/revisions/{sent}" in self._revisions:
            # As the real API does: a template that was read and sent back is taken for an attempt
            # to change that revision, whatever the mask says.
            raise _revision_exists(sent)
        revision = self._next_revision(wanted)
        if revision is not None:
            self._references.check_account(name.parent, wanted.template.service_account)
        if request.validate_only:
            return self._operations.start(name.parent, str(name), _done(wanted), wanted)
        if changed or revision is not None:
            wanted.generation = current.generation + 1
            self._commit(wanted, revision)
        else:
            wanted = current
        work = self._rollout.apply(str(name))
        return self._operations.start(name.parent, str(name), work, wanted)

    async def delete(self, request: run_v2.DeleteServiceRequest) -> Any:
        """Delete a service, its revisions and its processes."""
        name = ServiceName.parse(request.name)
        if request.name not in self._services:
            raise not_found(request.name)
        service = self._services[request.name]
        service_rules.check_etag(name.service, request.etag, service.etag)
        if request.validate_only:
            return self._operations.start(name.parent, request.name, _done(service), service)
        service.delete_time = datetime.now(UTC)
        del self._services[request.name]
        forget_policy(self._store, request.name)
        work = self._delete(service)
        return self._operations.start(name.parent, request.name, work, service)

    async def _delete(self, service: run_v2.Service) -> run_v2.Service:
        await self._rollout.remove(service.name)
        return service

    def _create(self, name: ServiceName, wanted: run_v2.Service, validate_only: bool) -> Any:
        service = self._fresh(name, wanted)
        self._references.check_account(name.parent, service.template.service_account)
        if validate_only:
            return self._operations.start(name.parent, str(name), _done(service), service)
        self._made[str(name)] = {"count": self._times_made(str(name)) + 1}
        self._commit(service, None)
        work = self._rollout.apply(str(name))
        return self._operations.start(name.parent, str(name), work, service)

    def _times_made(self, name: str) -> int:
        return int(self._made.get(name, {}).get("count", 0))

    def _uid(self, name: str) -> str:
        times = self._times_made(name)
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}#{times}" if times else name))

    def _fresh(self, name: ServiceName, wanted: run_v2.Service) -> run_v2.Service:
        """A new service of that name with the settable fields of `wanted`, checked."""
        service_rules.check_service_id(name.service)
        now = datetime.now(UTC)
        base = run_v2.Service(
            name=str(name), uid=self._uid(str(name)), generation=1, create_time=now
        )
        service = service_rules.merged(base, wanted, [])
        service_rules.check_service(name.service, service)
        service_rules.fill_defaults(service)
        return service

    def _commit(self, service: run_v2.Service, revision: run_v2.Revision | None) -> None:
        """Write down what is wanted from now on; changes `service`."""
        if revision is None and not service.latest_created_revision:
            revision = self._next_revision(service)
        if revision is not None:
            self._revisions[revision.name] = revision
            service.latest_created_revision = revision.name
        service.update_time = datetime.now(UTC)
        conditions.service_reconciling(service)
        service.etag = service_rules.etag_of(service)
        self._services[service.name] = service

    def _next_revision(self, service: run_v2.Service) -> run_v2.Revision | None:
        """The revision the template asks for, or None if the latest one is it.

        Raises:
            ApiError: ALREADY_EXISTS (HTTP 409) if its name is taken by another configuration.
        """
        image = service.template.containers[0].image
        # Cloud Run accepts an unknown image and fails the revision.
        with contextlib.suppress(UnknownImage):
            image = self._catalogue.resolve(image).by_digest
        prefix = f"{service.name}/revisions/"
        mine = [name for name in self._revisions if name.startswith(prefix)]
        short = service.template.revision
        made = new_revision(
            service, short or generated_name(service, self._next_number(service, mine)), image
        )
        if short and prefix + short in self._revisions:
            if not same_configuration(self._revisions[prefix + short], made):
                raise _revision_exists(short)
            return None
        latest = self._revisions.get(service.latest_created_revision)
        if short or latest is None or not same_configuration(latest, made):
            return made
        return None

    def _next_number(self, service: run_v2.Service, names: Iterable[str]) -> int:
        """One more than the highest number in a generated name, and than revisions there are."""
        stem = f"{service.name}/revisions/{ServiceName.parse(service.name).service}-"
        numbers = [name.removeprefix(stem).partition("-")[0] for name in names]
        return max([len(numbers), *(int(text) for text in numbers if text.isdigit())]) + 1


async def _done(service: run_v2.Service) -> run_v2.Service:
    return service


def _by_name(service: run_v2.Service) -> tuple[str]:
    return (service.name,)


def _revision_exists(revision: str) -> ApiError:
    return ApiError(
        grpc.StatusCode.ALREADY_EXISTS,
        f"Revision named '{revision}' with different configuration already exists.",
        "RESOURCE_ALREADY_EXISTS",
        {"resource": revision},
    )
