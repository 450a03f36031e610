"""The pace that workers of a load keep together."""

from __future__ import annotations

import threading
import time

__all__ = ["Pace"]


class Pace:
    """Turns that several workers take: never more in a second than the rate.

    What was missed is not caught up: the rate is a limit, never a burst.

    Args:
        rate: Turns per second; 0 for as many as are asked for.
        over: Set when there are no more.
    """

    def __init__(self, rate: float, over: threading.Event) -> None:
        self._pause = 1 / rate if rate > 0 else 0.0
        self._over = over
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self._turn = 0

    def turn(self) -> int | None:
        """Wait for the next turn and return its number, from 1 on; None at the end."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now)
            wait = self._next - now
            self._next += self._pause
            self._turn += 1
            number = self._turn
        over = self._over.wait(wait) if wait > 0 else self._over.is_set()
        return None if over else number
