"""Spreads work over a few threads, in chunks and in order, with little of it in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Final, TypeVar

__all__ = ["WORKERS", "spread"]

WORKERS: Final = 2
"""Hashing and signatures leave the interpreter to another thread; with more, they wait for it."""

_CHUNK: Final = 32
_AHEAD: Final = 32

Given = TypeVar("Given")
Made = TypeVar("Made")


def spread(
    executor: Executor, work: Callable[[Given], Made], given: Iterable[Given]
) -> Iterator[Made]:
    """Yield the results of some work in the order of what was given.

    Args:
        executor: Does the work; what is given is taken from its source by the caller's thread.
        work: What is done with each.
        given: Read only a little ahead of the results.
    """

    def together(chunk: list[Given]) -> list[Made]:
        return [work(one) for one in chunk]

    source = iter(given)
    waiting: deque[Future[list[Made]]] = deque()
    while chunk := list(islice(source, _CHUNK)):
        waiting.append(executor.submit(together, chunk))
        if len(waiting) > _AHEAD:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
