"""Log buckets and sinks, and that a sink delivers."""

import pytest

from leitstand.sandbox.rest.bigquery import Datasets, TableData, Tables
from leitstand.sandbox.rest.delivery import Delivery
from leitstand.sandbox.rest.logging import Buckets, Sinks
from tests.sandbox.rest.parked import PROJECT, parked, refusal

BUCKETS = f"logging/v2/projects/{PROJECT}/locations/global/buckets"
SINKS = f"logging/v2/projects/{PROJECT}/sinks"
DATASETS = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets"
SINK = {
    "name": "analytics",
    "destination": f"bigquery.googleapis.com/projects/{PROJECT}/datasets/logs",
    "filter": 'resource.type="cloud_run_revision" AND severity>=WARNING',
    "bigqueryOptions": {"usePartitionedTables": True},
}
TABLE = f"{DATASETS}/logs/tables/run_googleapis_com_stdout"


@pytest.fixture
def park(tmp_path):
    with parked(tmp_path, Buckets, Sinks, Datasets, Tables, TableData) as one:
        one.logs.listen(Delivery(one.park))
        yield one


def write(park, severity, text):
    labels = {"service_name": "web"}
    log_id = "run.googleapis.com/stdout"
    park.logs.write(PROJECT, log_id, "cloud_run_revision", labels, severity, text)


def create_sink(park, **changes):
    return park.call("POST", f"{SINKS}?uniqueWriterIdentity=true", {**SINK, **changes})


def create_dataset(park, writer):
    access = [{"role": "roles/bigquery.dataEditor", "userByEmail": writer.partition(":")[2]}]
    body = {"datasetReference": {"datasetId": "logs"}, "access": access}
    return park.call("POST", DATASETS, body)


def rows(park):
    fields = park.call("GET", TABLE)["schema"]["fields"]
    names = [field["name"] for field in fields]
    listed = park.call("GET", f"{TABLE}/data")["rows"]
    return [dict(zip(names, (cell["v"] for cell in row["f"]), strict=True)) for row in listed]


def test_two_buckets_are_there_from_the_start(park):
    found = {one["name"].rpartition("/")[2]: one for one in park.call("GET", BUCKETS)["buckets"]}
    assert {name: one["retentionDays"] for name, one in found.items()} == {
        "_Default": 30,
        "_Required": 400,
    }
    for name in found:
        assert refusal(park.call, "DELETE", f"{BUCKETS}/{name}")[0] == "INVALID_ARGUMENT"


def test_retention_of_the_default_bucket_changes_but_not_of_the_required_one(park):
    change = {"retentionDays": 90}
    mask = "updateMask=retentionDays"
    assert park.call("PATCH", f"{BUCKETS}/_Default?{mask}", change)["retentionDays"] == 90
    refused = refusal(park.call, "PATCH", f"{BUCKETS}/_Required?{mask}", change)
    assert "cannot be modified" in refused[1]
    for days in (0, 3651):
        body = {"retentionDays": days}
        refused = refusal(park.call, "PATCH", f"{BUCKETS}/_Default?{mask}", body)
        assert refused[0] == "INVALID_ARGUMENT"


def test_a_locked_bucket_stays_as_it_is(park):
    park.call("POST", f"{BUCKETS}?bucketId=audit", {"retentionDays": 365, "locked": True})
    for field, value in (("retentionDays", 30), ("locked", False)):
        url = f"{BUCKETS}/audit?updateMask={field}"
        assert refusal(park.call, "PATCH", url, {field: value})[0] == "FAILED_PRECONDITION"
    assert refusal(park.call, "DELETE", f"{BUCKETS}/audit")[0] == "FAILED_PRECONDITION"


def test_a_sink_has_a_writer_of_its_own_where_that_is_asked_for(park):
    number = park.park.project_number
    own = f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com"
    assert create_sink(park)["writerIdentity"] == own
    shared = park.call("POST", SINKS, {**SINK, "name": "other"})
    assert shared["writerIdentity"] == "serviceAccount:cloud-logs@system.gserviceaccount.com"
    assert {one["name"] for one in park.call("GET", SINKS)["sinks"]} == {
        "_Default",
        "_Required",
        "analytics",
        "other",
    }


@pytest.mark.parametrize(
    "change", [{"destination": "bigquery:logs"}, {"filter": "severity>>ERROR"}, {"name": "a b"}]
)
def test_sinks_that_google_refuses_are_refused(park, change):
    body = {**SINK, **change}
    assert refusal(park.call, "POST", SINKS, body)[0] == "INVALID_ARGUMENT"


def test_entries_arrive_as_rows_once_the_writer_may_write(park):
    write(park, "ERROR", "vor der Senke")
    writer = create_sink(park)["writerIdentity"]
    write(park, "ERROR", "ohne Dataset")
    create_dataset(park, writer)
    write(park, "INFO", "zu leise")
    write(park, "ERROR", "kommt an")
    write(park, "WARNING", {"message": "auch", "tenant": "a", "ms": 3})
    found = rows(park)
    assert [row["severity"] for row in found] == ["ERROR", "WARNING"]
    assert [row["textPayload"] for row in found] == ["kommt an", None]
    assert found[1]["jsonPayload"] == {"f": [{"v": "auch"}, {"v": "a"}, {"v": "3"}]}
    assert found[0]["resource"]["f"][0]["v"] == "cloud_run_revision"


def test_rows_are_read_page_by_page_and_their_table_can_be_changed(park):
    writer = create_sink(park)["writerIdentity"]
    create_dataset(park, writer)
    for text in ("eins", "zwei", "drei"):
        write(park, "ERROR", text)
    first = park.call("GET", f"{TABLE}/data?maxResults=2")
    last = park.call("GET", f"{TABLE}/data?maxResults=2&pageToken={first['pageToken']}")
    assert [len(first["rows"]), len(last["rows"])] == [2, 1]
    assert "pageToken" not in last
    assert refusal(park.call, "GET", f"{TABLE}/data?pageToken=x")[0] == "INVALID_ARGUMENT"
    changed = park.call("PATCH", TABLE, {"description": "Aus der Senke"})
    assert changed["description"] == "Aus der Senke"


def test_entries_are_dropped_where_the_writer_may_not_write(park):
    create_sink(park)
    create_dataset(park, "user:someone@example.org")
    write(park, "ERROR", "verloren")
    assert refusal(park.call, "GET", TABLE)[0] == "NOT_FOUND"


def test_a_role_in_the_project_counts_too(park):
    writer = create_sink(park)["writerIdentity"]
    create_dataset(park, "user:someone@example.org")
    binding = {"role": "roles/bigquery.dataEditor", "members": [writer]}
    park.park.policies.set(f"projects/{PROJECT}", {"bindings": [binding]})
    write(park, "ERROR", "kommt an")
    assert len(rows(park)) == 1


def test_a_disabled_sink_and_an_exclusion_send_nothing(park):
    writer = create_sink(park, exclusions=[{"name": "x", "filter": 'textPayload:"Lärm"'}])
    create_dataset(park, writer["writerIdentity"])
    write(park, "ERROR", "nur Lärm")
    changed = park.call("PATCH", f"{SINKS}/analytics?updateMask=disabled", {"disabled": True})
    assert changed["disabled"]
    write(park, "ERROR", "abgeschaltet")
    assert refusal(park.call, "GET", TABLE)[0] == "NOT_FOUND"


def test_without_partitioned_tables_each_day_has_its_own(park):
    writer = create_sink(park, bigqueryOptions={})["writerIdentity"]
    create_dataset(park, writer)
    write(park, "ERROR", "kommt an")
    (table,) = park.call("GET", f"{DATASETS}/logs/tables")["tables"]
    assert len(table["tableReference"]["tableId"]) == len("run_googleapis_com_stdout_20261103")
