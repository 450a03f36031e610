"""How good searches are: what they found of what there was to find, and how long they took.

Everything goes by distances: a row as near as the last of the true nearest counts as found, so
that duplicates and ties cost nothing, as in ann-benchmarks
(https://github.com/erikbern/ann-benchmarks, ``plotting/metrics.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from leitstand.core.vectors.confidence import interval_of_mean

__all__ = ["Comparison", "Measurement", "Sample", "compare", "summarise"]

# Two ways to the same row give the same distance, but for the last bits of single precision.
_ROUNDING = 1e-6
_LATENCY_FLOOR = 0.001


@dataclass(frozen=True)
class Sample:
    """One query, asked twice: of all rows, and of the index.

    Attributes:
        exact: Distances of the true nearest rows, ascending.
        found: Distances of the rows that the search found.
        exact_seconds: What the exact search took, there and back.
        seconds: What the search took, there and back.
    """

    exact: tuple[float, ...]
    found: tuple[float, ...]
    exact_seconds: float
    seconds: float


@dataclass(frozen=True)
class Measurement:
    """What many queries say together.

    Attributes:
        k: Nearest rows that each asked for.
        queries: How many there were to which there is an answer.
        recall: Share of the true nearest rows that were found, on average; 0 without queries.
        recall_low: The true recall of all such queries is not below that, with recall_high 95 %.
        recall_high: Nor above that.
        p50: Seconds that half of the searches stayed below.
        p95: Likewise 95 of 100.
        p99: Likewise 99 of 100.
        exact_p50: Seconds that half of the exact searches stayed below.
        short: Queries that found fewer rows than there are, up to k.
        empty: Queries of these that found no row at all.
        index: The index that was searched, empty where the search was exact itself.
    """

    k: int
    queries: int
    recall: float
    recall_low: float
    recall_high: float
    p50: float
    p95: float
    p99: float
    exact_p50: float
    short: int
    empty: int
    index: str = ""


@dataclass(frozen=True)
class Comparison:
    """Whether a changed index may take the place of the old one.

    Attributes:
        better: Whether its searches are at least as good.
        reasons: What speaks against it, as German sentences; none where it is at least as good.
    """

    better: bool
    reasons: tuple[str, ...]


def summarise(samples: Sequence[Sample], k: int, *, index: str = "") -> Measurement:
    """Return what the samples say together.

    A query to which no row has a distance says nothing and is left out: there is no row, or one
    of the two vectors is zero and has no direction.

    Args:
        samples: In the order in which they were drawn.
        k: Nearest rows that each asked for, at least 1.
        index: The index that was searched.
    """
    told = [(_known(sample.exact, k), sample) for sample in samples]
    told = [(exact, sample) for exact, sample in told if exact]
    found = [(exact, _known(sample.found, k)) for exact, sample in told]
    recalls = [_recall(exact, rows) for exact, rows in found]
    low, high = interval_of_mean(recalls)
    seconds = sorted(sample.seconds for _, sample in told)
    return Measurement(
        k=k,
        queries=len(told),
        recall=sum(recalls) / len(recalls) if recalls else 0.0,
        recall_low=low,
        recall_high=high,
        p50=_percentile(seconds, 0.50),
        p95=_percentile(seconds, 0.95),
        p99=_percentile(seconds, 0.99),
        exact_p50=_percentile(sorted(sample.exact_seconds for _, sample in told), 0.50),
        short=sum(len(rows) < len(exact) for exact, rows in found),
        empty=sum(not rows for _, rows in found),
        index=index,
    )


def compare(
    before: Measurement,
    after: Measurement,
    *,
    latency_ratio: float,
    minimum: float = 0.0,
    latency_floor: float = _LATENCY_FLOOR,
) -> Comparison:
    """Decide whether a changed index searches at least as well as the one before.

    Its recall must not lie below what the old recall may really be, nor below ``minimum`` unless
    the old one's is certainly worse; its latency may be ``latency_ratio`` times the old one's.
    Where the old one was never measured, because it had no rows or is unusable, only ``minimum``
    counts. An old index that certainly finds less than ``minimum`` is no measure of latency: it is
    fast because it looks at too few rows.

    Args:
        before: Searches by the old index.
        after: The same queries by the changed one.
        latency_ratio: For the median and for 95 of 100 searches.
        minimum: Share of the true nearest rows that must be found, on average.
        latency_floor: Seconds below which a latency is good, whatever the ratio.
    """
    if not after.queries:
        if not before.queries:
            return Comparison(True, ())
        return Comparison(False, ("Am neuen Index war keine Suche messbar.",))
    reasons = []
    if before.queries and after.recall < before.recall_low:
        reasons.append(
            f"Der Recall fällt von {_share(before.recall)} (mindestens "
            f"{_share(before.recall_low)}) auf {_share(after.recall)}."
        )
    surely_better = bool(before.queries) and after.recall_low > before.recall_high
    if after.recall < minimum and not surely_better:
        reasons.append(
            f"Der Recall {_share(after.recall)} liegt unter dem Minimum {_share(minimum)}."
        )
    fast_for_nothing = before.recall_high < minimum <= after.recall
    for name, old, new in (("p50", before.p50, after.p50), ("p95", before.p95, after.p95)):
        if (
            before.queries
            and not fast_for_nothing
            and new > max(latency_ratio * old, latency_floor)
        ):
            reasons.append(
                f"Die Latenz {name} steigt von {_milliseconds(old)} auf {_milliseconds(new)}, "
                f"erlaubt ist das {_number(latency_ratio, 2)}-Fache."
            )
    return Comparison(not reasons, tuple(reasons))


def _known(distances: Sequence[float], k: int) -> tuple[float, ...]:
    """Return the first k distances that are numbers, ascending."""
    return tuple(sorted(distance for distance in distances[:k] if not isnan(distance)))


def _recall(exact: Sequence[float], found: Sequence[float]) -> float:
    border = exact[-1] + _ROUNDING * abs(exact[-1])
    return sum(distance <= border for distance in found) / len(exact)


def _percentile(ascending: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies, interpolated; 0 without values."""
    if not ascending:
        return 0.0
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace(".", ",")


def _share(value: float) -> str:
    return f"{_number(100 * value, 1)} %"


def _milliseconds(seconds: float) -> str:
    return f"{_number(1000 * seconds, 1)} ms"
