"""All pools of the sandbox: which revision runs, from what, and how many processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.cloud import run_v2

from leitstand.sandbox.containers import SecretReader, Spawn, environment, held_command
from leitstand.sandbox.forks import Forks
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.instance_gauges import Running
from leitstand.sandbox.instances import RevisionSpec, StartupProbe
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.pools import Limits, Pool
from leitstand.sandbox.revision_log import RevisionLog

__all__ = ["Fleet"]

_TICK_SECONDS = 1.0


@dataclass(frozen=True)
class _Names:
    project: str
    location: str
    service: str
    revision: str


class Fleet:
    """One pool per running revision, by the revision's full name.

    Args:
        catalogue: The images.
        logs: Where the lines of the processes go.
        secrets: Reads secret versions for containers.
        startup_deadline: Seconds to become ready where the template has no startup probe.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        logs: Logs,
        secrets: SecretReader,
        *,
        limits: Limits | None = None,
        startup_deadline: float = 6.0,
    ) -> None:
        self._catalogue = catalogue
        self._logs = logs
        self._secrets = secrets
        self._limits = limits or Limits()
        self._startup_deadline = startup_deadline
        self._pools: dict[str, Pool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick: asyncio.Task[None] | None = None
        self._forks = Forks()

    @property
    def spawn(self) -> Spawn:
        """Starts containers, also those of jobs; until `close`."""
        return self._forks.spawn

    def start(self) -> None:
        """Begin to end idle instances, and to start again what the minimum lacks."""
        self._tick = asyncio.create_task(self._shrink())

    async def close(self, grace: float = 5.0) -> None:
        """End every process and wait until all are gone."""
        tasks = [*self._tasks, *([self._tick] if self._tick else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close(grace) for pool in self._pools.values()))
        self._pools.clear()
        await self._forks.close()

    def pool(self, revision: run_v2.Revision) -> Pool:
        """The pool of a revision; made at the first call, without processes.

        Raises:
            UnknownImage: The catalogue does not have the image.
        """
        if revision.name not in self._pools:
            spec = self._spec(revision)
            self._pools[revision.name] = Pool(spec, self._log(spec), self._limits)
        return self._pools[revision.name]

    def running(self) -> Mapping[str, Pool]:
        """Every pool by the full name of its revision; read-only."""
        return dict(self._pools)

    def counts(self) -> list[Running]:
        """How many instances of each revision are ready; read-only."""
        found = []
        for name, pool in self._pools.items():
            busy = sum(instance.in_flight > 0 for instance in pool.ready)
            names = _names(name)
            place = (names.project, names.location, names.service, names.revision)
            found.append(Running(*place, active=busy, idle=len(pool.ready) - busy))
        return found

    def retire(self, revisions: Iterable[str]) -> None:
        """Drain and end the instances of these revisions in the background."""
        for name in revisions:
            if pool := self._pools.get(name):
                task = asyncio.create_task(pool.retire())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def remove(self, revision: str) -> None:
        """End the instances of a revision that is deleted."""
        if pool := self._pools.pop(revision, None):
            await pool.close(self._limits.grace)

    def environment(self, revision: run_v2.Revision) -> dict[str, str]:
        """The variables of the revision's container, secrets resolved.

        Raises:
            ApiError: A secret version cannot be read.
        """
        project = _names(revision.name).project
        return environment(revision.containers[0], project, self._secrets)

    def _spec(self, revision: run_v2.Revision) -> RevisionSpec:
        names = _names(revision.name)
        container = revision.containers[0]
        image = self._catalogue.resolve(container.image)
        return RevisionSpec(
            project=names.project,
            location=names.location,
            service=names.service,
            revision=names.revision,
            image=image,
            environment=lambda: self.environment(revision),
            command=held_command(container, image.module),
            concurrency=revision.max_instance_request_concurrency or 80,
            timeout=revision.timeout.total_seconds() or 300.0,
            port=container.ports[0].container_port if container.ports else 8080,
            probe=self._probe(container),
            spawn=self.spawn,
        )

    def _log(self, spec: RevisionSpec) -> RevisionLog:
        return RevisionLog(self._logs, spec.project, spec.location, spec.service, spec.revision)

    def _probe(self, container: run_v2.Container) -> StartupProbe:
        probe = container.startup_probe
        if "startup_probe" not in container:
            return StartupProbe(deadline=self._startup_deadline)
        # Google's defaults: every 10 seconds, 3 times.
        deadline = (probe.period_seconds or 10) * (probe.failure_threshold or 3)
        path = probe.http_get.path or "/" if "http_get" in probe else "/healthz"
        return StartupProbe(path, float(deadline), float(probe.initial_delay_seconds), True)

    async def _shrink(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            pools = list(self._pools.values())
            for pool in pools:
                pool.revive()
            await asyncio.gather(*(pool.shrink() for pool in pools))


def _names(revision: str) -> _Names:
    _, project, _, location, _, service, _, name = revision.split("/")
    return _Names(project, location, service, name)
