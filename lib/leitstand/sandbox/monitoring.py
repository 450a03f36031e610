"""Cloud Monitoring's MetricService: requests that passed the front door, log entries that came."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.api import metric_pb2, monitored_resource_pb2
from google.cloud.monitoring_v3 import types

from leitstand.sandbox import timeseries
from leitstand.sandbox.aggregation import Aggregation, aggregated, bad_field, group_field
from leitstand.sandbox.disk_gauges import Disk, disk_gauges
from leitstand.sandbox.errors import invalid, not_found
from leitstand.sandbox.filters import Filter, parse
from leitstand.sandbox.gauges import Gauges
from leitstand.sandbox.instance_gauges import Running, instance_gauges
from leitstand.sandbox.log_counts import LogCounts
from leitstand.sandbox.monitoring_messages import (
    COUNT,
    METRICS,
    RESOURCE_TYPE,
    Descriptor,
    counter,
    descriptor,
    fill,
    resource_descriptor,
)
from leitstand.sandbox.paging import page
from leitstand.sandbox.store import raw
from leitstand.sandbox.timeseries import Series
from leitstand.sandbox.traffic_log import TrafficLog

__all__ = ["Monitoring"]

SERVICE = "/google.monitoring.v3.MetricService/"
MOST_POINTS = 100_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Monitoring:
    """ListTimeSeries and descriptors: requests, instances, disks, and log-based counters.

    Args:
        traffic: Where the requests are.
        sample_period: Seconds between two points of a series (Google: 60); what happened since the
            last whole period is not visible yet.
        now: Gives seconds since the epoch.
        counts: What log-based metrics counted.
        disks: Looks at the disks of Cloud SQL.
        running: Counts the instances of Cloud Run.
    """

    def __init__(
        self,
        traffic: TrafficLog,
        sample_period: float = 1.0,
        now: Callable[[], float] = time.time,
        counts: LogCounts | None = None,
        disks: Callable[[], Iterable[Disk]] = lambda: (),
        running: Callable[[], Iterable[Running]] = lambda: (),
    ) -> None:
        self._traffic = traffic
        self._counts = counts or LogCounts({})
        self._period = round(sample_period * 1_000_000)
        self._gauges: Mapping[str, Gauges] = {
            metric_type: gauges
            for gauges in (disk_gauges(disks, self._period), instance_gauges(running, self._period))
            for metric_type in gauges.metrics
        }
        self._now = now

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods of MetricService."""
        return {
            SERVICE + "ListTimeSeries": self.list_time_series,
            SERVICE + "ListMetricDescriptors": self.list_metric_descriptors,
            SERVICE + "GetMetricDescriptor": self.get_metric_descriptor,
            SERVICE + "ListMonitoredResourceDescriptors": self.list_resource_descriptors,
            SERVICE + "GetMonitoredResourceDescriptor": self.get_resource_descriptor,
        }

    async def list_time_series(
        self, request: types.ListTimeSeriesRequest
    ) -> types.ListTimeSeriesResponse:
        """The series that pass the filter, aggregated as asked, newest point first."""
        project = _project(request.name)
        wanted = parse(request.filter, "monitoring")
        metric_type = wanted.equalities.get("metric.type")
        if metric_type is None:
            raise bad_field("filter", request.filter, "The filter must specify one metric type.")
        metric = self.metric(project, metric_type)
        if metric is None:
            raise not_found(metric_type, "Metric type")
        if request.order_by:
            raise bad_field("orderBy", request.order_by, "It must be left blank.")
        if raw(request).HasField("secondary_aggregation"):
            raise invalid("The sandbox has no secondary aggregation.", "secondary_aggregation")
        start, end = self._interval(request, metric)
        aggregation = self._aggregation(request.aggregation, metric)
        try:
            series = self.series(project, wanted, aggregation, start, end)
        except timeseries.BadAggregation as error:
            raise bad_field(
                f"aggregation.{error.field}", _chosen(aggregation, error), str(error)
            ) from error
        return _page(request, series, metric)

    def metric(self, project: str, metric_type: str) -> Descriptor | None:
        """What there is to say of a metric of a project; None where there is none."""
        if metric_type in METRICS:
            return METRICS[metric_type]
        if metric_type in self._gauges:
            return self._gauges[metric_type].metrics[metric_type]
        own = self._counts.metric(project, metric_type)
        return None if own is None else counter(own)

    def series(
        self, project: str, wanted: Filter, how: Aggregation, start: int, end: int
    ) -> list[Series]:
        """The series of the metric that `wanted` fixes, aligned and reduced; times as integers.

        Args:
            project: Project id.
            wanted: A filter of Monitoring that fixes `metric.type`.
            how: The aggregation.
            start: Microseconds since the epoch; only points that end later count.
            end: Only points that end by then count; windows of the alignment end there.

        Raises:
            BadAggregation: Aligner or reducer do not fit the metric.
        """
        metric_type = wanted.equalities["metric.type"]
        return aggregated(self._sampled(project, metric_type, wanted, start, end), how, end)

    async def list_metric_descriptors(
        self, request: types.ListMetricDescriptorsRequest
    ) -> types.ListMetricDescriptorsResponse:
        """All metrics, or those whose `metric.type` passes the filter."""
        project = _project(request.name)
        wanted = parse(request.filter, "monitoring")
        known = (*METRICS, *self._gauges, *self._counts.types(project))
        names = [name for name in known if wanted.matches({"metric": {"type": name}})]
        shown, token = page(names, lambda name: (name,), request.page_size, request.page_token)
        found = (self.metric(project, name) for name in shown)
        return types.ListMetricDescriptorsResponse(
            metric_descriptors=[
                descriptor(project, metric, self._period) for metric in found if metric is not None
            ],
            next_page_token=token,
        )

    async def get_metric_descriptor(
        self, request: types.GetMetricDescriptorRequest
    ) -> metric_pb2.MetricDescriptor:
        """One metric."""
        _, _, name = request.name.partition("/metricDescriptors/")
        project = _project(request.name)
        metric = self.metric(project, name)
        if metric is None:
            raise not_found(request.name, "Metric descriptor")
        return descriptor(project, metric, self._period)

    async def list_resource_descriptors(
        self, request: types.ListMonitoredResourceDescriptorsRequest
    ) -> types.ListMonitoredResourceDescriptorsResponse:
        """The one monitored resource: a Cloud Run revision."""
        return types.ListMonitoredResourceDescriptorsResponse(
            resource_descriptors=[resource_descriptor(_project(request.name))]
        )

    async def get_resource_descriptor(
        self, request: types.GetMonitoredResourceDescriptorRequest
    ) -> monitored_resource_pb2.MonitoredResourceDescriptor:
        """The Cloud Run revision, if that is asked for."""
        if not request.name.endswith("/" + RESOURCE_TYPE):
            raise not_found(request.name, "Monitored resource descriptor")
        return resource_descriptor(_project(request.name))

    def _interval(
        self, request: types.ListTimeSeriesRequest, metric: Descriptor
    ) -> tuple[int, int]:
        interval = request.interval
        if not interval.end_time:
            raise bad_field("interval.endTime", "", "It must be set.")
        end = _microseconds(interval.end_time)
        start = _microseconds(interval.start_time) if interval.start_time else end
        if metric.kind == "GAUGE" and start <= end:
            return start - 1, end  # its interval may be one moment, and contains its start
        if start >= end:
            raise bad_field(
                "interval.startTime",
                (interval.start_time or interval.end_time).isoformat(),
                f"The start time must be before the end time ({interval.end_time.isoformat()}) "
                f"for the {'' if metric.kind == 'GAUGE' else 'non-gauge '}metric '{metric.type}'.",
            )
        return start, end

    def _aggregation(self, aggregation: types.Aggregation, metric: Descriptor) -> Aggregation:
        aligner = types.Aggregation.Aligner(aggregation.per_series_aligner).name
        reducer = types.Aggregation.Reducer(aggregation.cross_series_reducer).name
        period = (aggregation.alignment_period or timedelta()) // MICROSECOND
        if aligner == "ALIGN_NONE" and reducer != "REDUCE_NONE":
            raise bad_field(
                "aggregation.crossSeriesReducer",
                reducer,
                "A per-series aligner other than ALIGN_NONE is required.",
            )
        if aligner != "ALIGN_NONE" and period < self._period:
            raise bad_field(
                "aggregation.alignmentPeriod",
                f"{period / 1_000_000:g}s",
                f"The alignment period must be at least {self._period / 1_000_000:g} seconds.",
            )
        group_by = tuple(group_field(field, metric) for field in aggregation.group_by_fields)
        return Aggregation(period, aligner, reducer, group_by)

    def _sampled(
        self, project: str, metric_type: str, wanted: Filter, start: int, end: int
    ) -> list[Series]:
        """Raw series whose points end after `start`, by `end`, and in a whole period."""
        first = start // self._period * self._period
        last = min(end, int(self._now() * 1_000_000)) // self._period * self._period
        if metric_type in METRICS:
            records = self._traffic.window(first / 1_000_000, last / 1_000_000)
            own = (record for record in records if record.project == project)
            counted = metric_type == COUNT
            sampled: timeseries.Metric = "request_count" if counted else "request_latencies"
            found = timeseries.sample(own, sampled, self._period)
        elif metric_type in self._gauges:
            found = self._gauges[metric_type].series(project, metric_type, first, last)
        else:
            found = self._counts.series(project, metric_type, first, last)
        return [
            series
            for series in found
            if wanted.matches(
                {
                    "project": project,
                    "metric": {"type": metric_type, "labels": series.metric},
                    "resource": {"type": series.resource_type, "labels": series.resource},
                }
            )
        ]


def _page(
    request: types.ListTimeSeriesRequest, found: list[Series], metric: Descriptor
) -> types.ListTimeSeriesResponse:
    """A page is counted in points; a series may go on in the next one. Headers count as one."""
    headers = request.view == types.ListTimeSeriesRequest.TimeSeriesView.HEADERS
    items = [
        (number, position, at)
        for number, series in enumerate(found)
        for position, at in enumerate([0] if headers else sorted(series.points, reverse=True))
    ]
    shown, token = page(
        items,
        lambda item: item[:2],
        request.page_size,
        request.page_token,
        default=MOST_POINTS,
        maximum=MOST_POINTS,
    )
    response = types.ListTimeSeriesResponse(next_page_token=token)
    pages: dict[int, list[int]] = {}
    for number, _, at in shown:
        pages.setdefault(number, []).append(at)
    for number, ends in pages.items():
        added = cast(Any, raw(response)).time_series.add()
        fill(added, found[number], [] if headers else ends, metric)
    return response


def _chosen(how: Aggregation, error: timeseries.BadAggregation) -> str:
    return how.aligner if error.field == "perSeriesAligner" else how.reducer


def _project(name: str) -> str:
    parts = name.split("/")
    if len(parts) < 2 or parts[0] != "projects" or not parts[1]:
        raise bad_field("name", name, "It must begin with projects/PROJECT.")
    return parts[1]


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND
