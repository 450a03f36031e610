"""The Run part of the sandbox in this process: a real gRPC server, real instances, one loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.api_core.future.polling import DEFAULT_POLLING
from google.api_core.operation import Operation
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from leitstand.sandbox.contract import contract
from leitstand.sandbox.errors import not_found
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import FrontDoor, LoadBalancer
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.pools import Limits
from leitstand.sandbox.revisions import Revisions
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.services import Services
from leitstand.sandbox.store import Store
from leitstand.sandbox.traffic_log import TrafficLog

Result = TypeVar("Result")

PARENT = "projects/leitstand-sandbox/locations/europe-west3"
WEB = f"{PARENT}/services/web"
IMAGE = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web"
DOMAIN = "app.sandbox.example"
SECRETS = {
    "projects/leitstand-sandbox/secrets/DATABASE_URL/versions/1": b"postgresql://eins",
    "projects/leitstand-sandbox/secrets/DATABASE_URL/versions/2": b"postgresql://zwei",
}


class LogLines(Logs):
    """Logs that also keep what was written as text."""

    def __init__(self) -> None:
        super().__init__(TrafficLog())
        self.lines: list[tuple[str, str, str]] = []

    def write(self, *arguments: Any, **named: Any) -> None:
        _, log_id, _, labels, severity, content = arguments[:6]
        self.lines.append(
            (log_id.rpartition("/")[2], severity, f"{labels['revision_name']} {content}")
        )
        super().write(*arguments, **named)


class Running:
    """A running sandbox and Google's clients for it."""

    def __init__(self, directory: Path, limits: Limits | None = None) -> None:
        self._directory = directory
        self._limits = limits
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result], timeout: float = 30) -> Result:
        """Run a coroutine on the sandbox's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def start(self, *seed: Mapping[str, Any], recorded: tuple[Mapping[str, Any], ...] = ()) -> None:
        self.call(self._start(seed, recorded))
        channel = grpc.insecure_channel(self.address)
        self.services = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        self.revisions = run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel))

    def stop(self) -> None:
        self.call(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _start(self, seed: Any, recorded: Any) -> None:
        self.store = Store(self._directory)
        self.operations = Operations(self.store)
        self.logs = LogLines()
        self.traffic = TrafficLog()
        catalogue = Catalogue.load()
        self.door = FrontDoor(self.traffic, LoadBalancer(DOMAIN, WEB))
        self.fleet = Fleet(catalogue, self.logs, _secret, limits=self._limits)
        self.services_resource = Services(
            self.store, self.operations, self.fleet, self.door, catalogue
        )
        revisions = Revisions(self.store, self.operations, self.fleet)
        await self.door.start()
        self.fleet.start()
        self.services_resource.seed(seed)
        for revision in recorded:
            revisions.record(revision)
        await self.services_resource.start()
        methods = {
            **self.services_resource.methods(),
            **revisions.methods(),
            **self.operations.methods(),
        }
        projects = frozenset({"leitstand-sandbox", "leitstand-sandbox-staging"})
        known = contract(("google.cloud.run_v2",))
        self._rpc = Rpc(known, methods, projects, Faults(tuple(known)))
        self.address = f"127.0.0.1:{await self._rpc.start(0)}"

    async def _stop(self) -> None:
        await self._rpc.close(0)
        await self.operations.close()
        await self.door.close()
        await self.fleet.close()
        self.store.save()

    def done(self, operation: Operation, timeout: float = 20) -> Any:
        """The result of an operation, asked for often."""
        return operation.result(timeout=timeout, polling=DEFAULT_POLLING.with_delay(0.01, 0.05))

    def traffic_to(self, shares: Mapping[str, int], tags: Mapping[str, str] | None = None) -> Any:
        """Move traffic as a runbook does: a fresh Service with name, etag and traffic."""
        named = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        traffic = [
            run_v2.TrafficTarget(type_=named, revision=revision, percent=percent)
            for revision, percent in shares.items()
        ]
        traffic += [
            run_v2.TrafficTarget(type_=named, revision=revision, tag=tag)
            for tag, revision in (tags or {}).items()
        ]
        etag = self.services.get_service(name=WEB).etag
        operation = self.services.update_service(
            service=run_v2.Service(name=WEB, etag=etag, traffic=traffic),
            update_mask={"paths": ["traffic"]},
        )
        return self.done(operation)

    def deploy(self, tag: str, revision: str, **settings: Any) -> Any:
        """Make a new revision without moving pinned traffic."""
        service = web(tag, revision, **settings)
        operation = self.services.update_service(
            service=run_v2.Service(name=WEB, template=service["template"]),
            update_mask={"paths": ["template"]},
        )
        return self.done(operation)

    def pids(self) -> set[int]:
        """Process ids of every instance."""
        return {pid for pool in self.fleet.running().values() for pid in pool.pids}


@contextmanager
def running(
    directory: Path,
    *seed: Mapping[str, Any],
    limits: Limits | None = None,
    recorded: tuple[Mapping[str, Any], ...] = (),
) -> Iterator[Running]:
    """A sandbox for the block; all its processes have ended afterwards."""
    sandbox = Running(directory, limits)
    try:
        sandbox.start(*seed, recorded=recorded)
        yield sandbox
    finally:
        sandbox.stop()


def web(tag: str, revision: str, minimum: int = 1, **settings: Any) -> dict[str, Any]:
    """The service web as seed JSON; `settings` go into its container."""
    return {
        "name": WEB,
        "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
        "scaling": {"min_instance_count": minimum, "max_instance_count": 10},
        "template": {
            "revision": revision,
            "max_instance_request_concurrency": 30,
            "containers": [{"image": f"{IMAGE}:{tag}", **settings}],
        },
        "traffic": [
            {
                "type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": revision,
                "percent": 100,
            }
        ],
    }


def template(tag: str, revision: str = "", **more: Any) -> dict[str, Any]:
    return {"revision": revision, "containers": [{"image": f"{IMAGE}:{tag}", **more}]}


def update(sandbox: Running, *paths: str, **fields: Any) -> Any:
    """Update with a fresh message, as a runbook should."""
    service = run_v2.Service(name=WEB, **fields)
    return sandbox.services.update_service(service=service, update_mask={"paths": paths})


def _secret(name: str) -> bytes:
    if name not in SECRETS:
        raise not_found(name, "Secret")
    return SECRETS[name]
