"""Conditions of alert policies: which ones Google accepts, and where they hold.

Thresholds and absence of a metric; what Google has besides them is refused.
https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.aggregation import Aggregation, group_field
from leitstand.sandbox.errors import ApiError, invalid, not_found
from leitstand.sandbox.filters import Filter, parse
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.timeseries import Series

if TYPE_CHECKING:
    from leitstand.sandbox.monitoring import Monitoring
    from leitstand.sandbox.monitoring_messages import Descriptor

__all__ = ["Condition", "Violation", "read_condition"]

SECOND = 1_000_000
SECONDS = re.compile(r"\d{1,9}s")
# How far back a series is looked for that sends nothing any more.
REMEMBERED = 8 * 24 * 3600 * SECOND
LONGEST_ALIGNMENT = 90_000
LONGEST_ABSENCE = 84_600
LONGEST_DURATION = 84_600
LONGEST_FILTER = 2048
COUNTS = ("ALIGN_DELTA", "ALIGN_SUM", "ALIGN_RATE")
CHOICES = ("ALIGN_MEAN", "ALIGN_MAX", "ALIGN_MIN")
PERCENTILES = ("ALIGN_PERCENTILE_50", "ALIGN_PERCENTILE_95", "ALIGN_PERCENTILE_99")
# By kind and value type of the metric: those whose values a threshold can be compared with.
ALIGNERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("DELTA", "DISTRIBUTION"): PERCENTILES,
    ("DELTA", "INT64"): (*COUNTS, *CHOICES),
    ("GAUGE", "INT64"): (*CHOICES, "ALIGN_SUM"),
}
REDUCERS = ("REDUCE_NONE", "REDUCE_SUM", "REDUCE_COUNT", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_MIN")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "COMPARISON_GT": operator.gt,
    "COMPARISON_LT": operator.lt,
}
KINDS = ("conditionThreshold", "conditionAbsent")
Key = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Violation:
    """One series for which a condition holds; `value` is None where data is missing."""

    series: Series
    value: float | None


@dataclass(frozen=True)
class Condition:
    """A condition that was accepted.

    Attributes:
        name: What it is called.
        absent: Whether it waits for missing data, not for a threshold.
        filter: Which series; fixes the metric type.
        how: How they are aligned and reduced.
        duration: Microseconds for which it must hold.
        compare: Of value and threshold.
        threshold: The limit.
        missing_violates: Whether a known series without data counts as beyond the limit.
    """

    name: str
    absent: bool
    filter: Filter
    how: Aggregation
    duration: int
    compare: Callable[[float, float], bool]
    threshold: float
    missing_violates: bool

    def violations(self, monitoring: Monitoring, project: str, now: int) -> list[Violation]:
        """The series for which the condition holds at `now` (microseconds)."""
        known = self._latest(monitoring, project, now - REMEMBERED, now, REMEMBERED)
        if self.absent:
            fresh = self._latest(monitoring, project, now - self.duration, now, self.duration)
            return [Violation(one, None) for key, one in known.items() if key not in fresh]
        period = self.how.period
        ends = range(now, now - self.duration - 1, -max(period, SECOND))
        windows = [self._latest(monitoring, project, end - period, end, period) for end in ends]
        if self.duration and self.duration < period:
            end = now - self.duration
            windows.append(self._latest(monitoring, project, end - period, end, period))
        found = []
        for key, one in known.items():
            values = [_value(window.get(key)) for window in windows]
            if all(self._beyond(value) for value in values):
                found.append(Violation(one, values[0]))
        return found

    def _beyond(self, value: float | None) -> bool:
        if value is None:
            return self.missing_violates
        return self.compare(value, self.threshold)

    def _latest(
        self, monitoring: Monitoring, project: str, start: int, end: int, period: int
    ) -> dict[Key, Series]:
        how = Aggregation(period, self.how.aligner, self.how.reducer, self.how.group_by)
        found = monitoring.series(project, self.filter, how, start, end)
        return {_key(series): series for series in found if series.points}


def read_condition(monitoring: Monitoring, project: str, body: Body, field: str) -> Condition:
    """The condition that a policy states, checked as Google checks it.

    Raises:
        ApiError: INVALID_ARGUMENT, it cannot be; NOT_FOUND, there is no such metric.
    """
    kinds = [kind for kind in body if kind.startswith("condition")]
    if len(kinds) != 1:
        raise invalid(f"{field} must have exactly one type of condition.", field)
    (kind,) = kinds
    if kind not in KINDS:
        raise invalid(f"The sandbox has no {kind}.", field)
    if not body.get("displayName"):
        raise _bad(f"{field}.display_name", "", "A display name is required.")
    stated = body[kind]
    field = f"{field}.{re.sub('([A-Z])', lambda match: f'_{match[1].lower()}', kind)}"
    wanted, metric = _filter(monitoring, project, stated.get("filter", ""), f"{field}.filter")
    how = _aggregation(metric, stated, f"{field}.aggregations")
    absent = kind == "conditionAbsent"
    limits = (120, LONGEST_ABSENCE) if absent else (0, LONGEST_DURATION)
    duration = _minutes(stated.get("duration", "0s"), *limits, f"{field}.duration")
    missing = stated.get("evaluationMissingData", "EVALUATION_MISSING_DATA_UNSPECIFIED")
    if missing != "EVALUATION_MISSING_DATA_UNSPECIFIED" and duration < 60 * SECOND:
        raise _bad(
            f"{field}.evaluation_missing_data", missing, "It needs a duration of at least 60s."
        )
    comparison = stated.get("comparison", "COMPARISON_GT" if absent else "")
    if comparison not in COMPARISONS:
        raise _bad(f"{field}.comparison", comparison, "Use COMPARISON_GT or COMPARISON_LT.")
    return Condition(
        name=str(body["displayName"]),
        absent=absent,
        filter=wanted,
        how=how,
        duration=duration,
        compare=COMPARISONS[comparison],
        threshold=float(stated.get("thresholdValue", 0)),
        missing_violates=missing == "EVALUATION_MISSING_DATA_ACTIVE",
    )


def _filter(
    monitoring: Monitoring, project: str, text: str, field: str
) -> tuple[Filter, Descriptor]:
    """The filter, and the metric that it fixes."""
    if len(text) > LONGEST_FILTER:
        raise _bad(field, text[:40], f"It is longer than {LONGEST_FILTER} characters.")
    found = parse(text, "monitoring")
    for part in ("metric.type", "resource.type"):
        if part not in found.equalities:
            raise _bad(field, text, f'must specify a restriction on "{part}" in the filter')
    metric_type = found.equalities["metric.type"]
    metric = monitoring.metric(project, metric_type)
    if metric is None:
        error = not_found(metric_type, "Metric type")
        raise ApiError(
            error.code,
            f'Cannot find metric that matches type = "{metric_type}". If a metric was created '
            "recently, it could take up to 10 minutes to become available. Please try again soon.",
        )
    return found, metric


def _aggregation(metric: Descriptor, stated: Body, field: str) -> Aggregation:
    listed = stated.get("aggregations", ())
    if len(listed) != 1:
        raise _bad(field, str(len(listed)), "The sandbox evaluates exactly one aggregation.")
    one: Mapping[str, Any] = listed[0]
    aligner, reducer = one.get("perSeriesAligner", ""), one.get("crossSeriesReducer", "REDUCE_NONE")
    fitting = ALIGNERS[metric.kind, metric.value_type]
    if aligner not in fitting:
        reason = f"The aligner cannot be applied to {metric.type}; use one of {', '.join(fitting)}."
        raise _bad(f"{field}.per_series_aligner", aligner, reason)
    if reducer not in REDUCERS:
        raise _bad(f"{field}.cross_series_reducer", reducer, f"Use one of {', '.join(REDUCERS)}.")
    period = _minutes(
        one.get("alignmentPeriod", "0s"), 60, LONGEST_ALIGNMENT, f"{field}.alignment_period"
    )
    groups = tuple(group_field(name, metric) for name in one.get("groupByFields", ()))
    return Aggregation(period, aligner, reducer, groups)


def _minutes(text: str, least: int, most: int, field: str) -> int:
    """Microseconds of a duration that Google wants in whole minutes."""
    seconds = int(text[:-1]) if SECONDS.fullmatch(text) else -1
    if not least <= seconds <= most or seconds % 60:
        raise _bad(field, text, f"It must be a multiple of 60s from {least}s to {most}s.")
    return seconds * SECOND


def _key(series: Series) -> Key:
    metric, resource = sorted(series.metric.items()), sorted(series.resource.items())
    return series.resource_type, tuple(metric), tuple(resource)


def _value(series: Series | None) -> float | None:
    if series is None:
        return None
    newest = series.points[max(series.points)]
    return None if isinstance(newest, list) else float(newest)


def _bad(field: str, value: str, reason: str) -> ApiError:
    text = f'Field alert_policy.{field} had an invalid value of "{value}": {reason}'
    return invalid(text, f"alert_policy.{field}")
