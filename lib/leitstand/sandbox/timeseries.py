"""Time series out of request records: sampling, alignment, reduction. Pure; no protobuf, no clock.

Times are whole microseconds since the epoch. A sample covers one sample period and ends at its end;
a window of the alignment ends at the interval's end, or a whole number of periods before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from leitstand.sandbox.traffic_log import RequestRecord

__all__ = [
    "BUCKETS",
    "GROWTH",
    "METRIC_LABELS",
    "RESOURCE_LABELS",
    "SCALE",
    "BadAggregation",
    "Kind",
    "Labels",
    "Metric",
    "Series",
    "ValueType",
    "align",
    "bucket_counts",
    "percentile",
    "reduce",
    "sample",
]

Metric = Literal["request_count", "request_latencies"]
Kind = Literal["DELTA", "GAUGE"]
ValueType = Literal["INT64", "DOUBLE", "DISTRIBUTION"]
Value = int | float | list[float]
Labels = Mapping[str, str]

RESOURCE_LABELS = (
    "project_id",
    "location",
    "service_name",
    "revision_name",
    "configuration_name",
)
METRIC_LABELS = ("response_code", "response_code_class")
SCALE = 1.0
GROWTH = 1.1
BUCKETS = 120
CHOICES: Mapping[str, Callable[[Iterable[int | float]], int | float]] = {"MAX": max, "MIN": min}
PERCENTILES = {"05": 0.05, "50": 0.5, "95": 0.95, "99": 0.99}


class BadAggregation(ValueError):
    """An aligner or reducer that this metric, kind or value type does not allow.

    Attributes:
        field: The field of Aggregation that is wrong.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Series:
    """One time series.

    Attributes:
        metric: Metric labels.
        resource: Resource labels.
        kind: `DELTA` or `GAUGE`.
        value_type: `INT64`, `DOUBLE` or `DISTRIBUTION` (then a value is the list of observations).
        width: Microseconds that a point covers.
        points: Value by the end of the point.
        resource_type: Type of the monitored resource.
    """

    metric: Labels
    resource: Labels
    kind: Kind
    value_type: ValueType
    width: int
    points: Mapping[int, Value]
    resource_type: str = "cloud_run_revision"


def sample(records: Iterable[RequestRecord], metric: Metric, period: int) -> list[Series]:
    """The raw series: one per revision and response code, a point per period with requests."""
    found: dict[tuple[str, str, str, str, int], dict[int, list[float]]] = {}
    for record in records:
        key = (record.project, record.location, record.service, record.revision, record.status)
        end = (int(record.at * 1_000_000) // period + 1) * period
        found.setdefault(key, {}).setdefault(end, []).append(record.latency_ms)
    return [_raw_series(key, points, metric, period) for key, points in sorted(found.items())]


def _raw_series(
    key: tuple[str, str, str, str, int],
    points: Mapping[int, list[float]],
    metric: Metric,
    period: int,
) -> Series:
    project, location, service, revision, status = key
    counted = metric == "request_count"
    return Series(
        metric={"response_code": str(status), "response_code_class": f"{status // 100}xx"},
        resource={
            "project_id": project,
            "location": location,
            "service_name": service,
            "revision_name": revision,
            "configuration_name": service,
        },
        kind="DELTA",
        value_type="INT64" if counted else "DISTRIBUTION",
        width=period,
        points={end: len(values) if counted else values for end, values in points.items()},
    )


def align(series: Series, aligner: str, period: int, end: int) -> Series:
    """One point per window of `period` microseconds, counted backwards from `end`.

    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aligner

    Raises:
        BadAggregation: The aligner does not fit the series.
    """
    windows: dict[int, list[Value]] = {}
    for at, value in series.points.items():
        windows.setdefault(end - (end - at) // period * period, []).append(value)
    name = aligner.removeprefix("ALIGN_")
    distribution = series.value_type == "DISTRIBUTION"
    counted = series.kind == "DELTA"
    if name == "SUM" or (name == "DELTA" and counted):
        points = {at: _sum(values) for at, values in windows.items()}
        kind: Kind = "DELTA" if name == "DELTA" else "GAUGE"
        return replace(series, kind=kind, width=period, points=points)
    if name in CHOICES and not distribution:
        choose = CHOICES[name]
        points = {at: choose(map(_number, values)) for at, values in windows.items()}
        return replace(series, kind="GAUGE", width=period, points=points)
    if name == "MEAN" and not distribution:
        points = {at: _mean(values) for at, values in windows.items()}
    elif name == "RATE" and counted and not distribution:
        seconds = period / 1_000_000
        points = {at: _number(_sum(values)) / seconds for at, values in windows.items()}
    elif name.startswith("PERCENTILE_") and distribution:
        rank = PERCENTILES[name.removeprefix("PERCENTILE_")]
        points = {at: percentile(_observations(values), rank) for at, values in windows.items()}
    else:
        raise BadAggregation(
            "perSeriesAligner",
            f"The aligner cannot be applied to metrics with kind {series.kind} and value type "
            f"{series.value_type}.",
        )
    return replace(series, kind="GAUGE", value_type="DOUBLE", width=period, points=points)


def reduce(group: list[Series], reducer: str, metric: Labels, resource: Labels) -> Series:
    """One series out of several aligned ones, with the labels that the group shares.

    Raises:
        BadAggregation: The reducer does not fit the series.
    """
    values: dict[int, list[Value]] = {}
    for series in group:
        for at, value in series.points.items():
            values.setdefault(at, []).append(value)
    first = replace(group[0], metric=metric, resource=resource)
    name = reducer.removeprefix("REDUCE_")
    if name == "SUM":
        points = {at: _sum(found) for at, found in values.items()}
        return replace(first, points=points)
    if name == "COUNT":
        points = {at: len(found) for at, found in values.items()}
        return replace(first, kind="GAUGE", value_type="INT64", points=points)
    distribution = first.value_type == "DISTRIBUTION"
    if name.startswith("PERCENTILE_"):
        rank = PERCENTILES[name.removeprefix("PERCENTILE_")]
        points = {
            at: percentile(_observations(found), rank) if distribution else _quantile(found, rank)
            for at, found in values.items()
        }
    elif name == "MEAN":
        points = {at: _mean(found) for at, found in values.items()}
    elif name in CHOICES and not distribution:
        choose = CHOICES[name]
        points = {at: choose(map(_number, found)) for at, found in values.items()}
        return replace(first, kind="GAUGE", points=points)
    else:
        raise BadAggregation(
            "crossSeriesReducer",
            f"The reducer cannot be applied to metrics with kind {first.kind} and value type "
            f"{first.value_type}.",
        )
    return replace(first, kind="GAUGE", value_type="DOUBLE", points=points)


def bucket_counts(observations: Iterable[float]) -> list[int]:
    """Observations per exponential bucket: below SCALE, BUCKETS finite ones, overflow."""
    counts = [0] * (BUCKETS + 2)
    for value in observations:
        counts[_bucket(value)] += 1
    return counts


def percentile(observations: list[float], rank: float) -> float:
    """The percentile as Monitoring estimates it: linear inside the bucket it falls into."""
    below = 0.0
    target = rank * len(observations)
    for index, count in enumerate(bucket_counts(observations)):
        if count and below + count >= target:
            low = 0.0 if index == 0 else SCALE * GROWTH ** (index - 1)
            high = SCALE * GROWTH**index
            return low + (high - low) * (target - below) / count
        below += count
    return 0.0


def _bucket(value: float) -> int:
    if value < SCALE:
        return 0
    return min(BUCKETS + 1, int(math.log(value / SCALE) / math.log(GROWTH) + 1e-9) + 1)


def _sum(values: list[Value]) -> Value:
    if isinstance(values[0], list):
        return _observations(values)
    return sum(_number(value) for value in values)


def _mean(values: list[Value]) -> float:
    flat = _observations(values) if isinstance(values[0], list) else [_number(v) for v in values]
    return sum(flat) / len(flat)


def _quantile(values: list[Value], rank: float) -> float:
    ordered = sorted(_number(value) for value in values)
    position = rank * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _observations(values: list[Value]) -> list[float]:
    return [each for value in values if isinstance(value, list) for each in value]


def _number(value: Value) -> int | float:
    if isinstance(value, list):
        raise TypeError("a distribution is no number")
    return value
