"""How full the disks of Cloud SQL instances are, as Cloud Monitoring tells it.

https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-cloudsql
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from leitstand.sandbox.gauges import Gauges, Reading
from leitstand.sandbox.monitoring_messages import Descriptor

__all__ = ["Disk", "disk_gauges"]

USED = "cloudsql.googleapis.com/database/disk/bytes_used"
QUOTA = "cloudsql.googleapis.com/database/disk/quota"
_of_databases = partial(
    Descriptor,
    unit="By",
    kind="GAUGE",
    value_type="INT64",
    resource_type="cloudsql_database",
    resource_labels=("project_id", "database_id", "region"),
)
METRICS = (_of_databases(USED, "Bytes used"), _of_databases(QUOTA, "Disk quota"))


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


def disk_gauges(disks: Callable[[], Iterable[Disk]], period: int) -> Gauges:
    """The two metrics; `disks` looks at the disks that there are, `period` as of `Gauges`."""

    def read(metric_type: str) -> Iterator[Reading]:
        for disk in disks():
            database = {"database_id": f"{disk.project}:{disk.instance}", "region": disk.region}
            value = disk.used if metric_type == USED else disk.quota
            yield Reading(disk.project, {}, database, value)

    return Gauges(METRICS, read, period)
