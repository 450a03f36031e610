"""Starts the containers of the sample application as forks of one process with their libraries.

A container started by hand needs half a second of processor time for imports, its fork some
hundredths. The process is started with the first container, and again when it is gone. Where it
cannot do it, on another system than Linux for example, the container is started as any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count

from leitstand.sandbox.containers import Process, entry_point, inherited, spawn
from leitstand.sandbox.images import fork_server
from leitstand.sandbox.images.catalogue import APPLICATION

__all__ = ["Forks"]

_MOST_BYTES = 65_536
_ANSWER_SECONDS = 60.0
_ENDING_SECONDS = 5.0
# Begins the names of variables that an interpreter reads when it starts, which no fork does.
_AT_START = "PYTHON"


class _NotAsked(Exception):
    """No process forks here, or the request did not reach it."""


class Forks:
    """One sandbox's process that forks, and the containers that came of it."""

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._starting = asyncio.Lock()

    async def spawn(self, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start a container and return its process, which leads a process group of its own.

        Args:
            command: Program and arguments.
            environment: All its variables.

        Raises:
            OSError: It cannot be started, or its fork was lost: that is not tried again, since it
                may have begun.
        """
        program = entry_point()
        if list(command[: len(program)]) == program and _forkable(environment):
            with contextlib.suppress(_NotAsked):
                server = await self._running()
                return await server.fork(command[len(program) :], environment)
        return await spawn(command, environment)

    async def close(self) -> None:
        """End the process that forks; containers have been ended before."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def _running(self) -> _Server:
        async with self._starting:
            if self._server is None or self._server.gone:
                await self.close()
                self._server = await _Server.start()
            return self._server


class _Forked:
    """A container that another process forked; of asyncio's Process it has what is used here."""

    def __init__(self) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self._over = asyncio.Event()
        pipes = [os.pipe() for _ in range(3)]
        self.stdin = _Lifeline(pipes[0][1])
        self._reads = [pipes[1][0], pipes[2][0]]
        self.given = [pipes[0][0], pipes[1][1], pipes[2][1]]

    async def wait(self) -> int:
        """Wait for its end; returns the exit code, below zero for a signal."""
        await self._over.wait()
        assert self.returncode is not None
        return self.returncode

    def ended(self, code: int) -> None:
        """Take note of the end."""
        self.returncode = code
        self._over.set()

    async def read(self) -> None:
        """Begin to read what it writes; the pipes close when it is silent for good."""
        loop = asyncio.get_running_loop()
        for reader in (self.stdout, self.stderr):
            file = os.fdopen(self._reads.pop(0), "rb", 0)
            protocol = partial(asyncio.StreamReaderProtocol, reader)
            await loop.connect_read_pipe(protocol, file)

    def hand_over(self) -> None:
        """Close the container's ends of its pipes here."""
        while self.given:
            os.close(self.given.pop())

    def abandon(self) -> None:
        """Close everything: whoever was forked finds its standard input at its end."""
        self.hand_over()
        self.stdin.close()
        while self._reads:
            os.close(self._reads.pop())


class _Lifeline:
    """The writing end of a container's standard input."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        """Close it, once."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _Server:
    """The process that forks.

    Attributes:
        gone: Whether it forks no more.
    """

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.gone = False
        self._process = process
        self._line = line
        self._numbers = count(1)
        self._requested: dict[int, tuple[_Forked, asyncio.Future[None]]] = {}
        self._children: dict[int, _Forked] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(line, self._read)

    @classmethod
    async def start(cls) -> _Server:
        """Start it.

        Raises:
            _NotAsked: It cannot be started.
        """
        if sys.platform != "linux":  # elsewhere system libraries do not bear to be forked
            raise _NotAsked
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *entry_point(fork_server.__name__), str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    env=inherited(),
                    cwd=tempfile.gettempdir(),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise _NotAsked from error
        ours.setblocking(False)
        return cls(process, ours)

    async def fork(self, arguments: Sequence[str], environment: Mapping[str, str]) -> _Forked:
        """Fork a container.

        Raises:
            _NotAsked: The request could not be sent.
            OSError: There was no answer; a container that began ends with its standard input.
        """
        forked = _Forked()
        number, answered = next(self._numbers), self._loop.create_future()
        self._requested[number] = forked, answered
        request = {
            "id": number,
            "module": APPLICATION,
            "arguments": list(arguments),
            "environment": dict(environment),
        }
        try:
            self._send(request, forked.given)
            forked.hand_over()
            async with asyncio.timeout(_ANSWER_SECONDS):
                await answered
            await forked.read()
        except TimeoutError:
            self._process.kill()  # it hangs; the next container gets another
            forked.abandon()
            raise TimeoutError("the process that forks does not answer") from None
        except BaseException:
            forked.abandon()
            raise
        finally:
            self._requested.pop(number, None)
        return forked

    async def close(self) -> None:
        """End it, and whatever it forked that still runs."""
        self._lose()
        try:
            async with asyncio.timeout(_ENDING_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _send(self, request: Mapping[str, object], descriptors: Sequence[int]) -> None:
        try:
            socket.send_fds(self._line, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            raise _NotAsked from error

    def _read(self) -> None:
        try:
            content = self._line.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._lose()
            return
        message: Mapping[str, int] = json.loads(content)
        pid = message["pid"]
        if "code" in message:
            if child := self._children.pop(pid, None):
                child.ended(message["code"])
        elif message["id"] in self._requested:
            forked, answered = self._requested[message["id"]]
            forked.pid, self._children[pid] = pid, forked
            if not answered.done():
                answered.set_result(None)

    def _lose(self) -> None:
        """Give it up; without it nobody learns how its containers end, so they do it now."""
        if self.gone:
            return
        self.gone = True
        self._loop.remove_reader(self._line)
        self._line.close()
        for _, answered in self._requested.values():
            if not answered.done():
                answered.set_exception(ConnectionResetError("the process that forks has ended"))
        for pid, child in self._children.items():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            child.ended(-signal.SIGKILL)
        self._children.clear()


def _forkable(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter started with these variables would be as the process that forks."""
    return _interpreter(environment) == _interpreter(inherited())


def _interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(_AT_START)}
