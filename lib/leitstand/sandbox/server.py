"""The supervisor: one process that serves the emulated APIs and owns the processes behind them.

`python -m leitstand.sandbox.server --directory D --seed seed.json [--port N] [--lifeline]`.
It reads no credentials and contacts nothing but its own children.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import secrets as random_values
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

# Before grpc is imported: children are started by fork and exec, which needs no handlers of grpc.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES, contract
from leitstand.sandbox.messages import messages_only

if __name__ == "__main__":
    # Before Google's packages are imported: half of the time that a start would take.
    messages_only((*PACKAGES, *LATE_PACKAGES))

from google.cloud import run_v2

from leitstand import __version__
from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.announcement import announce, withdraw
from leitstand.sandbox.control_endpoint import ControlEndpoint
from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.execution_run import Surroundings
from leitstand.sandbox.exit_codes import DIRECTORY_IN_USE, PORT_TAKEN, START_FAILED
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import FrontDoor, LoadBalancer
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.jobs import Jobs
from leitstand.sandbox.log_counts import TABLE as LOG_METRICS
from leitstand.sandbox.log_counts import LogCounts
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.processes import start_mark
from leitstand.sandbox.references import references_of
from leitstand.sandbox.registry import Registry
from leitstand.sandbox.rest.late import LateRest
from leitstand.sandbox.rest.server import RestServer
from leitstand.sandbox.revisions import Revisions
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.seeding import annotated, by_digest, projects, run_first, setter
from leitstand.sandbox.service_status import service_status
from leitstand.sandbox.services import Services
from leitstand.sandbox.sql.late import LateSql
from leitstand.sandbox.sql.rest import Rest
from leitstand.sandbox.store import Store, StoreDamaged
from leitstand.sandbox.times import Times
from leitstand.sandbox.traffic_log import TrafficLog
from leitstand.sandbox.visits import Visits

__all__ = ["Supervisor", "main"]

log = logging.getLogger(__name__)


class Supervisor:
    """Everything of one sandbox, wired together.

    Args:
        directory: Where its state lies; exists and belongs to this process alone.
        seed: What the sandbox holds at its first start.
    """

    def __init__(self, directory: Path, seed: Mapping[str, Any]) -> None:
        self._directory = directory
        self._seed = seed
        self._over = asyncio.Event()
        self._store = Store(directory)
        self._traffic = TrafficLog()
        self._logs = Logs(self._traffic)
        self._operations = Operations(self._store)
        references = references_of(self._store, directory, seed)
        self._secrets = Secrets(self._store, references)
        catalogue = Catalogue.load().with_stand_ins(seed.get("images", ()))
        self._registry = Registry(self._store, catalogue)
        # The registry resolves the same references, and knows where tags were moved to.
        images = cast(Catalogue, self._registry)
        balancer = seed.get("load_balancer")
        self._door = FrontDoor(self._traffic, LoadBalancer(**balancer) if balancer else None)
        self._fleet = Fleet(
            images,
            self._logs,
            self._secrets.value,
            startup_deadline=float(seed.get("start_timeout", 6.0)),
        )
        self._services = Services(
            self._store, self._operations, self._fleet, self._door, images, references
        )
        self._revisions = Revisions(self._store, self._operations, self._fleet)
        tasks = Surroundings(images, self._logs, self._secrets.value, spawn=self._fleet.spawn)
        self._jobs = Jobs(self._store, self._operations, tasks, references)
        self._table = self._store.table("services", run_v2.Service)
        period = float(seed.get("monitoring", {}).get("sample_period", 1.0))
        counts = LogCounts(self._store.json_table(LOG_METRICS), period)
        self._logs.listen(counts)
        addresses = Addresses(self._store)
        self._sql = LateSql(self._store, directory, seed, addresses, references)
        monitoring = partial(Monitoring, disks=self._sql.disks, running=self._fleet.counts)
        self._monitoring = monitoring(self._traffic, period, counts=counts)
        methods = contract()
        told = (self._door.balance, self._logs.listen, self._monitoring, addresses)
        self._apis = LateRest(self._store, directory, seed, *told)
        self._faults = Faults(tuple(methods), self._sql.paths, self._apis.paths)
        self._rpc = Rpc(methods, self._handlers(), projects(seed), self._faults, self._sql.load)
        self._sql.attach(self._rpc)
        self._apis.attach(self._rpc)
        self._rest = RestServer(self._apis, Rest(self._rpc).answer)
        self._visits = Visits(lambda: self._door.public)
        self._token = random_values.token_urlsafe(24)
        self._control = ControlEndpoint(
            self._token,
            self._faults,
            {"/status": self._status, "/calls": self._calls},
            self.stop,
            {
                **self._visits.commands(),
                ("GET", "/clock"): self._apis.clock,
                ("POST", "/clock"): self._apis.move_clock,
                ("POST", "/certificates"): self._apis.age_certificate,
                ("POST", "/times"): Times(self._store).set,
            },
        )
        self._addresses: dict[str, str] = {}

    def stop(self) -> None:
        """Begin to shut down."""
        self._over.set()

    async def run(self, port: int) -> None:
        """Serve until `stop()`; then end every child, wait for it, and write the state.

        Raises:
            OSError: The port is taken.
        """
        try:
            bound = await self._rpc.start(port)
            await self._start(bound)
            await self._over.wait()
        finally:
            await self._close()

    async def _start(self, port: int) -> None:
        if self._store.is_new:
            self._secrets.seed(self._seed.get("secrets", ()))
            self._registry.seed(self._seed.get("repositories", ()))
        self._registry.load()
        if self._store.is_new:
            services = self._seed.get("services", ())
            self._services.seed([annotated(service, self._registry) for service in services])
            self._jobs.seed(self._seed.get("jobs", ()))
            for revision in self._seed.get("revisions", ()):
                self._revisions.record(by_digest(revision, self._registry))
        await self._door.start()
        self._fleet.start()
        starting = asyncio.ensure_future(self._start_processes())
        stopping = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (starting, stopping):
            task.cancel()  # which does nothing to one that is done
        if self._over.is_set():
            return
        await starting
        self._addresses = {
            "grpc": f"127.0.0.1:{port}",
            "control": await self._control.start(),
            "public": self._door.public,
            "rest": await self._rest.start(),
        }
        self._store.save()
        self._announce()

    async def _start_processes(self) -> None:
        listed = self._seed.get("first_executions", ())
        first = partial(run_first, listed, self._jobs, self._operations)
        await self._sql.start(self._secrets.value, setter(self._store), first)
        await self._apis.start()
        await self._services.start()

    async def _close(self) -> None:
        withdraw(self._directory)
        await self._control.close()
        await self._visits.close()
        await self._rest.close()
        await self._rpc.close()
        await self._apis.halt()
        await self._operations.close()
        await self._jobs.close()
        await self._door.close()
        await self._fleet.close()
        await self._apis.close()  # Redis too: until now a worker could finish what it had in hand
        await self._sql.close()
        self._store.save()

    def _handlers(self) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        found: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        for part in (self._operations, self._services, self._revisions, self._jobs, self._secrets,
                     self._registry, self._monitoring, self._logs):  # fmt: skip
            found.update(part.methods())
        return found

    def _announce(self) -> None:
        """Write sandbox.json: from now on the sandbox can be found."""
        content = {
            **self._about(),
            "process_start": start_mark(os.getpid()),
            "started_at": datetime.now(UTC).isoformat(),
            "token": self._token,
        }
        announce(self._directory, content)

    def _about(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "version": __version__,
            "project": self._seed["project"],
            "location": self._seed.get("location", ""),
            **self._addresses,
        }

    def _status(self) -> dict[str, Any]:
        return {
            **self._about(),
            "services": [service_status(service) for service in self._table.values()],
            "instances": {name: len(pool.ready) for name, pool in self._fleet.running().items()},
            "sql": self._sql.status(),
            "rest_resources": self._apis.status(),
            "requests": [vars(counters) for counters in self._traffic.counters()],
            "faults": self._faults.as_json(),
        }

    def _calls(self) -> list[dict[str, Any]]:
        return [vars(call) for call in self._rpc.calls()]


async def _serve(directory: Path, seed: Mapping[str, Any], port: int, lifeline: bool) -> None:
    supervisor = Supervisor(directory, seed)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    if lifeline:
        loop.add_reader(0, _read_lifeline, loop, supervisor)
    await supervisor.run(port)


def _read_lifeline(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    if not os.read(0, 1024):
        loop.remove_reader(0)
        supervisor.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the supervisor in the foreground; returns its exit code (exit_codes.py)."""
    parser = argparse.ArgumentParser(prog="leitstand.sandbox.server")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--seed", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="of the gRPC APIs; 0 is any free one")
    parser.add_argument("--lifeline", action="store_true", help="stop at the end of standard input")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    directory = options.directory.resolve()
    with open(directory / "supervisor.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.error("Another supervisor runs in %s.", directory)
            return DIRECTORY_IN_USE
        try:
            seed = json.loads(options.seed.read_text(encoding="utf-8"))
            asyncio.run(_serve(directory, seed, options.port, options.lifeline))
        except OSError as error:
            log.error("%s", error)
            return PORT_TAKEN if options.port and "taken" in str(error) else START_FAILED
        except (ApiError, StoreDamaged, ValueError) as error:
            log.error("The sandbox cannot start: %s", error)
            return START_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
