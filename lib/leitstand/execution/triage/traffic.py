"""What services answered, from Cloud Monitoring: two calls for all of them."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from leitstand.cloud.glance import Glance
from leitstand.core.environment import Environment
from leitstand.core.health import Reading, Sample
from leitstand.execution.triage.services import read_time

__all__ = ["Counts", "Latencies", "Windows", "counts_of", "read_counts", "read_latencies"]

_STEPS = 30
"""Points of a plot, at most, for each of the two windows."""
_REVISION = 'resource.type = "cloud_run_revision"'

Key = tuple[str, str]
"""Service and revision."""
Latencies = Mapping[Key, Sequence[tuple[datetime, float]]]
"""Ends of periods and the milliseconds of each, oldest first."""


@dataclass(frozen=True)
class Windows:
    """Two windows of the same length: since the incident began, and right before.

    Attributes:
        middle: Where the one ends and the other begins.
        step: Of the plot; both windows are whole multiples of it.
        recent: Period of a latency, a whole multiple of the step: the newest one is that of now,
            without what a revision needed to get warm, and soon without what was treated.
        enough: Requests that a period's latency rests on.
    """

    start: datetime
    middle: datetime
    end: datetime
    step: timedelta
    recent: timedelta
    enough: int

    @classmethod
    def of(
        cls, since: datetime, now: datetime, sample_period: float, recent: float, enough: int
    ) -> "Windows":
        """Return windows that begin no later than ``since``; ``recent`` is in seconds."""
        length = max((now - since).total_seconds(), sample_period)
        seconds = max(math.ceil(sample_period), math.ceil(length / _STEPS), 1)
        step = timedelta(seconds=seconds)
        window = step * math.ceil(length / seconds)
        period = min(window, step * math.ceil(recent / seconds))
        return cls(now - 2 * window, now - window, now, step, period, enough)

    @classmethod
    def within(cls, environment: Environment, since: datetime, now: datetime) -> "Windows":
        """Return the windows that the limits of an environment ask for."""
        period, policy = environment.release.analysis.sample_period, environment.triage
        return cls.of(since, now, period, policy.recent_seconds, policy.min_requests)


@dataclass(frozen=True)
class _Count:
    key: Key
    code: int
    at: datetime
    number: int


@dataclass(frozen=True)
class Counts:
    """How many requests were answered with which code, step by step."""

    windows: Windows
    counts: tuple[_Count, ...]

    def series(self) -> dict[str, tuple[Reading, ...]]:
        """Return requests and errors per step and revision, by service, oldest first."""
        found: dict[str, dict[tuple[datetime, str], tuple[int, int]]] = {}
        for count in self.counts:
            service, revision = count.key
            place = found.setdefault(service, {})
            requests, errors = place.get((count.at, revision), (0, 0))
            failed = count.number if count.code >= 500 else 0
            place[(count.at, revision)] = (requests + count.number, errors + failed)
        return {
            service: tuple(Reading(*key, *place[key]) for key in sorted(place))
            for service, place in sorted(found.items())
        }

    def samples(self, latencies: Latencies, *, before: bool) -> dict[str, dict[str, Sample]]:
        """Return what each revision answered in one of the windows, by service.

        Its latency is that of its newest period with enough requests.
        """
        found: dict[str, dict[str, Sample]] = {}
        for count in self.counts:
            if self._is_before(count.at) is not before:
                continue
            service, revision = count.key
            known = found.setdefault(service, {}).get(revision, Sample())
            failed = count.number if count.code >= 500 else 0
            found[service][revision] = Sample(
                known.requests + count.number, known.errors + failed, known.latency_p95_ms
            )
        for (service, revision), periods in latencies.items():
            for end, milliseconds in periods:
                weighty = self._requests((service, revision), end) >= self.windows.enough
                known = found.get(service, {}).get(revision, Sample())
                if weighty and known.requests and self._is_before(end) is before:
                    found[service][revision] = replace(known, latency_p95_ms=milliseconds)
        return found

    def _is_before(self, at: datetime) -> bool:
        return at <= self.windows.middle

    def _requests(self, key: Key, end: datetime) -> int:
        """Return how many requests a revision answered in the period that ends there."""
        begin = end - self.windows.recent
        return sum(
            count.number for count in self.counts if count.key == key and begin < count.at <= end
        )

    def answered(
        self,
        service: str,
        fits: Callable[[int], bool] = lambda _: True,
        revisions: Collection[str] | None = None,
    ) -> int:
        """Return how many answers of a service, since the incident began, have such a code.

        Those of some revisions count, or of all where none are named.
        """
        return sum(
            count.number
            for count in self.counts
            if count.key[0] == service
            and (revisions is None or count.key[1] in revisions)
            and not self._is_before(count.at)
            and fits(count.code)
        )


def read_counts(glance: Glance, environment: Environment, since: datetime, now: datetime) -> Counts:
    """Return what every service of the region answered since then, and as long before.

    Read-only; one call.
    """
    windows = Windows.within(environment, since, now)
    groups = (*_GROUPS, "metric.label.response_code")
    series = glance.time_series(
        _wanted("run.googleapis.com/request_count", environment), windows.start, windows.end,
        period=windows.step, reducer="REDUCE_SUM", group_by=groups,
    )  # fmt: skip
    return counts_of(windows, series)


def counts_of(windows: Windows, series: Sequence[Mapping[str, Any]]) -> Counts:
    """Return the counts that time series hold."""
    counts = []
    for one in series:
        code = int(one["metric"]["labels"]["response_code"])
        for at, value in _points(one):
            if number := int(value.get("int64Value", 0)):
                counts.append(_Count(_key(one), code, at, number))
    return Counts(windows, tuple(counts))


def read_latencies(
    glance: Glance, environment: Environment, since: datetime, now: datetime
) -> Latencies:
    """Return the 95th percentile of each period of both windows; read-only, one call."""
    windows = Windows.within(environment, since, now)
    series = glance.time_series(
        _wanted("run.googleapis.com/request_latencies", environment), windows.start, windows.end,
        period=windows.recent, reducer="REDUCE_PERCENTILE_95", group_by=_GROUPS,
    )  # fmt: skip
    found: dict[Key, list[tuple[datetime, float]]] = {}
    for one in series:
        for at, value in _points(one):
            if "doubleValue" in value:
                found.setdefault(_key(one), []).append((at, float(value["doubleValue"])))
    return {key: sorted(periods) for key, periods in found.items()}


_GROUPS = ("resource.label.service_name", "resource.label.revision_name")


def _wanted(metric: str, environment: Environment) -> str:
    return (
        f'metric.type = "{metric}" AND {_REVISION}'
        f' AND resource.label.location = "{environment.region}"'
    )


def _key(series: Mapping[str, Any]) -> Key:
    labels = series["resource"]["labels"]
    return str(labels["service_name"]), str(labels["revision_name"])


def _points(series: Mapping[str, Any]) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    points: Sequence[Mapping[str, Any]] = series.get("points", [])
    for point in points:
        at = read_time(point["interval"]["endTime"])
        if at is not None:
            yield at, point["value"]
