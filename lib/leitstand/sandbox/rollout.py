"""Brings a service to the state it is wanted in: starts revisions, warms them, moves traffic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import grpc
from google.cloud import run_v2

from leitstand.sandbox import conditions
from leitstand.sandbox.errors import ApiError, not_found
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import Addresses, FrontDoor, Route
from leitstand.sandbox.images.catalogue import UnknownImage
from leitstand.sandbox.instances import InstanceFailed
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.scaling import instance_range, is_manual

__all__ = ["Rollout"]

log = logging.getLogger(__name__)

_Allocation = run_v2.TrafficTargetAllocationType
_Ingress = run_v2.IngressTraffic
_Common = run_v2.Condition.CommonReason


@dataclass(frozen=True)
class _Target:
    """One traffic entry with its revision found."""

    type_: int
    revision: run_v2.Revision
    percent: int
    tag: str


class _Failed(Exception):
    """A step failed; `type_` is the service's condition that shows it."""

    def __init__(self, type_: str, error: ApiError) -> None:
        super().__init__(error.message)
        self.type_ = type_
        self.error = error


class Rollout:
    """Reconciles services with what is wanted, one change per service at a time."""

    def __init__(
        self,
        services: MutableMapping[str, run_v2.Service],
        revisions: MutableMapping[str, run_v2.Revision],
        fleet: Fleet,
        door: FrontDoor,
        references: References = UNCHECKED,
    ) -> None:
        self._services = services
        self._revisions = revisions
        self._fleet = fleet
        self._door = door
        self._references = references
        self._locks: dict[str, asyncio.Lock] = {}

    async def apply(self, name: str) -> run_v2.Service:
        """Bring the service to its wanted state and return it.

        Traffic moves only when every instance the new split needs is ready; instances that are
        no longer needed answer what they have begun and then end.

        Raises:
            ApiError: It could not be reached. What served before goes on serving.
        """
        async with self._lock(name):
            service = self._current(name)
            generation = service.generation
            try:
                await self._start_latest(service)
                await self._move(name, self._targets(service, service.traffic))
            except _Failed as failed:
                self._fail(name, generation, failed)
                raise failed.error from failed
            service = self._current(name)
            if service.generation == generation:
                conditions.service_ready(service)
            self._services[name] = service
            return service

    async def restore(self, name: str) -> None:
        """Serve again what served when the sandbox stopped, then go on with what was under way."""
        service = self._current(name)
        if service.traffic_statuses:
            async with self._lock(name):
                try:
                    await self._move(name, self._targets(service, service.traffic_statuses))
                except _Failed as failed:
                    self._fail(name, service.generation, failed)
                    log.error("%s does not serve: %s", name, failed.error.message)
                    return
        if service.reconciling:
            try:
                await self.apply(name)
            except ApiError as error:
                log.error("%s did not get ready: %s", name, error.message)

    async def remove(self, name: str) -> None:
        """Stop serving and end every instance of the service."""
        async with self._lock(name):
            await self._door.remove(name)
            mine = [key for key in self._revisions if key.startswith(f"{name}/revisions/")]
            await asyncio.gather(*(self._fleet.remove(key) for key in mine))
            for key in mine:
                del self._revisions[key]

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    def _current(self, name: str) -> run_v2.Service:
        if name not in self._services:
            raise not_found(name)
        return self._services[name]

    async def _start_latest(self, service: run_v2.Service) -> None:
        """The health check of a new revision: one instance must get ready."""
        revision = self._revisions[service.latest_created_revision]
        if conditions.has_failed(revision):
            return
        if not conditions.is_ready(revision):
            try:
                await self._check(service, revision)
            except ApiError as error:
                self._revisions[revision.name] = revision
                self._fleet.retire([revision.name])
                raise _Failed("ConfigurationsReady", _not_ready(revision, error)) from error
            conditions.revision_ready(revision)
            self._revisions[revision.name] = revision
        self._current(service.name).latest_ready_revision = revision.name

    async def _check(self, service: run_v2.Service, revision: run_v2.Revision) -> None:
        try:
            parent = service.name.partition("/services/")[0]
            self._references.check_template(parent, revision)
            self._fleet.environment(revision)
        except ApiError as error:
            reason = conditions.reason_of(error)
            conditions.revision_failed(revision, error.message, reason=reason)
            raise
        try:
            # One instance decides; those its traffic will need start beside it.
            needed = self._scale(revision, service, _percent(service, revision))
            await self._fleet.pool(revision).ensure(max(1, needed))
        except UnknownImage as error:
            conditions.revision_failed(revision, str(error), reason=_Common.CONTAINER_MISSING)
            raise ApiError(grpc.StatusCode.NOT_FOUND, str(error)) from error
        except InstanceFailed as error:
            conditions.revision_failed(revision, error.message)
            raise ApiError(grpc.StatusCode.FAILED_PRECONDITION, error.message) from error

    def _targets(
        self,
        service: run_v2.Service,
        traffic: Sequence[run_v2.TrafficTarget] | Sequence[run_v2.TrafficTargetStatus],
    ) -> list[_Target]:
        """The traffic entries with their revisions; raises _Failed for one that cannot serve."""
        targets = []
        for entry in traffic:
            latest = entry.type_ == _Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
            name = f"{service.name}/revisions/{entry.revision}"
            if latest:
                name = service.latest_ready_revision
            revision = self._revisions.get(name)
            if revision is None:
                raise _Failed("RoutesReady", _unknown_revision(entry.revision))
            if not conditions.is_ready(revision):
                raise _Failed("RoutesReady", _not_ready(revision, None))
            targets.append(_Target(entry.type_, revision, entry.percent, entry.tag))
        return targets

    async def _move(self, name: str, targets: Sequence[_Target]) -> None:
        """Warm what the targets need, switch, and retire what is left over."""
        service = self._current(name)
        wanted = {target.revision.name: target.revision for target in targets}
        before = {status.revision for status in service.traffic_statuses}
        shares = dict.fromkeys(wanted, 0)
        for target in targets:
            shares[target.revision.name] += target.percent
        try:
            needs = {key: self._scale(wanted[key], service, shares[key]) for key in wanted}
            await self._warm(wanted, needs)
            addresses = await self._door.addresses(
                name, [target.tag for target in targets if target.tag]
            )
        except _Failed:
            self._retire_others(name, {status.revision for status in service.traffic_statuses})
            raise
        service = self._current(name)
        self._door.switch(name, self._route(service, targets))
        for key, minimum in needs.items():
            self._fleet.pool(wanted[key]).minimum = minimum
            conditions.revision_serving(wanted[key])
            self._revisions[key] = wanted[key]
        _show(service, targets, addresses)
        self._services[name] = service
        self._retire_others(name, {key.rpartition("/")[2] for key in wanted})
        if is_manual(service):
            # Exactly so many: none waits until it has been idle for long.
            standing = [key for key in needs if key.rpartition("/")[2] in before]
            await asyncio.gather(
                *(self._fleet.pool(wanted[key]).reduce(needs[key]) for key in standing)
            )
        await self._door.prune(name)

    def _scale(self, revision: run_v2.Revision, service: run_v2.Service, percent: int) -> int:
        """Set the revision's maximum; returns its minimum. Raises UnknownImage."""
        minimum, maximum = instance_range(service, revision, percent)
        self._fleet.pool(revision).limit(maximum)
        return minimum

    async def _warm(self, wanted: Mapping[str, run_v2.Revision], needs: Mapping[str, int]) -> None:
        starts = []
        for key, minimum in needs.items():
            pool = self._fleet.pool(wanted[key])
            if len(pool.ready) < minimum:
                conditions.revision_warming(wanted[key], minimum)
            starts.append(pool.ensure(minimum))
        results = await asyncio.gather(*starts, return_exceptions=True)
        for revision, result in zip(wanted.values(), results, strict=True):
            if isinstance(result, InstanceFailed):
                raise _Failed("RoutesReady", _not_ready(revision, result))
            if isinstance(result, BaseException):
                raise result

    def _route(self, service: run_v2.Service, targets: Sequence[_Target]) -> Route:
        internal = service.ingress == _Ingress.INGRESS_TRAFFIC_INTERNAL_ONLY
        everywhere = service.ingress == _Ingress.INGRESS_TRAFFIC_ALL
        return Route(
            shares=tuple((self._fleet.pool(t.revision), t.percent) for t in targets),
            tags={t.tag: self._fleet.pool(t.revision) for t in targets if t.tag},
            balanced=not internal,
            direct=everywhere and not service.default_uri_disabled,
        )

    def _retire_others(self, name: str, kept: set[str]) -> None:
        prefix = f"{name}/revisions/"
        running = [key for key in self._fleet.running() if key.startswith(prefix)]
        others = [key for key in running if key.removeprefix(prefix) not in kept]
        for key in others:
            revision = self._revisions.get(key)
            if revision is not None and conditions.is_ready(revision):
                conditions.revision_retired(revision)
                self._revisions[key] = revision
        self._fleet.retire(others)

    def _fail(self, name: str, generation: int, failed: _Failed) -> None:
        service = self._services.get(name)
        # A newer wish may have come meanwhile; its own work decides about it.
        if service is not None and service.generation == generation:
            conditions.service_failed(service, failed.type_, failed.error.message)
            self._services[name] = service


def _percent(service: run_v2.Service, revision: run_v2.Revision) -> int:
    """The percent a revision gets once it is the latest one that is ready."""
    latest = _Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
    short = revision.name.rpartition("/")[2]
    return sum(t.percent for t in service.traffic if t.type_ == latest or t.revision == short)


def _show(service: run_v2.Service, targets: Sequence[_Target], addresses: Addresses) -> None:
    """Changes `service`: what serves now, and where."""
    service.uri = addresses.uri
    service.urls = [addresses.uri]
    service.traffic_statuses = [
        run_v2.TrafficTargetStatus(
            type_=target.type_,
            revision=target.revision.name.rpartition("/")[2],
            percent=target.percent,
            tag=target.tag,
            uri=addresses.tags[target.tag] if target.tag else "",
        )
        for target in targets
    ]


def _not_ready(revision: run_v2.Revision, cause: Exception | None) -> ApiError:
    code = cause.code if isinstance(cause, ApiError) else grpc.StatusCode.FAILED_PRECONDITION
    short = revision.name.rpartition("/")[2]
    message = f"Revision '{short}' is not ready and cannot serve traffic."
    return ApiError(code, f"{message} {cause}" if cause else message)


def _unknown_revision(revision: str) -> ApiError:
    return ApiError(
        grpc.StatusCode.INTERNAL,
        f"Revision '{revision}' does not exist or is deleted. "
        "Update all traffic to route to currently available revisions.",
    )
