"""How many instances of revisions run, as Cloud Monitoring tells it.

https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from leitstand.sandbox.gauges import Gauges, Reading
from leitstand.sandbox.monitoring_messages import RESOURCE_TYPE, Descriptor
from leitstand.sandbox.timeseries import RESOURCE_LABELS

__all__ = ["Running", "instance_gauges"]

COUNT = Descriptor(
    "run.googleapis.com/container/instance_count",
    "Instance count",
    unit="1",
    kind="GAUGE",
    value_type="INT64",
    labels=("state",),
    resource_type=RESOURCE_TYPE,
    resource_labels=RESOURCE_LABELS,
)


@dataclass(frozen=True)
class Running:
    """The ready instances of a revision: those that answer a request just now, and the others."""

    project: str
    location: str
    service: str
    revision: str
    active: int
    idle: int


def instance_gauges(running: Callable[[], Iterable[Running]], period: int) -> Gauges:
    """The metric; `running` counts the instances that there are, `period` as of `Gauges`."""

    def read(_: str) -> Iterator[Reading]:
        for one in running():
            revision = {
                "location": one.location,
                "service_name": one.service,
                "revision_name": one.revision,
                "configuration_name": one.service,
            }
            for state, count in (("active", one.active), ("idle", one.idle)):
                yield Reading(one.project, {"state": state}, revision, count)

    return Gauges((COUNT,), read, period)
