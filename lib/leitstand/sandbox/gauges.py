"""Metrics of Cloud Monitoring with one point each: what is so now, without a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from leitstand.sandbox.monitoring_messages import Descriptor
from leitstand.sandbox.timeseries import Labels, Series

__all__ = ["Gauges", "Reading"]


@dataclass(frozen=True)
class Reading:
    """What one series shows now.

    Attributes:
        project: Project id.
        metric: Metric labels.
        resource: Resource labels but `project_id`.
        value: The value.
    """

    project: str
    metric: Labels
    resource: Labels
    value: int


class Gauges:
    """Gauges that are read together; a point is as of the last whole sample period.

    Args:
        metrics: What there is to say of them.
        read: What each series of the metric of that type shows now.
        period: Microseconds between two points of a series.

    Attributes:
        metrics: As given, by type.
    """

    def __init__(
        self,
        metrics: Iterable[Descriptor],
        read: Callable[[str], Iterable[Reading]],
        period: int,
    ) -> None:
        self.metrics = {metric.type: metric for metric in metrics}
        self._read = read
        self._period = period

    def series(self, project: str, metric_type: str, start: int, end: int) -> list[Series]:
        """The raw series of a project, with a point at `end` (microseconds)."""
        if start >= end:
            return []
        return [
            Series(
                metric=one.metric,
                resource={"project_id": project, **one.resource},
                kind="GAUGE",
                value_type="INT64",
                width=self._period,
                points={end: one.value},
                resource_type=self.metrics[metric_type].resource_type,
            )
            for one in self._read(metric_type)
            if one.project == project
        ]
