"""Questions that are asked at the same time, each in a thread that nobody has to wait for."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import BoundedSemaphore, Event, Thread
from typing import Generic, TypeVar

__all__ = ["Answer", "TooLate", "each"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class TooLate(Exception):
    """There was no answer in time; whoever is asked may still be at it."""


class Answer(Generic[T_co]):
    """What a function returns or raises, once it does.

    Its thread is a daemon: one that hangs keeps no process alive.

    Args:
        ask: Called at once, in a thread of its own.
    """

    def __init__(self, ask: Callable[[], T_co]) -> None:
        self._ask = ask
        self._given = Event()
        self._error: Exception | None = None
        Thread(target=self._run, name="triage", daemon=True).start()

    def by(self, end: float) -> T_co:
        """Return what was answered, or raise what was raised.

        Args:
            end: When to give up, on the monotonic clock.

        Raises:
            TooLate: no answer until then.
        """
        if not self._given.wait(max(0.0, end - time.monotonic())):
            raise TooLate
        if self._error is not None:
            raise self._error
        return self._value

    def settled(self, end: float) -> bool:
        """Return whether there is an answer of some kind; waits for it until ``end``."""
        return self._given.wait(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        try:
            self._value = self._ask()
        except Exception as error:  # noqa: BLE001  # raised again where it is asked for
            self._error = error
        self._given.set()


def each(ask: Callable[[T], U], subjects: Sequence[T], end: float, at_once: int = 8) -> list[U]:
    """Return the answers about several subjects, in their order, asked so many at once.

    Raises:
        TooLate: one was missing at ``end``, on the monotonic clock.
    """
    turns = BoundedSemaphore(at_once)

    def in_turn(subject: T) -> U:
        if not turns.acquire(timeout=max(0.0, end - time.monotonic())):
            raise TooLate
        try:
            return ask(subject)
        finally:
            turns.release()

    answers = [Answer(partial(in_turn, subject)) for subject in subjects]
    return [answer.by(end) for answer in answers]
