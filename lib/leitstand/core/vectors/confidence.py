"""Between which limits a mean lies, when only some of its values are known."""

from collections.abc import Sequence
from math import inf, log, sqrt

__all__ = ["interval_of_mean"]

_RISK = 0.05
_PROOF = log(2 / _RISK)
# A bet is at most this share of what would lose all; the paper recommends 1/2 or 3/4.
_SHARE = 0.75
_HALVINGS = 25


def interval_of_mean(values: Sequence[float]) -> tuple[float, float]:
    """Return limits that hold the true mean in at least 95 of 100 cases, whatever the distribution.

    They hold for few values, and where all are equal, for example all 1: there a textbook's
    interval is a point. Without values they are 0 and 1.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
    Journal of the Royal Statistical Society B 86 (2024), the hedged capital process with
    predictable plug-in bets: a mean is ruled out when somebody who bets against it, without
    knowing the next value, has multiplied the stake by 2 / 0.05.

    Args:
        values: From 0 to 1, drawn at random, in the order they were drawn.
    """
    if not values:
        return 0.0, 1.0
    bets = _bets(values)
    mirrored = [1 - value for value in values]
    return _lower(values, bets), 1 - _lower(mirrored, bets)


def _lower(values: Sequence[float], bets: Sequence[float]) -> float:
    """Return the largest mean that bets on larger values rule out."""
    low, high = 0.0, sum(values) / len(values)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _capital(values, bets, middle) >= _PROOF:
            low = middle
        else:
            high = middle
    return low


def _capital(values: Sequence[float], bets: Sequence[float], mean: float) -> float:
    """Return the logarithm of what bets on values above ``mean`` have become; falls with it."""
    if mean <= 0:
        return inf if any(values) else 0.0
    limit = _SHARE / mean
    return sum(
        log(1 + min(bet, limit) * (value - mean)) for value, bet in zip(values, bets, strict=True)
    )


def _bets(values: Sequence[float]) -> list[float]:
    """Return the bet on each value, from the values before it only."""
    bets, total, squares = [], 0.5, 0.25
    for number, value in enumerate(values, 1):
        bets.append(sqrt(2 * _PROOF * number / (squares * len(values))))
        total += value
        squares += (value - total / (number + 1)) ** 2
    return bets
