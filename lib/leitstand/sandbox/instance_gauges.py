"""How many instances of revisions run, as Cloud Monitoring tells it.

https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from google.api import label_pb2, metric_pb2

from leitstand.sandbox.timeseries import Series

__all__ = ["InstanceGauges", "Running"]

COUNT = "run.googleapis.com/container/instance_count"
RESOURCE_TYPE = "cloud_run_revision"


@dataclass(frozen=True)
class Running:
    """The ready instances of a revision: those that answer a request just now, and the others."""

    project: str
    location: str
    service: str
    revision: str
    active: int
    idle: int


class InstanceGauges:
    """One metric with one point: what is so now, as of the last whole sample period.

    Args:
        running: Counts the instances that there are.
        sample_period: Seconds between two points of a series.
    """

    types = (COUNT,)

    def __init__(self, running: Callable[[], Iterable[Running]], sample_period: float) -> None:
        self._running = running
        self._period = round(sample_period * 1_000_000)

    def series(self, project: str, metric_type: str, start: int, end: int) -> list[Series]:
        """The raw series of a project, with a point at `end` (microseconds)."""
        if start >= end:
            return []
        return [
            Series(
                metric={"state": state},
                resource={
                    "project_id": project,
                    "location": one.location,
                    "service_name": one.service,
                    "revision_name": one.revision,
                    "configuration_name": one.service,
                },
                kind="GAUGE",
                value_type="INT64",
                width=self._period,
                points={end: count},
                resource_type=RESOURCE_TYPE,
            )
            for one in self._running()
            if one.project == project
            for state, count in (("active", one.active), ("idle", one.idle))
        ]

    def descriptor(self, project: str, metric_type: str) -> metric_pb2.MetricDescriptor:
        """The metric's descriptor."""
        kinds = metric_pb2.MetricDescriptor
        return metric_pb2.MetricDescriptor(
            name=f"projects/{project}/metricDescriptors/{metric_type}",
            type=metric_type,
            labels=[label_pb2.LabelDescriptor(key="state")],
            metric_kind=kinds.GAUGE,
            value_type=kinds.INT64,
            unit="1",
            display_name="Instance count",
            metadata=kinds.MetricDescriptorMetadata(
                sample_period=timedelta(microseconds=self._period)
            ),
            monitored_resource_types=[RESOURCE_TYPE],
        )
