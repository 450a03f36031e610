"""Cloud Monitoring's MetricService, answered from the requests that passed the front door."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.api import metric_pb2, monitored_resource_pb2
from google.cloud.monitoring_v3 import types

from leitstand.sandbox import timeseries
from leitstand.sandbox.errors import ApiError, invalid, not_found
from leitstand.sandbox.filters import Filter, parse
from leitstand.sandbox.monitoring_messages import (
    METRIC_LABELS,
    METRICS,
    RESOURCE_LABELS,
    RESOURCE_TYPE,
    fill,
    metric_descriptor,
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


@dataclass(frozen=True)
class _Aggregation:
    period: int
    aligner: str
    reducer: str
    group_by: tuple[tuple[str, str], ...]


class Monitoring:
    """ListTimeSeries and descriptors for the two request metrics of Cloud Run.

    Args:
        traffic: Where the requests are.
        sample_period: Seconds between two points of a series (Google: 60); what happened since the
            last whole period is not visible yet.
        now: Gives seconds since the epoch.
    """

    def __init__(
        self,
        traffic: TrafficLog,
        sample_period: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._traffic = traffic
        self._period = round(sample_period * 1_000_000)
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
            raise _bad("filter", request.filter, "The filter must specify one metric type.")
        if metric_type not in METRICS:
            raise not_found(metric_type, "Metric type")
        if request.order_by:
            raise _bad("orderBy", request.order_by, "It must be left blank.")
        if raw(request).HasField("secondary_aggregation"):
            raise invalid("The sandbox has no secondary aggregation.", "secondary_aggregation")
        start, end = self._interval(request, metric_type)
        aggregation = self._aggregation(request.aggregation)
        found = self._sampled(project, metric_type, wanted, start, end)
        try:
            series = _aggregated(found, aggregation, end)
        except timeseries.BadAggregation as error:
            raise _bad(
                f"aggregation.{error.field}", _chosen(aggregation, error), str(error)
            ) from error
        return _page(request, series, metric_type)

    async def list_metric_descriptors(
        self, request: types.ListMetricDescriptorsRequest
    ) -> types.ListMetricDescriptorsResponse:
        """Both metrics, or those whose `metric.type` passes the filter."""
        project = _project(request.name)
        wanted = parse(request.filter, "monitoring")
        names = [name for name in METRICS if wanted.matches({"metric": {"type": name}})]
        shown, token = page(names, lambda name: (name,), request.page_size, request.page_token)
        return types.ListMetricDescriptorsResponse(
            metric_descriptors=[metric_descriptor(project, name, self._period) for name in shown],
            next_page_token=token,
        )

    async def get_metric_descriptor(
        self, request: types.GetMetricDescriptorRequest
    ) -> metric_pb2.MetricDescriptor:
        """One metric."""
        _, _, name = request.name.partition("/metricDescriptors/")
        if name not in METRICS:
            raise not_found(request.name, "Metric descriptor")
        return metric_descriptor(_project(request.name), name, self._period)

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

    def _interval(self, request: types.ListTimeSeriesRequest, metric_type: str) -> tuple[int, int]:
        interval = request.interval
        if not interval.end_time:
            raise _bad("interval.endTime", "", "It must be set.")
        end = _microseconds(interval.end_time)
        start = _microseconds(interval.start_time) if interval.start_time else end
        if start >= end:
            raise _bad(
                "interval.startTime",
                (interval.start_time or interval.end_time).isoformat(),
                f"The start time must be before the end time ({interval.end_time.isoformat()}) "
                f"for the non-gauge metric '{metric_type}'.",
            )
        return start, end

    def _aggregation(self, aggregation: types.Aggregation) -> _Aggregation:
        aligner = types.Aggregation.Aligner(aggregation.per_series_aligner).name
        reducer = types.Aggregation.Reducer(aggregation.cross_series_reducer).name
        period = (aggregation.alignment_period or timedelta()) // MICROSECOND
        if aligner == "ALIGN_NONE" and reducer != "REDUCE_NONE":
            raise _bad(
                "aggregation.crossSeriesReducer",
                reducer,
                "A per-series aligner other than ALIGN_NONE is required.",
            )
        if aligner != "ALIGN_NONE" and period < self._period:
            raise _bad(
                "aggregation.alignmentPeriod",
                f"{period / 1_000_000:g}s",
                f"The alignment period must be at least {self._period / 1_000_000:g} seconds.",
            )
        group_by = tuple(_group_field(field) for field in aggregation.group_by_fields)
        return _Aggregation(period, aligner, reducer, group_by)

    def _sampled(
        self, project: str, metric_type: str, wanted: Filter, start: int, end: int
    ) -> list[Series]:
        """Raw series whose points end after `start`, by `end`, and in a whole period."""
        first = start // self._period * self._period
        last = min(end, int(self._now() * 1_000_000)) // self._period * self._period
        records = self._traffic.window(first / 1_000_000, last / 1_000_000)
        own = (record for record in records if record.project == project)
        return [
            series
            for series in timeseries.sample(own, METRICS[metric_type], self._period)
            if wanted.matches(
                {
                    "project": project,
                    "metric": {"type": metric_type, "labels": series.metric},
                    "resource": {"type": RESOURCE_TYPE, "labels": series.resource},
                }
            )
        ]


def _aggregated(found: list[Series], how: _Aggregation, end: int) -> list[Series]:
    if how.aligner == "ALIGN_NONE":
        return found
    aligned = [timeseries.align(series, how.aligner, how.period, end) for series in found]
    if how.reducer == "REDUCE_NONE":
        return aligned
    groups: dict[tuple[str, ...], list[Series]] = {}
    for series in aligned:
        values = {"metric": series.metric, "resource": series.resource}
        key = tuple(values[part].get(label, "") for part, label in how.group_by)
        groups.setdefault(key, []).append(series)
    return [_reduced(group, how) for _, group in sorted(groups.items())]


def _reduced(group: list[Series], how: _Aggregation) -> Series:
    kept = {part: [label for at, label in how.group_by if at == part] for part, _ in how.group_by}
    metric = {label: group[0].metric[label] for label in kept.get("metric", [])}
    # Google keeps the project whatever is grouped by.
    labels = {"project_id", *kept.get("resource", [])}
    resource = {label: value for label, value in group[0].resource.items() if label in labels}
    return timeseries.reduce(group, how.reducer, metric, resource)


def _page(
    request: types.ListTimeSeriesRequest, found: list[Series], metric_type: str
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
        fill(added, found[number], [] if headers else ends, metric_type)
    return response


def _group_field(field: str) -> tuple[str, str]:
    part, _, label = field.replace(".label.", ".labels.").partition(".labels.")
    known = {"metric": METRIC_LABELS, "resource": RESOURCE_LABELS}.get(part, ())
    if label not in known:
        raise _bad("aggregation.groupByFields", field, "There is no such label.")
    return part, label


def _chosen(how: _Aggregation, error: timeseries.BadAggregation) -> str:
    return how.aligner if error.field == "perSeriesAligner" else how.reducer


def _bad(field: str, value: str, reason: str) -> ApiError:
    return invalid(f'Field {field} had an invalid value of "{value}": {reason}', field)


def _project(name: str) -> str:
    parts = name.split("/")
    if len(parts) < 2 or parts[0] != "projects" or not parts[1]:
        raise _bad("name", name, "It must begin with projects/PROJECT.")
    return parts[1]


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND
