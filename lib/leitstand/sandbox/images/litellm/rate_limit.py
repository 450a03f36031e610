"""How many requests a minute may bring."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["RateLimit"]

_WINDOW_SECONDS = 60.0


class RateLimit:
    """Counts requests in windows of a minute, the first of which begins with the first request.

    Args:
        quota: Requests of one window that pass.
        clock: Monotonic seconds.
    """

    def __init__(self, quota: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._quota = quota
        self._clock = clock
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._count = 0

    def take(self) -> tuple[bool, int, float]:
        """Count one request: whether it passes, the count so far, seconds until the next window."""
        with self._lock:
            now = self._clock()
            if now - self._began >= _WINDOW_SECONDS:
                self._began, self._count = now, 0
            self._count += 1
            return self._count <= self._quota, self._count, self._began + _WINDOW_SECONDS - now
