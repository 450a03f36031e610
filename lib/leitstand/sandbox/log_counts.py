"""What log-based metrics counted: each entry that comes in, by the metrics of its project."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.filters import Filter, parse
from leitstand.sandbox.log_extractors import extractor
from leitstand.sandbox.timeseries import Series

__all__ = ["PREFIX", "TABLE", "LogCounts", "logging_filter"]

log = logging.getLogger(__name__)

PREFIX = "logging.googleapis.com/user/"
# Where rest/log_metrics.py keeps the metrics; they count whether or not the REST side is loaded.
TABLE = "rest/logging/projects.metrics"
# https://cloud.google.com/logging/docs/logs-based-metrics/troubleshooting
OLDEST, NEWEST = 24 * 3600.0, 600.0
KEPT_POINTS = 50_000

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, str, Labels, str, Labels]
Metrics = Mapping[str, Mapping[str, Any]]


class LogCounts:
    """Counts entries; hand it to `Logs.listen`.

    Entries that came before the metric are not counted, nor those whose time lies more than a day
    back or ten minutes ahead.

    Args:
        metrics: The log-based metrics by full name, as the API has them.
        sample_period: Seconds that a point covers.
        now: Gives seconds since the epoch.
    """

    def __init__(
        self,
        metrics: Metrics,
        sample_period: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._period = round(sample_period * 1_000_000)
        self._now = now
        # Per series: how many entries by the end of the sample period in microseconds.
        self._points: dict[Key, dict[int, int]] = {}

    def __call__(self, entry: Mapping[str, Any]) -> None:
        """Count one entry; never fails."""
        if not self._metrics:
            return
        at = entry["timestamp"].timestamp()
        if not self._now() - OLDEST <= at <= self._now() + NEWEST:
            return
        project = entry["logName"].split("/")[1]
        for name, metric in list(self._metrics.items()):
            if name.split("/")[1] != project or metric.get("disabled"):
                continue
            try:
                if logging_filter(metric["filter"]).matches(entry):
                    self._count(project, metric, entry, at)
            except ApiError:
                log.exception("The metric %s cannot be counted", name)

    def types(self, project: str) -> tuple[str, ...]:
        """The metric types of a project, sorted."""
        found = (name.split("/", 3) for name in self._metrics)
        return tuple(sorted(PREFIX + parts[3] for parts in found if parts[1] == project))

    def metric(self, project: str, metric_type: str) -> Mapping[str, Any] | None:
        """The log-based metric of that type, as its API has it; None if there is none."""
        name = metric_type.removeprefix(PREFIX)
        found = self._metrics.get(f"projects/{project}/metrics/{name}")
        return found if metric_type.startswith(PREFIX) else None

    def series(self, project: str, metric_type: str, start: int, end: int) -> list[Series]:
        """The raw series with points that end after `start` and by `end` (microseconds)."""
        found = []
        for key, points in sorted(self._points.items()):
            if key[:2] != (project, metric_type):
                continue
            inside = {at: count for at, count in points.items() if start < at <= end}
            if inside:
                found.append(
                    Series(
                        dict(key[2]), dict(key[4]), "DELTA", "INT64", self._period, inside, key[3]
                    )
                )
        return found

    def _count(
        self, project: str, metric: Mapping[str, Any], entry: Mapping[str, Any], at: float
    ) -> None:
        labels = {"log": entry["logName"].split("/", 3)[3].replace("%2F", "/")}
        for label, expression in metric.get("labelExtractors", {}).items():
            labels[label] = extractor(expression)(entry) or ""
        resource = {"project_id": project, **entry["resource"]["labels"]}
        key = (
            project,
            PREFIX + metric["name"],
            tuple(sorted(labels.items())),
            entry["resource"]["type"],
            tuple(sorted(resource.items())),
        )
        points = self._points.setdefault(key, {})
        end = (int(at * 1_000_000) // self._period + 1) * self._period
        points[end] = points.get(end, 0) + 1
        if len(points) > KEPT_POINTS:
            del points[min(points)]


@lru_cache(maxsize=64)
def logging_filter(text: str) -> Filter:
    """A filter of Cloud Logging; kept, since every entry is asked of it.

    Raises:
        ApiError: INVALID_ARGUMENT, it is none.
    """
    return parse(text, "logging")
