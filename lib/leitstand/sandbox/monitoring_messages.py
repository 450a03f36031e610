"""The messages of Cloud Monitoring: descriptors, time series, distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from google.api import distribution_pb2, label_pb2, metric_pb2, monitored_resource_pb2

from leitstand.sandbox import timeseries
from leitstand.sandbox.timeseries import METRIC_LABELS, RESOURCE_LABELS, Metric, Series

__all__ = [
    "METRICS",
    "RESOURCE_TYPE",
    "counter_descriptor",
    "fill",
    "metric_descriptor",
    "resource_descriptor",
]

RESOURCE_TYPE = "cloud_run_revision"
METRICS: dict[str, Metric] = {
    "run.googleapis.com/request_count": "request_count",
    "run.googleapis.com/request_latencies": "request_latencies",
}


def metric_descriptor(project: str, name: str, period: int) -> metric_pb2.MetricDescriptor:
    """The descriptor of one metric; `period` is the sample period in microseconds."""
    latencies = METRICS[name] == "request_latencies"
    kinds = metric_pb2.MetricDescriptor
    return metric_pb2.MetricDescriptor(
        name=f"projects/{project}/metricDescriptors/{name}",
        type=name,
        labels=[label_pb2.LabelDescriptor(key=label) for label in METRIC_LABELS],
        metric_kind=kinds.DELTA,
        value_type=kinds.DISTRIBUTION if latencies else kinds.INT64,
        unit="ms" if latencies else "1",
        display_name="Request Latency" if latencies else "Request Count",
        metadata=metric_pb2.MetricDescriptor.MetricDescriptorMetadata(
            sample_period=timedelta(microseconds=period)
        ),
        monitored_resource_types=[RESOURCE_TYPE],
    )


def counter_descriptor(
    project: str, metric: Mapping[str, Any], period: int
) -> metric_pb2.MetricDescriptor:
    """The descriptor of a log-based counter; `metric` is a LogMetric of the Logging API."""
    own = metric["metricDescriptor"]
    kinds = metric_pb2.MetricDescriptor
    labels = [
        label_pb2.LabelDescriptor(key=label["key"], description=label.get("description", ""))
        for label in own.get("labels", ())
    ]
    return metric_pb2.MetricDescriptor(
        name=f"projects/{project}/metricDescriptors/{own['type']}",
        type=own["type"],
        labels=[label_pb2.LabelDescriptor(key="log"), *labels],
        metric_kind=kinds.DELTA,
        value_type=kinds.INT64,
        unit=own["unit"],
        description=metric.get("description", ""),
        display_name=own.get("displayName", own["type"]),
        metadata=metric_pb2.MetricDescriptor.MetricDescriptorMetadata(
            sample_period=timedelta(microseconds=period)
        ),
    )


def fill(message: Any, series: Series, ends: Iterable[int], metric_type: str) -> None:
    """Write the series, with the points that end at `ends`, into a TimeSeries message."""
    message.metric.type = metric_type
    message.metric.labels.update(series.metric)
    message.resource.type = series.resource_type
    message.resource.labels.update(series.resource)
    message.metric_kind = metric_pb2.MetricDescriptor.MetricKind.Value(series.kind)
    message.value_type = metric_pb2.MetricDescriptor.ValueType.Value(series.value_type)
    message.unit = "ms" if METRICS.get(metric_type) == "request_latencies" else "1"
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
