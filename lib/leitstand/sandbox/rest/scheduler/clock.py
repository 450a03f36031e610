"""The clock of Cloud Scheduler: real time, and what it was moved ahead."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta

from leitstand.sandbox.rest.collection import Body

__all__ = ["Clock"]

KEY = "ahead"


class Clock:
    """Runs with real time, `ahead` of it; never goes back.

    Args:
        notes: Where `ahead` is kept over restarts.
        real: Gives the real time.
    """

    def __init__(
        self,
        notes: MutableMapping[str, Body],
        real: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._notes = notes
        self._real = real

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of real time."""
        return timedelta(seconds=float(self._notes.get(KEY, {}).get("seconds", 0)))

    def now(self) -> datetime:
        """The time it shows, in UTC."""
        return self._real() + self.ahead

    def reach(self, moment: datetime) -> None:
        """Move it ahead to a moment; does nothing where that is over."""
        seconds = (moment - self._real()).total_seconds()
        if seconds > self.ahead.total_seconds():
            self._notes[KEY] = {"seconds": seconds}
