"""The filter languages of Logging and Monitoring."""

from datetime import UTC, datetime, timedelta

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.filters import parse

ENTRY = {
    "logName": "projects/p/logs/run.googleapis.com%2Frequests",
    "resource": {
        "type": "cloud_run_revision",
        "labels": {"service_name": "web", "revision_name": "web-00002-abc"},
    },
    "severity": "ERROR",
    "timestamp": datetime(2026, 11, 24, 7, 30, tzinfo=UTC),
    "textPayload": "Database is away",
    "labels": {"instanceId": "i-1", "k8s/app": "x"},
    "httpRequest": {"status": 503, "latency": timedelta(milliseconds=120), "requestUrl": "/a"},
}
SERIES = {
    "project": "p",
    "metric": {
        "type": "run.googleapis.com/request_count",
        "labels": {"response_code": "503", "response_code_class": "5xx"},
    },
    "resource": {"type": "cloud_run_revision", "labels": {"revision_name": "web-00002-abc"}},
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ('resource.type="cloud_run_revision"', True),
        ("resource.type=cloud_run_revision", True),
        ('resource.labels.service_name="WEB"', True),
        ('resource.labels.service_name!="web"', False),
        ("severity=ERROR", True),
        ("severity>=WARNING", True),
        ("severity>ERROR", False),
        ("severity<=ERROR AND severity>=ERROR", True),
        ("httpRequest.status>=500", True),
        ("http_request.status=503", True),
        ("httpRequest.status=abc", False),
        ('httpRequest.latency>"0.1s"', True),
        ('timestamp>="2026-11-24T07:30:00Z"', True),
        ('timestamp>="2026-11-24T08:30:00+01:00" AND timestamp<"2026-11-24T07:30:01Z"', True),
        ('timestamp>"2026-11-24T07:30:00Z"', False),
        ('timestamp<"2026-11-24"', False),
        ("textPayload:database", True),
        ('textPayload=~"^Data.*away$"', True),
        ('textPayload=~"^data"', False),
        ('textPayload!~"^data"', True),
        ("jsonPayload.x=1", False),
        ("jsonPayload.x!=1", False),
        ("NOT jsonPayload.x=1", True),
        ("labels.instanceId:*", True),
        ("labels:instanceId", True),
        ('labels."k8s/app"="x"', True),
        ('"is away"', True),
        ("away nowhere", False),
        ("-nowhere", True),
        ('log_id("run.googleapis.com/requests")', True),
        ('log_id("run.googleapis.com/stderr")', False),
        ('resource.labels.service_name=("api" OR "web")', True),
        ('resource.labels.service_name=("api" OR "worker")', False),
        ('resource.labels.service_name=(NOT "api")', True),
        ("severity=INFO OR severity=ERROR", True),
        ("severity=INFO OR httpRequest.status=503 AND severity=INFO", False),
        ("(severity=ERROR OR severity=INFO) -- who knows\nAND NOT (textPayload:x)", True),
        ("severity = ERROR\nresource.type = cloud_run_revision", True),
        ("severity=ERROR severity=INFO", False),
    ],
)
def test_logging(text, passes):
    assert passes == parse(text, "logging").matches(ENTRY)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ('metric.type="run.googleapis.com/request_count"', True),
        ('metric.type = starts_with("run.googleapis.com/")', True),
        ('metric.type != starts_with("run.googleapis.com/")', False),
        ('metric.type = ends_with("_count")', True),
        ('metric.type = has_substring("latenc")', False),
        ('metric.labels.response_code_class="5xx"', True),
        ('metric.label.response_code_class="2xx"', False),
        ('metric.label."response_code"="503"', True),
        ('metric.label.response_code=one_of("500", "503")', True),
        ('metric.label.response_code!=one_of("500", "503")', False),
        ('metric.label.response_code=monitoring.regex.full_match("5.3")', True),
        ('metric.label.response_code=monitoring.regex.full_match("5")', False),
        ('resource.labels.revision_name="WEB-00002-abc"', False),
        ('resource.labels.revision_name:"00002"', True),
        ('metric.labels.response_code>="500"', True),
        ('project="p" AND NOT metric.labels.response_code="200"', True),
    ],
)
def test_monitoring(text, passes):
    assert passes == parse(text, "monitoring").matches(SERIES)


@pytest.mark.parametrize(
    ("language", "text", "place"),
    [
        ("logging", "severity=", "line 1, column 10, token 'end of filter'"),
        ("logging", "severity=ERROR AND", "column 19"),
        ("logging", "severity=ERROR\nOR OR x", "line 2, column 4, token 'OR'"),
        ("logging", "(severity=ERROR", "token 'end of filter'"),
        ("logging", "severity=ERROR)", "column 15, token ')'"),
        ("logging", 'textPayload="open', "column 13"),
        ("logging", 'textPayload=~"("', "regular expression is wrong"),
        ("logging", "sevrity=ERROR", "no such field at line 1, column 1, token 'sevrity'"),
        ("logging", 'timestamp>="yesterday"', "token 'yesterday'"),
        ("logging", 'sample(insertId, "0.1")', "not supported"),
        ("logging", "x=" + "(" * 60, "no such field"),
        ("logging", "(" * 60, "nested too deeply"),
        ("monitoring", '"text"', "operator is expected"),
        ("monitoring", 'metric.type=starts_with("a", "b")', "1 argument"),
        ("monitoring", "metric.type=starts_with(a)", "quoted string"),
        ("monitoring", 'metric.type=unheard("a")', "not supported"),
        ("monitoring", 'metric.type=~"a"', "full_match"),
        ("monitoring", 'group.id="1"', "no such field"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(language, text, place):
    with pytest.raises(ApiError) as refused:
        parse(text, language)
    assert refused.value.code.name == "INVALID_ARGUMENT"
    assert place in refused.value.message


def test_what_a_filter_fixes_is_known_beforehand():
    found = parse('resource.type="a" AND timestamp>="2026-11-24" timestamp<"2026-11-25"', "logging")
    assert {"resource.type": "a"}.items() <= found.equalities.items()
    assert (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)) == (
        found.earliest,
        found.latest,
    )


def test_an_alternative_or_a_negation_fixes_nothing():
    for text in ('resource.type="a" OR severity=INFO', 'NOT timestamp>="2026-11-24"'):
        found = parse(text, "logging")
        assert (found.equalities, found.earliest) == ({}, None)
