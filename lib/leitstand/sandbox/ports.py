"""Ports for the servers behind instances of Cloud SQL and Memorystore."""

from __future__ import annotations

import random
import socket
from collections.abc import Container

__all__ = ["free_port"]

# Below Linux's range for outgoing connections, so that a port is still free after a restart.
PORTS = range(20_000, 32_000)
ATTEMPTS = 500


def free_port(taken: Container[int]) -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Args:
        taken: Ports that are given out already.

    Raises:
        OSError: None was found.
    """
    for port in random.sample(PORTS, ATTEMPTS):
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No port is free for a server of the sandbox.")
