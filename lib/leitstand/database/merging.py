"""Tells two sorted streams of rows apart; neither is held in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Difference", "merge_keyed", "merge_multisets"]

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """One key, or one row without a key, that is not the same on both sides.

    Attributes:
        key: Values of the primary key as text; empty without one.
        row_hash: Hash of the row's content: the source's, or the clone's for a deleted one.
        rows: How many rows it stands for: 1 with a key.
    """

    kind: Literal["inserted", "changed", "deleted"]
    key: tuple[str, ...]
    row_hash: int
    rows: int = 1


def merge_keyed(source: Iterator[Row], clone: Iterator[Row]) -> Iterator[Difference]:
    """Yield the differences of two streams of (hash of key, key, hash of row), both ascending."""
    now, then = next(source, None), next(clone, None)
    while now is not None or then is not None:
        if then is None or (now is not None and now[:2] < then[:2]):
            assert now is not None
            yield Difference("inserted", tuple(now[1]), now[2])
            now = next(source, None)
        elif now is None or then[:2] < now[:2]:
            yield Difference("deleted", tuple(then[1]), then[2])
            then = next(clone, None)
        else:
            if now[2] != then[2]:
                yield Difference("changed", tuple(now[1]), now[2])
            now, then = next(source, None), next(clone, None)


def merge_multisets(source: Iterator[Row], clone: Iterator[Row]) -> Iterator[Difference]:
    """Yield the differences of two streams of (hash of row, number of rows), both ascending."""
    now, then = next(source, None), next(clone, None)
    while now is not None or then is not None:
        if then is None or (now is not None and now[0] < then[0]):
            assert now is not None
            yield Difference("inserted", (), now[0], now[1])
            now = next(source, None)
        elif now is None or then[0] < now[0]:
            yield Difference("deleted", (), then[0], then[1])
            then = next(clone, None)
        else:
            surplus = now[1] - then[1]
            if surplus:
                kind: Literal["inserted", "deleted"] = "inserted" if surplus > 0 else "deleted"
                yield Difference(kind, (), now[0], abs(surplus))
            now, then = next(source, None), next(clone, None)
