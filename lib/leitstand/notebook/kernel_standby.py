"""A kernel process that waits for the run which it will serve, and its order.

Both sides talk over a pair of sockets: the runner sends one order with the descriptors that belong
to it, and the kernel ends when the runner's end closes, however that happened.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final, Protocol

__all__ = ["KernelProcess", "Order", "Standby", "become", "receive"]

_MOST_BYTES: Final = 65_536


@dataclass(frozen=True)
class Order:
    """What a waiting kernel is to become.

    Attributes:
        connection: Path of the connection file; it lies in the kernel's private directory.
        cwd: Working directory.
        environment: All variables.
        imports: Statements to execute before the first cell.
        parsed: Environment files that the runner has parsed, see `leitstand.configuration`.
    """

    connection: str
    cwd: str
    environment: Mapping[str, str]
    imports: Sequence[str]
    parsed: Mapping[str, str] = field(default_factory=dict)


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
