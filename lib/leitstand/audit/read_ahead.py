"""Reads in advance what is read one after the other, so that no answer is waited for alone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["ReadAhead"]

_BEFORE = 2
"""So many must have been read in their order before more are read in advance."""


class ReadAhead:
    """Reads numbered contents that never change; several threads may use it.

    Args:
        read: Returns the content of a number, None where there is none; used by several threads.
        ahead: How many are read in advance, each by a thread of its own; none when 0.
    """

    def __init__(self, read: Callable[[int], bytes | None], ahead: int) -> None:
        self._read = read
        self._most = ahead
        self._lock = threading.Lock()
        self._coming: dict[int, Future[bytes | None]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._next = 0
        self._in_order = 0

    def read(self, number: int, last: int) -> bytes | None:
        """Return the content of a number; None where there is none.

        Args:
            number: Whose content.
            last: None above it is read in advance.

        Raises:
            OSError: as `read` raised it.
        """
        with self._lock:
            coming = self._coming.pop(number, None)
            self._in_order = self._in_order + 1 if number == self._next else 0
            self._next = number + 1
            if self._in_order >= _BEFORE:
                self._fetch(number + 1, min(number + self._most, last))
            elif self._coming:
                self._forget()
        content = coming.result() if coming else None
        # What was not there may be by now.
        return self._read(number) if content is None else content

    def _fetch(self, start: int, last: int) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, self._most), thread_name_prefix="records")
        for number in range(start, last + 1):
            if number not in self._coming:
                self._coming[number] = self._pool.submit(self._read, number)

    def _forget(self) -> None:
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()
