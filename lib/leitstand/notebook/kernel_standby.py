"""A kernel process that is started before anybody knows which run it will serve.

It imports what every kernel needs while its runner still imports and reads what it was asked to do.
Both talk over a pair of sockets: the runner sends one order with the descriptors that belong to it,
and the kernel ends when the runner's end closes, however that happened.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from leitstand.notebook.record_signer import KEY_VARIABLE

__all__ = [
    "KernelProcess",
    "Order",
    "Standby",
    "become",
    "dismiss",
    "inherited",
    "lend",
    "prepare",
    "receive",
    "start",
    "take",
]

_MOST_BYTES: Final = 65_536


@dataclass(frozen=True)
class Order:
    """What a waiting kernel is to become.

    Attributes:
        connection: Path of the connection file; it lies in the kernel's private directory.
        cwd: Working directory.
        environment: All variables.
        imports: Statements to execute before the first cell.
    """

    connection: str
    cwd: str
    environment: Mapping[str, str]
    imports: Sequence[str]


class KernelProcess(Protocol):
    """A kernel's process; a Popen is one."""

    @property
    def pid(self) -> int:
        """Its id."""

    def poll(self) -> int | None:
        """Return its exit code, or None as long as it runs."""

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless it has ended."""


@dataclass(frozen=True)
class Standby:
    """A started process that waits for its order.

    Attributes:
        process: It leads a session of its own.
        line: The runner's socket; the process ends when it closes.
    """

    process: KernelProcess
    line: socket.socket

    def send(self, order: Order, descriptors: Sequence[int]) -> None:
        """Send the order and its descriptors; a process that has ended is no error here."""
        content = json.dumps(asdict(order)).encode() + b"\n"
        with suppress(ConnectionError):
            sent = socket.send_fds(self.line, [content], descriptors)
            self.line.sendall(content[sent:])


_waiting: Final[list[Standby]] = []


def inherited() -> dict[str, str]:
    """Return the variables of this process that its kernels get."""
    environment = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
    for name in ("PYTHONSTARTUP", KEY_VARIABLE):  # the runner seals, and nothing else
        environment.pop(name, None)
    return environment


def start() -> Standby:
    """Start a process that waits for its order."""
    ours, theirs = socket.socketpair()
    with theirs:
        # The directory that the operator happens to be in must not shadow libraries (-P).
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "leitstand.notebook.kernel_main", str(theirs.fileno())],
            env=inherited(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,  # until the order: why it does not even start is worth reading
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return Standby(process, ours)


def prepare() -> None:
    """Start the process for the next run of this process, where that is possible."""
    if not _waiting:
        with suppress(OSError):  # `take` tries again, where what is wrong can be told
            _waiting.append(start())


def lend(standby: Standby) -> None:
    """Give the next run of this process a kernel that was started elsewhere, by a fork perhaps."""
    _waiting.append(standby)


def take() -> Standby:
    """Return the process that was prepared and still lives, or start one.

    Raises:
        OSError: it cannot be started.
    """
    while _waiting:
        standby = _waiting.pop()
        if standby.process.poll() is None:
            return standby
        standby.line.close()
    return start()


def dismiss() -> None:
    """End the process that was prepared and not needed."""
    while _waiting:
        standby = _waiting.pop()
        standby.line.close()
        standby.process.send_signal(signal.SIGKILL)
        standby.process.wait()


def receive(line: socket.socket) -> tuple[Order, list[int]] | None:
    """In the kernel: wait for the order; None when the runner is gone."""
    try:
        content, descriptors, _, _ = socket.recv_fds(line, _MOST_BYTES, 2)
        while content and not content.endswith(b"\n"):
            more = line.recv(_MOST_BYTES)
            if not more:
                return None
            content += more
    except ConnectionError:
        return None
    return (Order(**json.loads(content)), list(descriptors)) if content else None


def become(order: Order) -> None:
    """In the kernel: take over the variables and the directory of the run."""
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.cwd)
    sys.path.insert(0, order.cwd)
