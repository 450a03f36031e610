"""Cloud Logging through Google's client."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.types import LogEntry
from google.protobuf import struct_pb2

from leitstand.sandbox.logs import Logs
from leitstand.sandbox.traffic_log import RequestRecord, TrafficLog
from tests.sandbox.serving import PROJECT, serving

NAME = f"projects/{PROJECT}"
START = datetime(2026, 11, 24, 7, tzinfo=UTC)
LABELS = {"service_name": "web", "revision_name": "web-1"}


@pytest.fixture
def traffic():
    return TrafficLog()


@pytest.fixture
def logs(traffic):
    return Logs(traffic, kept=50)


@pytest.fixture
def client(logs):
    with serving(lambda: (logs,)) as server:
        yield server.client(LoggingServiceV2Client)


def write(logs, text, second=0, severity="INFO", log="run.googleapis.com/stdout"):
    at = START + timedelta(seconds=second)
    logs.write(PROJECT, log, "cloud_run_revision", LABELS, severity, text, at)


def request(traffic, second=0, status=200, tag=""):
    at = START.timestamp() + second
    traffic.record(
        RequestRecord(
            at, PROJECT, "europe-west3", "web", "web-1", status, 12.5, "GET", "/orders", tag, "i-1"
        )
    )


def entries(client, text="", order="", **more):
    return list(
        client.list_log_entries(
            request={"resource_names": [NAME], "filter": text, "order_by": order, **more}
        )
    )


def test_lines_of_processes_are_found_with_their_resource(client, logs):
    write(logs, "ready")
    (entry,) = entries(client)
    assert f"{NAME}/logs/run.googleapis.com%2Fstdout" == entry.log_name
    assert (entry.text_payload, entry.severity, entry.timestamp) == ("ready", 200, START)
    assert (entry.resource.type, dict(entry.resource.labels)) == ("cloud_run_revision", LABELS)


def test_a_json_payload_keeps_its_fields(client, logs):
    write(logs, {"message": "hi", "depth": {"x": 1}})
    (entry,) = entries(client, "jsonPayload.depth.x=1")
    assert entry.json_payload["message"] == "hi"


def test_requests_through_the_front_door_are_the_request_log(client, traffic):
    request(traffic, status=503, tag="candidate")
    (entry,) = entries(client, 'log_id("run.googleapis.com/requests") AND httpRequest.status>=500')
    assert (
        entry.http_request.request_method,
        entry.http_request.request_url,
        entry.http_request.status,
    ) == ("GET", "/orders", 503)
    assert entry.http_request.latency.nanos == 12_500_000
    assert (
        entry.severity,
        dict(entry.labels),
    ) == (500, {"instanceId": "i-1", "tag": "candidate"})


def test_entries_come_in_order_of_time_and_in_pages_both_ways(client, logs, traffic):
    for second in (3, 1, 2, 2):
        write(logs, f"line {second}", second)
        request(traffic, second + 0.5)
    times = [entry.timestamp for entry in entries(client, page_size=3)]
    assert sorted(times) == times
    assert len(times) == 8
    newest = [entry.timestamp for entry in entries(client, order="timestamp desc", page_size=3)]
    assert times[::-1] == newest


def test_pages_neither_repeat_nor_hide_entries_while_new_ones_arrive(client, logs):
    for second in range(6):
        write(logs, f"line {second}", second)
    arguments = {"resource_names": [NAME], "order_by": "timestamp desc", "page_size": 2}
    seen = []
    for page in client.list_log_entries(request=arguments).pages:
        seen += [entry.text_payload for entry in page.entries]
        write(logs, "new", 100)
    assert [f"line {second}" for second in (5, 4, 3, 2, 1, 0)] == seen


def test_every_entry_has_an_id_of_its_own(client, logs, traffic):
    for _ in range(5):
        write(logs, "same")
        request(traffic)
    assert len({entry.insert_id for entry in entries(client)}) == 10


def test_memory_is_bounded(client, logs):
    for number in range(200):
        write(logs, f"line {number}", number)
    found = entries(client)
    assert (found[0].text_payload, len(found)) == ("line 150", 50)
    write(logs, "x" * 100_000, 999)
    assert len(entries(client, order="timestamp desc")[0].text_payload) == 64 * 1024


def test_entries_of_clients_are_kept_too(client):
    payload = struct_pb2.Struct()
    payload.update({"run": "r-1"})
    client.write_log_entries(
        log_name=f"{NAME}/logs/leitstand",
        resource={"type": "global"},
        labels={"tool": "leitstand"},
        entries=[
            LogEntry(text_payload="hello", severity="WARNING", insert_id="a"),
            LogEntry(json_payload=payload, labels={"tool": "other"}, timestamp=START),
        ],
    )
    second, first = entries(client)
    assert (
        first.text_payload,
        first.severity,
        first.insert_id,
        dict(first.labels),
    ) == ("hello", 400, "a", {"tool": "leitstand"})
    assert (second.json_payload["run"], second.timestamp) == ("r-1", START)
    assert [f"{NAME}/logs/leitstand"] == list(client.list_logs(parent=NAME))


def test_a_dry_run_writes_nothing(client):
    client.write_log_entries(
        request={
            "log_name": f"{NAME}/logs/x",
            "resource": {"type": "global"},
            "entries": [LogEntry(text_payload="a")],
            "dry_run": True,
        }
    )
    assert entries(client) == []


def test_logs_are_listed_by_name_and_deleted(client, logs, traffic):
    request(traffic)
    write(logs, "a")
    write(logs, "b", log="run.googleapis.com/stderr")
    names = [f"{NAME}/logs/run.googleapis.com%2F{log}" for log in ("requests", "stderr", "stdout")]
    assert names == list(client.list_logs(request={"parent": NAME, "page_size": 2}))
    client.delete_log(log_name=names[1])
    assert [names[0], names[2]] == list(client.list_logs(parent=NAME))
    with pytest.raises(exceptions.NotFound):
        client.delete_log(log_name=names[1])


def test_another_projects_entries_stay_hidden(client, logs):
    logs.write("other", "x", "global", {}, "INFO", "hidden")
    assert entries(client) == []


@pytest.mark.parametrize(
    "change",
    [
        {"filter": "severity="},
        {"order_by": "severity"},
        {"resource_names": []},
        {"resource_names": ["folders/1"]},
        {"page_token": "nonsense"},
    ],
)
def test_wrong_requests_are_refused(client, change):
    with pytest.raises(exceptions.InvalidArgument):
        client.list_log_entries(request={"resource_names": [NAME], **change})


@pytest.mark.parametrize("change", [{"log_name": "x"}, {"resource": None}])
def test_entries_without_log_or_resource_are_refused(client, change):
    arguments = {"log_name": f"{NAME}/logs/x", "resource": {"type": "global"}, **change}
    with pytest.raises(exceptions.InvalidArgument):
        client.write_log_entries(request={**arguments, "entries": [LogEntry(text_payload="a")]})
