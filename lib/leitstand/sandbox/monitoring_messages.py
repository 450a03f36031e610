"""The messages of Cloud Monitoring: descriptors, time series, distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from google.api import distribution_pb2, label_pb2, metric_pb2, monitored_resource_pb2

from leitstand.sandbox import timeseries
from leitstand.sandbox.timeseries import METRIC_LABELS, RESOURCE_LABELS, Kind, Series, ValueType

__all__ = [
    "COUNT",
    "METRICS",
    "RESOURCE_TYPE",
    "Descriptor",
    "counter",
    "descriptor",
    "fill",
    "resource_descriptor",
]

RESOURCE_TYPE = "cloud_run_revision"
COUNT = "run.googleapis.com/request_count"
LATENCIES = "run.googleapis.com/request_latencies"


@dataclass(frozen=True)
class Descriptor:
    """What there is to say of a metric.

    Attributes:
        type: Such as `run.googleapis.com/request_count`.
        display_name: For people.
        unit: Of its values (UCUM).
        kind: `DELTA` or `GAUGE`.
        value_type: `INT64`, `DOUBLE` or `DISTRIBUTION`.
        labels: Of the metric.
        resource_type: Of the monitored resource; "" where it may be any.
        resource_labels: Of that resource; None where it may be any.
        description: For people.
        label_descriptions: For people, by label; others have none.
    """

    type: str
    display_name: str
    unit: str
    kind: Kind
    value_type: ValueType
    labels: tuple[str, ...] = ()
    resource_type: str = ""
    resource_labels: tuple[str, ...] | None = None
    description: str = ""
    label_descriptions: Mapping[str, str] = field(default_factory=dict)


_of_requests = partial(
    Descriptor,
    kind="DELTA",
    labels=METRIC_LABELS,
    resource_type=RESOURCE_TYPE,
    resource_labels=RESOURCE_LABELS,
)
METRICS: Mapping[str, Descriptor] = {
    COUNT: _of_requests(COUNT, "Request Count", "1", value_type="INT64"),
    LATENCIES: _of_requests(LATENCIES, "Request Latency", "ms", value_type="DISTRIBUTION"),
}


def counter(metric: Mapping[str, Any]) -> Descriptor:
    """What there is to say of a log-based counter; `metric` is a LogMetric of the Logging API."""
    own = metric["metricDescriptor"]
    described = {label["key"]: label.get("description", "") for label in own.get("labels", ())}
    return Descriptor(
        own["type"],
        own.get("displayName", own["type"]),
        own["unit"],
        kind="DELTA",
        value_type="INT64",
        labels=("log", *described),
        description=metric.get("description", ""),
        label_descriptions=described,
    )


def descriptor(project: str, metric: Descriptor, period: int) -> metric_pb2.MetricDescriptor:
    """The message that describes a metric; `period` is the sample period in microseconds."""
    kinds = metric_pb2.MetricDescriptor
    labels = [
        label_pb2.LabelDescriptor(key=label, description=metric.label_descriptions.get(label, ""))
        for label in metric.labels
    ]
    return kinds(
        name=f"projects/{project}/metricDescriptors/{metric.type}",
        type=metric.type,
        labels=labels,
        metric_kind=kinds.MetricKind.Value(metric.kind),
        value_type=kinds.ValueType.Value(metric.value_type),
        unit=metric.unit,
        description=metric.description,
        display_name=metric.display_name,
        metadata=kinds.MetricDescriptorMetadata(sample_period=timedelta(microseconds=period)),
        monitored_resource_types=[metric.resource_type] if metric.resource_type else [],
    )


def fill(message: Any, series: Series, ends: Iterable[int], metric: Descriptor) -> None:
    """Write a series of it, with the points that end at `ends`, into a TimeSeries message."""
    message.metric.type = metric.type
    message.metric.labels.update(series.metric)
    message.resource.type = series.resource_type
    message.resource.labels.update(series.resource)
    message.metric_kind = metric_pb2.MetricDescriptor.MetricKind.Value(series.kind)
    message.value_type = metric_pb2.MetricDescriptor.ValueType.Value(series.value_type)
    message.unit = metric.unit
    for end in ends:
        point = message.points.add()
        start = end - series.width if series.kind == "DELTA" else end
        point.interval.start_time.FromMicroseconds(start)
        point.interval.end_time.FromMicroseconds(end)
        value = series.points[end]
        if isinstance(value, list):
            point.value.distribution_value.CopyFrom(_distribution(value))
        elif series.value_type == "INT64":
            point.value.int64_value = int(value)
        else:
            point.value.double_value = value


def _distribution(values: list[float]) -> distribution_pb2.Distribution:
    counts = timeseries.bucket_counts(values)
    while counts and counts[-1] == 0:
        counts.pop()
    mean = sum(values) / len(values)
    buckets = distribution_pb2.Distribution.BucketOptions.Exponential(
        num_finite_buckets=timeseries.BUCKETS,
        growth_factor=timeseries.GROWTH,
        scale=timeseries.SCALE,
    )
    return distribution_pb2.Distribution(
        count=len(values),
        mean=mean,
        sum_of_squared_deviation=sum((value - mean) ** 2 for value in values),
        bucket_options=distribution_pb2.Distribution.BucketOptions(exponential_buckets=buckets),
        bucket_counts=counts,
    )


def resource_descriptor(project: str) -> monitored_resource_pb2.MonitoredResourceDescriptor:
    """The descriptor of the one monitored resource."""
    return monitored_resource_pb2.MonitoredResourceDescriptor(
        name=f"projects/{project}/monitoredResourceDescriptors/{RESOURCE_TYPE}",
        type=RESOURCE_TYPE,
        display_name="Cloud Run Revision",
        labels=[label_pb2.LabelDescriptor(key=label) for label in RESOURCE_LABELS],
    )
