"""How full the disks of Cloud SQL instances are, as Cloud Monitoring tells it.

https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-cloudsql
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from google.api import metric_pb2

from leitstand.sandbox.timeseries import Series

__all__ = ["Disk", "DiskGauges"]

USED = "cloudsql.googleapis.com/database/disk/bytes_used"
QUOTA = "cloudsql.googleapis.com/database/disk/quota"
RESOURCE_TYPE = "cloudsql_database"


@dataclass(frozen=True)
class Disk:
    """The disk of an instance.

    Attributes:
        used: Bytes of all that lies on it; what a file claims counts, though it be sparse.
        quota: Bytes as provisioned.
    """

    project: str
    region: str
    instance: str
    used: int
    quota: int


class DiskGauges:
    """Two metrics with one point each: what is so now, as of the last whole sample period.

    Args:
        disks: Looks at the disks that there are.
        sample_period: Seconds between two points of a series.
    """

    types = (USED, QUOTA)

    def __init__(self, disks: Callable[[], Iterable[Disk]], sample_period: float) -> None:
        self._disks = disks
        self._period = round(sample_period * 1_000_000)

    def series(self, project: str, metric_type: str, start: int, end: int) -> list[Series]:
        """The raw series of a project, with a point at `end` (microseconds)."""
        if start >= end:
            return []
        return [
            Series(
                metric={},
                resource={
                    "project_id": project,
                    "database_id": f"{project}:{disk.instance}",
                    "region": disk.region,
                },
                kind="GAUGE",
                value_type="INT64",
                width=self._period,
                points={end: disk.used if metric_type == USED else disk.quota},
                resource_type=RESOURCE_TYPE,
            )
            for disk in self._disks()
            if disk.project == project
        ]

    def descriptor(self, project: str, metric_type: str) -> metric_pb2.MetricDescriptor:
        """The descriptor of one of the two."""
        kinds = metric_pb2.MetricDescriptor
        return metric_pb2.MetricDescriptor(
            name=f"projects/{project}/metricDescriptors/{metric_type}",
            type=metric_type,
            metric_kind=kinds.GAUGE,
            value_type=kinds.INT64,
            unit="By",
            display_name="Bytes used" if metric_type == USED else "Disk quota",
            metadata=kinds.MetricDescriptorMetadata(
                sample_period=timedelta(microseconds=self._period)
            ),
            monitored_resource_types=[RESOURCE_TYPE],
        )
