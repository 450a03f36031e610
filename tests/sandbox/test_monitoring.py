"""Cloud Monitoring through Google's client, over recorded requests."""

import pytest
from google.api import metric_pb2
from google.api_core import exceptions
from google.cloud import monitoring_v3

from leitstand.sandbox.disk_gauges import Disk
from leitstand.sandbox.instance_gauges import Running
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.traffic_log import RequestRecord, TrafficLog
from tests.sandbox.serving import PROJECT, serving

NAME = f"projects/{PROJECT}"
NOW = 1_800_000_000.0
COUNT = 'metric.type="run.googleapis.com/request_count"'
INSTANCES = 'metric.type="run.googleapis.com/container/instance_count"'
DISK = 'metric.type="cloudsql.googleapis.com/database/disk/bytes_used"'
LATENCIES = 'metric.type="run.googleapis.com/request_latencies"'
Aligner = monitoring_v3.Aggregation.Aligner
Reducer = monitoring_v3.Aggregation.Reducer


def record(at, status=200, latency_ms=20.0, revision="web-1", project=PROJECT, service="web"):
    return RequestRecord(
        NOW + at, project, "europe-west3", service, revision, status, latency_ms, "GET", "/", "", ""
    )


@pytest.fixture
def traffic():
    return TrafficLog()


@pytest.fixture
def client(traffic):
    with serving(lambda: (Monitoring(traffic, 1.0, now=lambda: NOW + 0.5),)) as server:
        yield server.client(monitoring_v3.MetricServiceClient)


def interval(start, end):
    return {"start_time": _time(start), "end_time": _time(end)}


def _time(at):
    return {"seconds": int(NOW + at // 1), "nanos": int(at % 1 * 1e9)}


def series(client, text=COUNT, start=-60.0, end=0.0, aggregation=None, **more):
    request = {
        "name": NAME,
        "filter": text,
        "interval": interval(start, end),
        "view": monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.FULL,
        **more,
    }
    if aggregation:
        request["aggregation"] = aggregation
    return list(client.list_time_series(request=request))


def kind(found):
    kinds = metric_pb2.MetricDescriptor
    return kinds.MetricKind.Name(found.metric_kind), kinds.ValueType.Name(found.value_type)


def window(seconds, aligner, reducer=Reducer.REDUCE_NONE, *fields):
    return {
        "alignment_period": {"seconds": seconds},
        "per_series_aligner": aligner,
        "cross_series_reducer": reducer,
        "group_by_fields": fields,
    }


def test_without_requests_there_is_no_series(client):
    assert series(client) == []


def test_a_raw_series_has_a_point_per_second_newest_first(client, traffic):
    for at in (-10.0, -9.9, -8.5):
        traffic.record(record(at))
    (found,) = series(client)
    assert dict(found.metric.labels) == {"response_code": "200", "response_code_class": "2xx"}
    assert found.resource.type == "cloud_run_revision"
    assert dict(found.resource.labels) == {
        "project_id": PROJECT,
        "location": "europe-west3",
        "service_name": "web",
        "revision_name": "web-1",
        "configuration_name": "web",
    }
    assert kind(found) == ("DELTA", "INT64")
    points = [(p.interval.end_time.timestamp() - NOW, p.value.int64_value) for p in found.points]
    assert points == [(-8.0, 1), (-9.0, 2)]
    assert _width(found.points[0]) == 1.0


def _width(point):
    return (point.interval.end_time - point.interval.start_time).total_seconds()


def test_the_second_under_way_is_not_visible_yet(client, traffic):
    traffic.record(record(-0.5))
    traffic.record(record(0.2))
    (found,) = series(client, end=5.0)
    assert [point.value.int64_value for point in found.points] == [1]


def test_every_revision_and_response_code_is_a_series_of_its_own(client, traffic):
    for revision, status in (("web-1", 200), ("web-1", 500), ("web-2", 200)):
        traffic.record(record(-5, status, revision=revision))
    traffic.record(record(-5, project="other"))
    assert len(series(client)) == 3
    only = COUNT + ' AND metric.labels.response_code_class="5xx"'
    assert [f.resource.labels["revision_name"] for f in series(client, only)] == ["web-1"]


def test_counts_add_up_per_revision_over_one_window(client, traffic):
    for index in range(40):
        traffic.record(record(-30 + index / 2, 500 if index % 10 == 0 else 200))
        traffic.record(record(-30 + index / 2, revision="web-2"))
    aggregation = window(
        60, Aligner.ALIGN_DELTA, Reducer.REDUCE_SUM, "resource.labels.revision_name"
    )
    found = series(client, aggregation=aggregation)
    assert [(f.resource.labels["revision_name"], f.points[0].value.int64_value) for f in found] == [
        ("web-1", 40),
        ("web-2", 40),
    ]
    assert {"project_id", "revision_name"} == set(found[0].resource.labels)
    fields = ("resource.label.revision_name", "metric.label.response_code_class")
    aggregation = window(60, Aligner.ALIGN_DELTA, Reducer.REDUCE_SUM, *fields)
    assert [
        (f.metric.labels["response_code_class"], f.points[0].value.int64_value)
        for f in series(client, aggregation=aggregation)
    ] == [("2xx", 36), ("5xx", 4), ("2xx", 40)]


def test_windows_are_counted_backwards_from_the_end(client, traffic):
    for at in (-25.5, -15.5, -14.5, -5.5):
        traffic.record(record(at))
    (found,) = series(client, start=-30, end=0, aggregation=window(10, Aligner.ALIGN_SUM))
    ends = [(p.interval.end_time.timestamp() - NOW, p.value.int64_value) for p in found.points]
    assert ends == [(0, 1), (-10, 2), (-20, 1)]


def test_a_rate_is_per_second(client, traffic):
    for index in range(30):
        traffic.record(record(-10 + index / 3))
    (found,) = series(client, start=-10, aggregation=window(10, Aligner.ALIGN_RATE))
    assert pytest.approx(3.0) == found.points[0].value.double_value
    assert kind(found) == ("GAUGE", "DOUBLE")


def test_latencies_are_distributions(client, traffic):
    for latency in (10.0, 20.0, 30.0):
        traffic.record(record(-5, latency_ms=latency))
    (found,) = series(client, LATENCIES)
    value = found.points[0].value.distribution_value
    assert (
        *kind(found),
        found.unit,
    ) == ("DELTA", "DISTRIBUTION", "ms")
    assert (
        value.count,
        pytest.approx(value.mean),
        pytest.approx(value.sum_of_squared_deviation),
        sum(value.bucket_counts),
    ) == (3, 20.0, 200.0, 3)


@pytest.mark.parametrize(
    ("aligner", "true_value"),
    [
        (Aligner.ALIGN_PERCENTILE_50, 100),
        (Aligner.ALIGN_PERCENTILE_95, 190),
        (Aligner.ALIGN_PERCENTILE_99, 198),
    ],
)
def test_percentiles_are_right_within_a_bucket(client, traffic, aligner, true_value):
    for latency in range(1, 201):
        traffic.record(record(-5, latency_ms=float(latency)))
    (found,) = series(client, LATENCIES, aggregation=window(60, aligner))
    assert pytest.approx(true_value, rel=0.1) == found.points[0].value.double_value


def test_percentiles_over_response_codes_come_from_the_joint_distribution(client, traffic):
    for index in range(100):
        slow = index >= 90
        traffic.record(record(-5, 500 if slow else 200, 400.0 if slow else 10.0))
    aggregation = window(
        60, Aligner.ALIGN_DELTA, Reducer.REDUCE_PERCENTILE_95, "resource.label.revision_name"
    )
    (found,) = series(client, LATENCIES, aggregation=aggregation)
    assert pytest.approx(400, rel=0.1) == found.points[0].value.double_value


def test_pages_are_counted_in_points(client, traffic):
    for at in range(-10, 0):
        traffic.record(record(at, revision=f"web-{at % 2}"))
    found = series(client, page_size=3)
    assert sum(len(part.points) for part in found) == 10
    assert all(len(part.points) <= 3 for part in found)


def test_headers_come_without_points(client, traffic):
    traffic.record(record(-5))
    view = monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.HEADERS
    (found,) = series(client, view=view)
    assert list(found.points) == []


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"start": 0.0, "end": 0.0}, exceptions.InvalidArgument, "start time must be before"),
        ({"start": 1.0, "end": 0.0}, exceptions.InvalidArgument, "start time must be before"),
        ({"interval": {}}, exceptions.InvalidArgument, "endTime"),
        ({"text": ""}, exceptions.InvalidArgument, "one metric type"),
        ({"text": 'metric.type="x"'}, exceptions.NotFound, "x"),
        ({"text": "metric.type="}, exceptions.InvalidArgument, "line 1"),
        ({"order_by": "x"}, exceptions.InvalidArgument, "left blank"),
        (
            {"aggregation": window(0, Aligner.ALIGN_SUM)},
            exceptions.InvalidArgument,
            "alignmentPeriod",
        ),
        (
            {"aggregation": window(60, Aligner.ALIGN_NONE, Reducer.REDUCE_SUM)},
            exceptions.InvalidArgument,
            "crossSeriesReducer",
        ),
        (
            {"aggregation": window(60, Aligner.ALIGN_PERCENTILE_95)},
            exceptions.InvalidArgument,
            "kind DELTA and value type INT64",
        ),
        (
            {"text": LATENCIES, "aggregation": window(60, Aligner.ALIGN_RATE)},
            exceptions.InvalidArgument,
            "value type DISTRIBUTION",
        ),
        (
            {"aggregation": window(60, Aligner.ALIGN_SUM, Reducer.REDUCE_SUM, "resource.label.x")},
            exceptions.InvalidArgument,
            "no such label",
        ),
    ],
)
def test_wrong_requests_are_refused(client, traffic, arguments, error, text):
    traffic.record(record(-5))
    with pytest.raises(error, match=text):
        series(client, **arguments)


def test_all_metrics_are_described(client):
    found = {each.type: each for each in client.list_metric_descriptors(name=NAME)}
    assert {
        "run.googleapis.com/request_count",
        "run.googleapis.com/request_latencies",
        "cloudsql.googleapis.com/database/disk/bytes_used",
        "cloudsql.googleapis.com/database/disk/quota",
        "run.googleapis.com/container/instance_count",
    } == set(found)
    assert found["cloudsql.googleapis.com/database/disk/quota"].unit == "By"
    one = found["run.googleapis.com/request_latencies"]
    assert one.unit == "ms"
    assert one == client.get_metric_descriptor(name=one.name)
    text = 'metric.type = ends_with("request_count")'
    request = {"name": NAME, "filter": text}
    assert len(list(client.list_metric_descriptors(request=request))) == 1


def test_the_window_asked_for_does_not_grow_with_all_traffic():
    traffic = TrafficLog(kept=1000)
    for index in range(5000):
        traffic.record(record(index))
    assert len(traffic.window(0, NOW * 2)) <= 1100
    assert traffic.counters()[0].requests == 5000


def test_the_number_of_instances_is_a_gauge_by_revision_and_state(traffic):
    running = [Running(PROJECT, "europe-west3", "worker", "worker-1", 1, 2)]
    monitoring = Monitoring(traffic, 1.0, now=lambda: NOW + 0.5, running=lambda: running)
    with serving(lambda: (monitoring,)) as server:
        found = series(server.client(monitoring_v3.MetricServiceClient), INSTANCES)
    assert [("active", 1), ("idle", 2)] == [
        (one.metric.labels["state"], one.points[0].value.int64_value) for one in found
    ]
    assert {("worker", "worker-1", ("GAUGE", "INT64"))} == {
        (one.resource.labels["service_name"], one.resource.labels["revision_name"], kind(one))
        for one in found
    }


@pytest.fixture
def gauges():
    """A client of a sandbox with instances and a disk."""
    running = [Running(PROJECT, "europe-west3", "web", name, 1, 2) for name in ("web-1", "web-2")]
    disks = [Disk(PROJECT, "europe-west3", "main", 7, 10)]
    made = Monitoring(
        TrafficLog(), 1.0, now=lambda: NOW + 0.5, running=lambda: running, disks=lambda: disks
    )
    with serving(lambda: (made,)) as server:
        yield server.client(monitoring_v3.MetricServiceClient)


@pytest.mark.parametrize(
    ("aligner", "value_type", "value"),
    [
        (Aligner.ALIGN_MEAN, "DOUBLE", 4.0),
        (Aligner.ALIGN_MAX, "INT64", 4),
        (Aligner.ALIGN_MIN, "INT64", 4),
        (Aligner.ALIGN_SUM, "INT64", 4),
    ],
)
def test_a_gauge_is_aligned_and_grouped_by_its_own_labels(gauges, aligner, value_type, value):
    how = window(60, aligner, Reducer.REDUCE_SUM, "metric.label.state")
    found = {one.metric.labels["state"]: one for one in series(gauges, INSTANCES, aggregation=how)}
    assert {"active", "idle"} == set(found)
    assert ("GAUGE", value_type) == kind(found["idle"])
    point = found["idle"].points[0].value
    assert value == (point.double_value if value_type == "DOUBLE" else point.int64_value)


def test_a_counter_has_a_mean_and_a_largest_value_too(client, traffic):
    for at in (-10.0, -9.9, -8.5):
        traffic.record(record(at))
    means = series(client, aggregation=window(60, Aligner.ALIGN_MEAN))
    largest = series(client, aggregation=window(60, Aligner.ALIGN_MAX))
    assert (1.5, 2) == (
        means[0].points[0].value.double_value, largest[0].points[0].value.int64_value,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (window(60, Aligner.ALIGN_DELTA), "kind GAUGE and value type INT64"),
        (window(60, Aligner.ALIGN_RATE), "kind GAUGE and value type INT64"),
        (
            window(60, Aligner.ALIGN_MEAN, Reducer.REDUCE_SUM, "metric.label.response_code"),
            "no such label",
        ),
    ],
)
def test_what_is_for_counters_is_refused_for_gauges(gauges, how, text):
    with pytest.raises(exceptions.InvalidArgument, match=text):
        series(gauges, INSTANCES, aggregation=how)


def test_a_gauge_can_be_asked_for_one_moment_and_has_its_unit(gauges):
    (found,) = series(gauges, DISK, start=0.0, end=0.0)
    assert (7, "By") == (found.points[0].value.int64_value, found.unit)
    assert f"{PROJECT}:main" == found.resource.labels["database_id"]
    assert PROJECT == found.resource.labels["project_id"]
    with pytest.raises(exceptions.InvalidArgument, match="before the end time"):
        series(gauges, DISK, start=1.0, end=0.0)
