"""One instance of a revision: a process that is started, probed, drained and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from leitstand.sandbox.containers import Process, Spawn, entry_point, inherited, pump, spawn
from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.images.catalogue import CatalogueImage
from leitstand.sandbox.revision_log import RevisionLog

__all__ = ["Instance", "InstanceFailed", "RevisionSpec", "StartupProbe"]

_ADDRESS_IN_USE = 71
_PORT_ATTEMPTS = 5
_POLL_SECONDS = 0.02


class InstanceFailed(Exception):
    """The process did not become ready.

    Attributes:
        message: Google's sentence for it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class StartupProbe:
    """When an instance counts as ready.

    Attributes:
        path: GET on it must answer 200.
        deadline: Seconds from the start of the process until it counts as failed.
        delay: Seconds before the first probe.
        configured: Whether the template has the probe, or the sandbox's default holds.
    """

    path: str = "/healthz"
    deadline: float = 6.0
    delay: float = 0.0
    configured: bool = False


@dataclass(frozen=True)
class RevisionSpec:
    """What the processes of one revision are started from.

    Attributes:
        project: Project id.
        location: Region.
        service: Service id.
        revision: Revision id.
        image: The image.
        environment: Gives the container's variables, secrets resolved; called at every start.
        command: Program and arguments; it listens on PORT and ends with its standard input.
        concurrency: Requests one instance answers at a time.
        timeout: Seconds a request may take.
        port: The container port of the template; the process listens on a free port instead.
        probe: When an instance is ready.
        spawn: Starts its processes.
    """

    project: str
    location: str
    service: str
    revision: str
    image: CatalogueImage
    environment: Callable[[], Mapping[str, str]] = field(repr=False)
    command: Sequence[str] = field(default_factory=entry_point)
    concurrency: int = 80
    timeout: float = 300.0
    port: int = 8080
    probe: StartupProbe = StartupProbe()
    spawn: Spawn = field(default=spawn, repr=False)


class Instance:
    """One process of a revision.

    Attributes:
        id: Unique id, as it stands in request logs.
        port: The loopback port it listens on.
        in_flight: Requests it answers just now; kept by its pool.
        idle_since: Monotonic time of its last request's end.
    """

    def __init__(self, spec: RevisionSpec, log: RevisionLog) -> None:
        self.id = secrets.token_hex(16)
        self.port = 0
        self.in_flight = 0
        self.idle_since = time.monotonic()
        self._spec = spec
        self._log = log
        self._process: Process | None = None
        self._pumps: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """Process id, or None before the start."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and return when its probe answers 200.

        Raises:
            InstanceFailed: It ended, or did not answer in time; no process is left.
        """
        try:
            for _ in range(_PORT_ATTEMPTS):
                await self._spawn()
                if await self._becomes_ready():
                    self.idle_since = time.monotonic()
                    return
                if self._code() != _ADDRESS_IN_USE:
                    break
            raise InstanceFailed(self._failure())
        except ApiError as error:
            raise InstanceFailed(error.message) from error
        except BaseException:
            await asyncio.shield(self.stop(grace=0.0))
            raise

    async def wait(self) -> int:
        """Wait for the end of the process; returns its exit code."""
        assert self._process is not None
        return await self._process.wait()

    def kill(self) -> None:
        """SIGKILL to the process and whatever it started; `stop` still has to be awaited."""
        self._signal(signal.SIGKILL)

    async def stop(self, grace: float) -> None:
        """End the process: SIGTERM, after `grace` seconds SIGKILL; returns when it is gone."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and grace > 0:
            self._signal(signal.SIGTERM)
            waiting = asyncio.ensure_future(process.wait())
            await asyncio.wait([waiting], timeout=grace)
        # The group too: whatever the container started itself must not outlive it.
        self.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._pumps:
            _, unfinished = await asyncio.wait(self._pumps, timeout=1.0)
            for pump in unfinished:
                pump.cancel()

    async def _spawn(self) -> None:
        self.port = _free_port()
        self._process = await self._spec.spawn(self._spec.command, self._environment())
        self._pumps = [
            asyncio.create_task(pump(self._process.stdout, partial(self._log.line, "stdout"))),
            asyncio.create_task(pump(self._process.stderr, partial(self._log.line, "stderr"))),
        ]

    def _environment(self) -> dict[str, str]:
        spec = self._spec
        environment = inherited() | {"APP_VERSION": spec.image.tag}
        environment |= spec.image.behaviour
        environment |= spec.environment()
        return environment | {
            "PORT": str(self.port),
            "K_SERVICE": spec.service,
            "K_CONFIGURATION": spec.service,
            "K_REVISION": spec.revision,
            "SANDBOX_INSTANCE": self.id,
            "SANDBOX_THREADS": str(max(1, min(spec.concurrency, 32))),
        }

    async def _becomes_ready(self) -> bool:
        probe = self._spec.probe
        loop = asyncio.get_running_loop()
        deadline = loop.time() + probe.delay + probe.deadline
        await asyncio.sleep(probe.delay)
        while loop.time() < deadline and self._code() is None:
            remaining = max(_POLL_SECONDS, deadline - loop.time())
            try:
                async with asyncio.timeout(min(1.0, remaining)):
                    if await _answers(self.port, probe.path, self.id):
                        return self._code() is None
            except (OSError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(_POLL_SECONDS)
        return False

    def _code(self) -> int | None:
        return self._process.returncode if self._process else None

    def _failure(self) -> str:
        more = "Logs for this revision might contain more information."
        if (code := self._code()) is not None:
            self._log.system("WARNING", f"Container called exit({code}).")
        if self._spec.probe.configured:
            return f"The user-provided container failed the configured startup probe checks. {more}"
        return (
            "The user-provided container failed to start and listen on the port defined provided "
            f"by the PORT={self._spec.port} environment variable within the allocated timeout. "
            "This can happen when the container port is misconfigured or if the timeout is too "
            f"short. The health check timeout can be extended. {more}"
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(port: int, path: str, instance: str) -> bool:
    """Whether GET on that port answers 200, and in the name of that instance."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    finally:
        writer.close()
    status, _, headers = head.partition("\r\n")
    # Another process may have taken the port in the meantime; its answer does not count.
    return status.split(" ")[1:2] == ["200"] and f"x-sandbox-instance: {instance}" in headers
