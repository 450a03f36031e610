"""Ports for the servers behind instances of Cloud SQL and Memorystore."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Callable

__all__ = ["ADDRESS_IN_USE", "Ports"]

# Below Linux's range for outgoing connections, so that a port is still free after a restart.
RANGE = range(20_000, 32_000)
ATTEMPTS = 500
ADDRESS_IN_USE = "Address already in use"
"""What PostgreSQL and Redis write where the port is another's."""


class Ports:
    """The TCP ports of 127.0.0.1 that this sandbox has given out, whether a server runs or not.

    Another sandbox must not take the port of a server that only stands still: whoever names it
    would then work on the other's data. So each is held by the UDP port of the same number, which
    no server here uses, and which is free the moment this process ends, however it ends.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def hold(self, port: int) -> bool:
        """Hold a port; False where another sandbox holds it, or a process listens on it."""
        if port in self._held:
            return True
        mark = _bound(socket.SOCK_DGRAM, port)
        if mark is None:
            return False
        # Connections that a server before left behind do not count (SO_REUSEADDR).
        probe = _bound(socket.SOCK_STREAM, port)
        if probe is None:
            mark.close()
            return False
        probe.close()
        self._held[port] = mark
        return True

    def draw(self, unfit: Callable[[int], bool] = lambda _: False) -> int:
        """Hold a port that nobody listens on, and return it.

        Args:
            unfit: Which ones not to take.

        Raises:
            OSError: None was found.
        """
        for port in random.sample(RANGE, ATTEMPTS):
            if port not in self._held and not unfit(port) and self.hold(port):
                return port
        raise OSError("No port is free for a server of the sandbox.")

    def release(self, port: int) -> None:
        """Hold the port no longer, if it was held."""
        mark = self._held.pop(port, None)
        if mark is not None:
            mark.close()


def _bound(kind: socket.SocketKind, port: int) -> socket.socket | None:
    """A socket of that kind, or None where the port is taken."""
    made = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            made.listen(1)
    except OSError as error:
        made.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
    return made
