"""Which revision answers the next request."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

__all__ = ["Split"]

Target = TypeVar("Target")

# Steps of the golden ratio spread most evenly over the unit interval (Kronecker sequence): every
# window of n requests is within O(log n / n) of the wanted shares, and no period can fall in step
# with the paths a client asks for in turn.
_STEP = 0.6180339887498949


class Split(Generic[Target]):
    """Deals requests to targets by percent, evenly and without chance."""

    def __init__(self, shares: Sequence[tuple[Target, int]]) -> None:
        weighted = [(target, percent) for target, percent in shares if percent > 0]
        self._targets = [target for target, _ in weighted]
        self._bounds = list(accumulate(percent / 100 for _, percent in weighted))
        self._position = 0.5

    def next(self) -> Target | None:
        """The target of the next request, or None where there is none."""
        if not self._targets:
            return None
        self._position = (self._position + _STEP) % 1.0
        index = bisect_right(self._bounds, self._position)
        return self._targets[min(index, len(self._targets) - 1)]
