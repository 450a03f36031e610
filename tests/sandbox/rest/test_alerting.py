"""Log-based metrics that count, alert policies on them, and the alerts that follow."""

from datetime import UTC, datetime, timedelta

import pytest

from leitstand.sandbox.disk_gauges import Disk
from leitstand.sandbox.instance_gauges import Running
from leitstand.sandbox.log_counts import TABLE, LogCounts
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.rest.alert_policies import AlertPolicies, Alerts
from leitstand.sandbox.rest.log_metrics import Metrics
from leitstand.sandbox.rest.notification_channels import NotificationChannels
from leitstand.sandbox.traffic_log import TrafficLog
from tests.sandbox.rest.parked import PROJECT, parked, refusal

METRICS = f"logging/v2/projects/{PROJECT}/metrics"
POLICIES = f"monitoring/v3/projects/{PROJECT}/alertPolicies"
ALERTS = f"monitoring/v3/projects/{PROJECT}/alerts"
CHANNELS = f"monitoring/v3/projects/{PROJECT}/notificationChannels"
TYPE = "logging.googleapis.com/user/failed"
FILTER = f'metric.type="{TYPE}" AND resource.type="cloud_run_job"'
METRIC = {
    "name": "failed",
    "filter": 'jsonPayload.run.verdict=("finding" OR "failure")',
    "metricDescriptor": {"labels": [{"key": "schedule"}]},
    "labelExtractors": {"schedule": "EXTRACT(jsonPayload.run.schedule)"},
}
AGGREGATION = {
    "alignmentPeriod": "600s",
    "perSeriesAligner": "ALIGN_DELTA",
    "crossSeriesReducer": "REDUCE_SUM",
    "groupByFields": ["metric.label.schedule"],
}
THRESHOLD = {
    "filter": FILTER,
    "aggregations": [AGGREGATION],
    "comparison": "COMPARISON_GT",
    "duration": "0s",
}
ABSENT = {"filter": FILTER, "aggregations": [AGGREGATION], "duration": "84600s"}
LATE = {
    **THRESHOLD,
    "aggregations": [{**AGGREGATION, "alignmentPeriod": "90000s"}],
    "comparison": "COMPARISON_LT",
    "thresholdValue": 1,
    "duration": "60s",
    "evaluationMissingData": "EVALUATION_MISSING_DATA_ACTIVE",
}


class Clock:
    """Seconds since the epoch that a test moves ahead."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return datetime.now(UTC).timestamp() + self.ahead


@pytest.fixture
def clock(monkeypatch):
    one = Clock()
    monkeypatch.setattr("leitstand.sandbox.rest.alert_policies.now", one)
    return one


@pytest.fixture
def park(tmp_path, clock):
    with parked(tmp_path, Metrics, AlertPolicies, Alerts, NotificationChannels) as one:
        counts = LogCounts(one.park.table("logging", "projects.metrics"), now=clock)
        one.logs.listen(counts)
        one.park.monitoring = Monitoring(
            TrafficLog(),
            now=clock,
            counts=counts,
            disks=lambda: [Disk(PROJECT, "europe-west3", "main", 9, 10)],
            running=lambda: [Running(PROJECT, "europe-west3", "web", "web-1", 1, 2)],
        )
        yield one


def run(park, verdict, schedule="deviations", ago=5.0):
    line = {"message": "Ende", "run": {"verdict": verdict, "schedule": schedule}}
    at = datetime.now(UTC) - timedelta(seconds=ago)
    labels = {"job_name": "job"}
    park.logs.write(PROJECT, "run.googleapis.com/stdout", "cloud_run_job", labels, "INFO", line, at)


def policy(*conditions, **fields):
    listed = [
        {"displayName": f"Bedingung {number}", **one} for number, one in enumerate(conditions)
    ]
    return {"displayName": "Alarm", "combiner": "OR", "conditions": listed, **fields}


def alerts(park):
    found = park.call("GET", ALERTS).get("alerts", [])
    return [(one["state"], one["metric"]["labels"].get("schedule")) for one in found]


def test_rest_and_counting_mean_the_same_table(park):
    park.call("POST", METRICS, METRIC)
    assert list(park.park.table("logging", "projects.metrics")) == list(
        park._store.json_table(TABLE)
    )


def test_a_metric_is_made_read_replaced_and_deleted(park):
    made = park.call("POST", METRICS, METRIC)
    assert made["metricDescriptor"]["type"] == TYPE
    assert made["metricDescriptor"]["metricKind"] == "DELTA"
    assert refusal(park.call, "POST", METRICS, METRIC)[0] == "ALREADY_EXISTS"
    changed = park.call("PUT", f"{METRICS}/failed", {**METRIC, "description": "neu"})
    assert (changed["description"], changed["createTime"]) == ("neu", made["createTime"])
    assert [one["name"] for one in park.call("GET", METRICS)["metrics"]] == ["failed"]
    park.call("DELETE", f"{METRICS}/failed")
    assert refusal(park.call, "GET", f"{METRICS}/failed")[0] == "NOT_FOUND"


def test_replacing_a_metric_that_is_not_there_makes_it(park):
    park.call("PUT", f"{METRICS}/failed", METRIC)
    assert park.call("GET", f"{METRICS}/failed")["filter"] == METRIC["filter"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"filter": ""},
        {"filter": "severity>>ERROR"},
        {"labelExtractors": {}},
        {"labelExtractors": {"schedule": "jsonPayload.run"}},
        {"labelExtractors": {"schedule": "EXTRACT(payload.run)"}},
        {"labelExtractors": {"schedule": 'REGEXP_EXTRACT(textPayload, "x")'}},
        {"valueExtractor": "EXTRACT(jsonPayload.ms)"},
        {"metricDescriptor": {"metricKind": "GAUGE", "labels": [{"key": "schedule"}]}},
    ],
    ids=str,
)
def test_metrics_that_google_refuses_are_refused(park, change):
    assert refusal(park.call, "POST", METRICS, {**METRIC, **change})[0] == "INVALID_ARGUMENT"


def test_an_alert_opens_for_each_series_beyond_its_threshold_and_closes_again(park, clock):
    run(park, "failure", "vor der Metrik")
    park.call("POST", METRICS, METRIC)
    park.call("POST", POLICIES, policy({"conditionThreshold": THRESHOLD}))
    assert alerts(park) == []
    run(park, "success")
    run(park, "finding", "deviations")
    run(park, "failure", "restore_drill")
    run(park, "failure", "restore_drill")
    assert sorted(alerts(park)) == [("OPEN", "deviations"), ("OPEN", "restore_drill")]
    assert len(alerts(park)) == 2
    clock.ahead = 700
    assert {state for state, _ in alerts(park)} == {"CLOSED"}


def test_an_alert_names_its_policy_and_can_be_read_alone(park):
    park.call("POST", METRICS, METRIC)
    made = park.call("POST", POLICIES, policy({"conditionThreshold": THRESHOLD}, severity="ERROR"))
    run(park, "failure")
    (one,) = park.call("GET", f'{ALERTS}?filter=state="OPEN"')["alerts"]
    assert one["policy"]["name"] == made["name"]
    assert park.call("GET", f"monitoring/v3/{one['name']}")["state"] == "OPEN"
    park.call("PATCH", f"monitoring/v3/{made['name']}?updateMask=enabled", {"enabled": False})
    assert alerts(park) == [("CLOSED", "deviations")]


@pytest.mark.parametrize(
    ("condition", "hours"), [({"conditionAbsent": ABSENT}, 24), ({"conditionThreshold": LATE}, 26)]
)
def test_a_run_that_stops_reporting_raises_an_alert(park, clock, condition, hours):
    park.call("POST", METRICS, METRIC)
    park.call("POST", POLICIES, policy(condition))
    run(park, "finding")
    assert alerts(park) == []
    clock.ahead = (hours - 2) * 3600
    assert alerts(park) == []
    clock.ahead = hours * 3600
    assert alerts(park) == [("OPEN", "deviations")]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"conditionThreshold": {**THRESHOLD, "filter": f'metric.type="{TYPE}"'}}, "INVALID"),
        ({"conditionThreshold": {**THRESHOLD, "filter": FILTER.replace("failed", "x")}}, "NOT_F"),
        ({"conditionThreshold": {**THRESHOLD, "duration": "90s"}}, "INVALID"),
        ({"conditionThreshold": {**THRESHOLD, "comparison": "COMPARISON_EQ"}}, "INVALID"),
        ({"conditionThreshold": {**THRESHOLD, "aggregations": []}}, "INVALID"),
        ({"conditionThreshold": {**LATE, "duration": "0s"}}, "INVALID"),
        ({"conditionAbsent": {**ABSENT, "duration": "86400s"}}, "INVALID"),
        ({"conditionAbsent": {**ABSENT, "duration": "60s"}}, "INVALID"),
        ({"conditionMatchedLog": {"filter": "severity>=ERROR"}}, "INVALID"),
        ({"conditionThreshold": THRESHOLD, "conditionAbsent": ABSENT}, "INVALID"),
    ],
    ids=str,
)
def test_conditions_that_google_refuses_are_refused(park, condition, code):
    park.call("POST", METRICS, METRIC)
    assert refusal(park.call, "POST", POLICIES, policy(condition))[0].startswith(code)


def gauge(metric, resource, aligner, threshold, *groups):
    """A condition on a gauge."""
    how = {"alignmentPeriod": "60s", "perSeriesAligner": aligner, "groupByFields": groups,
           "crossSeriesReducer": "REDUCE_SUM" if groups else "REDUCE_NONE"}  # fmt: skip
    return {
        "conditionThreshold": {
            **THRESHOLD,
            "filter": f'metric.type="{metric}" AND resource.type="{resource}"',
            "aggregations": [how],
            "thresholdValue": threshold,
        }
    }


DISK = ("cloudsql.googleapis.com/database/disk/bytes_used", "cloudsql_database")
INSTANCES = ("run.googleapis.com/container/instance_count", "cloud_run_revision")


def test_an_alert_opens_on_a_gauge_by_its_own_labels(park):
    database, state = "resource.label.database_id", "metric.label.state"
    conditions = (gauge(*DISK, "ALIGN_MEAN", 8, database), gauge(*DISK, "ALIGN_MAX", 9),
                  gauge(*INSTANCES, "ALIGN_MIN", 1, state))  # fmt: skip
    park.call("POST", POLICIES, policy(*conditions))
    found = park.call("GET", ALERTS)["alerts"]
    assert [(DISK[0], f"{PROJECT}:main", None), (INSTANCES[0], None, "idle")] == sorted(
        (one["metric"]["type"], one["resource"]["labels"].get("database_id"),
         one["metric"]["labels"].get("state")) for one in found
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "aligner", "groups", "words"),
    [
        (DISK, "ALIGN_DELTA", (), "cannot be applied"),
        (INSTANCES, "ALIGN_RATE", (), "cannot be applied"),
        (INSTANCES, "ALIGN_PERCENTILE_95", (), "cannot be applied"),
        (INSTANCES, "ALIGN_MAX", ("metric.label.response_code",), "no such label"),
        (DISK, "ALIGN_MAX", ("resource.label.service_name",), "no such label"),
    ],
)
def test_what_is_for_counters_is_refused_for_gauges(park, metric, aligner, groups, words):
    condition = gauge(*metric, aligner, 1, *groups)
    code, message = refusal(park.call, "POST", POLICIES, policy(condition))
    assert ("INVALID_ARGUMENT", True) == (code, words in message)


def test_a_combiner_that_the_sandbox_does_not_have_is_not_taken_for_another(park):
    park.call("POST", METRICS, METRIC)
    body = policy({"conditionThreshold": THRESHOLD}, combiner="AND_WITH_MATCHING_RESOURCE")
    assert "UNIMPLEMENTED" == refusal(park.call, "POST", POLICIES, body)[0]


def test_an_alignment_of_more_than_25_hours_or_an_unknown_label_is_refused(park):
    park.call("POST", METRICS, METRIC)
    for change in ({"alignmentPeriod": "90060s"}, {"groupByFields": ["metric.label.x"]},
                   {"perSeriesAligner": "ALIGN_PERCENTILE_99"}):  # fmt: skip
        stated = {**THRESHOLD, "aggregations": [{**AGGREGATION, **change}]}
        refused = refusal(park.call, "POST", POLICIES, policy({"conditionThreshold": stated}))
        assert refused[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "change",
    [
        {"displayName": ""},
        {"combiner": "COMBINE_UNSPECIFIED"},
        {"conditions": []},
        {"userLabels": {"Team": "a"}},
        {"notificationChannels": [f"projects/{PROJECT}/notificationChannels/1"]},
        {"documentation": {"content": "x" * 8193}},
        {"name": "projects/p/alertPolicies/1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_policies_that_google_refuses_are_refused(park, change):
    park.call("POST", METRICS, METRIC)
    body = policy({"conditionThreshold": THRESHOLD}, **change)
    assert refusal(park.call, "POST", POLICIES, body)[0] == "INVALID_ARGUMENT"


def test_a_policy_names_channels_that_are_there_and_keeps_them(park):
    park.call("POST", METRICS, METRIC)
    channel = {"type": "email", "labels": {"email_address": "a@example.com"}}
    named = park.call("POST", CHANNELS, channel)["name"]
    body = policy({"conditionThreshold": THRESHOLD}, notificationChannels=[named])
    made = park.call("POST", POLICIES, body)
    assert made["conditions"][0]["name"].startswith(f"{made['name']}/conditions/")
    assert refusal(park.call, "DELETE", f"monitoring/v3/{named}")[0] == "FAILED_PRECONDITION"
    park.call("DELETE", f"monitoring/v3/{made['name']}")
    park.call("DELETE", f"monitoring/v3/{named}")
    assert refusal(park.call, "POST", CHANNELS, {"type": "email"})[0] == "INVALID_ARGUMENT"
