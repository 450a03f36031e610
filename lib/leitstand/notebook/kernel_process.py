"""The process of a kernel, started before anybody knows which run it will serve.

It imports what every kernel needs while its runner still imports and reads what it was asked to do.
This module imports next to nothing, since a run shows nothing before its kernel has come so far.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leitstand.notebook.kernel_standby import KernelProcess

__all__ = ["KEY_VARIABLE", "dismiss", "inherited", "lend", "prepare", "start", "take"]

KEY_VARIABLE: Final = "LEITSTAND_RECORD_KEY"
"""Holds the key that seals records where no file does; the runner seals, and nothing else."""

_waiting: Final[list[tuple["KernelProcess", socket.socket]]] = []


def inherited() -> dict[str, str]:
    """Return the variables of this process that its kernels get."""
    environment = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
    for name in ("PYTHONSTARTUP", KEY_VARIABLE):
        environment.pop(name, None)
    return environment


def start() -> tuple["KernelProcess", socket.socket]:
    """Start a process that waits for its order; return it with the runner's end of the line.

    It leads a session of its own, and ends when the line closes.
    """
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
    return process, ours


def prepare() -> None:
    """Start the process for the next run of this process, where that is possible."""
    if not _waiting:
        with suppress(OSError):  # `take` tries again, where what is wrong can be told
            _waiting.append(start())


def lend(process: "KernelProcess", line: socket.socket) -> None:
    """Give the next run of this process a kernel that was started elsewhere, by a fork perhaps."""
    _waiting.append((process, line))


def take() -> tuple["KernelProcess", socket.socket]:
    """Return the process that was prepared and still lives, or start one.

    Raises:
        OSError: it cannot be started.
    """
    while _waiting:
        process, line = _waiting.pop()
        if process.poll() is None:
            return process, line
        line.close()
    return start()


def dismiss() -> None:
    """End the process that was prepared and not needed."""
    while _waiting:
        process, line = _waiting.pop()
        line.close()
        process.send_signal(signal.SIGKILL)
        process.wait()
