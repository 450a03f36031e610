"""How a piece of maintenance is watched and given up from another thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["Cancelled", "Control"]

_CANCEL_SECONDS = 3.0


class Cancelled(Exception):
    """The work was given up by who had started it; the server has ended the statement."""


class Control:
    """The reins of one piece of work: tells how it goes, and lets another thread cancel it.

    Attributes:
        doing: What it does, in German; the server may know more.
        seen: For whom it waited when that was last seen, in German.
    """

    def __init__(self) -> None:
        self.doing = ""
        self.seen = ""
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @property
    def pid(self) -> int:
        """Server process of the statement under way, 0 if there is none."""
        with self._lock:
            return self._connection.info.backend_pid if self._connection else 0

    @property
    def cancelled(self) -> bool:
        """Whether it was to be given up."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Go on only if it was not cancelled.

        Raises:
            Cancelled: it was.
        """
        if self.cancelled:
            raise Cancelled

    @contextmanager
    def statement(self, connection: "Connection", doing: str) -> Iterator[None]:
        """Mark that statements on the connection may be cancelled while the block runs.

        Raises:
            Cancelled: it was cancelled before or meanwhile.
        """
        with self._lock:
            self.check()
            self._connection, self.doing, self.seen = connection, doing, ""
        try:
            yield
        except Exception as error:
            # What a cancelled statement raises says nothing new.
            raise (Cancelled() if self.cancelled else error) from error
        finally:
            with self._lock:
                self._connection = None

    def cancel(self) -> None:
        """Give the work up: cancel the statement under way and begin no other. Repeatable."""
        self._cancelled.set()
        with self._lock:
            if self._connection is not None:
                with suppress(Exception):  # the caller repeats it, or the session is gone
                    self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
