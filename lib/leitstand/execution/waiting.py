"""Waits with a deadline: for calls that are refused for the moment, and until something holds."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from leitstand.cloud.errors import CloudUnreachable, QuotaExceeded
from leitstand.core.errors import LeitstandError

__all__ = ["start", "until"]

T = TypeVar("T")

_GROWTH = 1.5
_UNANSWERED = (CloudUnreachable, QuotaExceeded)
"""No answer to a look is no news: the next one may tell."""

Refusals = type[LeitstandError] | tuple[type[LeitstandError], ...]


def start(
    call: Callable[[], T], busy: Refusals, *, deadline: float, interval: float, slowest: float = 8
) -> T:
    """Return what a call gives; while it is refused as ``busy``, try again.

    Args:
        call: The call.
        busy: Refusals that pass by themselves.
        deadline: Seconds after which the refusal is raised.
        interval: Seconds of the first pause; pauses grow.
        slowest: Up to how many times the first pause.
    """
    end = time.monotonic() + deadline
    for pause in _pauses(interval, slowest):
        try:
            return call()
        except busy:
            if time.monotonic() >= end:
                raise
        time.sleep(pause)
    raise AssertionError("unreachable")


def until(
    look: Callable[[], T | None],
    *,
    deadline: float,
    interval: float,
    slowest: float = 8,
    watch: Callable[[], object],
    late: Callable[[], LeitstandError],
) -> T:
    """Return what a look finds as soon as it finds anything.

    Args:
        look: Returns None while there is nothing yet.
        deadline: Seconds.
        interval: Seconds of the first pause; pauses grow.
        slowest: Up to how many times the first pause.
        watch: Called before each pause.
        late: Makes the error that is raised at the deadline; where the last look was not answered,
            that is raised instead.
    """
    end = time.monotonic() + deadline
    for pause in _pauses(interval, slowest):
        unanswered: LeitstandError | None = None
        try:
            if (found := look()) is not None:
                return found
        except _UNANSWERED as error:
            unanswered = error
        left = end - time.monotonic()
        if left <= 0:
            raise unanswered or late()
        watch()
        time.sleep(min(pause, left))
    raise AssertionError("unreachable")


def _pauses(interval: float, slowest: float) -> Iterator[float]:
    pause = interval
    while True:
        yield pause
        pause = min(pause * _GROWTH, interval * slowest)
