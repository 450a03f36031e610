"""BigQuery datasets: who may use them, and when they can be deleted."""

import pytest

from leitstand.sandbox.rest.bigquery import Datasets, Tables, may_write
from leitstand.sandbox.rest.iam import ServiceAccounts
from tests.sandbox.rest.parked import PROJECT, parked, refusal

DATASETS = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets"
LOGS = f"{DATASETS}/logs"
WANTED = {"datasetReference": {"datasetId": "logs"}, "location": "europe-west3"}


@pytest.fixture
def park(tmp_path):
    with parked(tmp_path, Datasets, Tables, ServiceAccounts) as one:
        one.call("POST", DATASETS, WANTED)
        yield one


def test_a_dataset_has_googles_default_access(park):
    dataset = park.call("GET", LOGS)
    assert dataset["id"] == f"{PROJECT}:logs"
    assert dataset["location"] == "europe-west3"
    assert {entry["specialGroup"] for entry in dataset["access"]} == {
        "projectOwners",
        "projectReaders",
        "projectWriters",
    }


def test_access_is_replaced_as_a_whole_and_roles_come_back_in_their_basic_form(park):
    entry = {"role": "roles/bigquery.dataEditor", "userByEmail": "sink@example.org"}
    changed = park.call("PATCH", LOGS, {"access": [entry]})
    assert changed["access"] == [{"role": "WRITER", "userByEmail": "sink@example.org"}]
    name = f"projects/{PROJECT}/datasets/logs"
    assert may_write(park.park, name, "serviceAccount:sink@example.org")
    assert not may_write(park.park, name, "serviceAccount:other@example.org")


def test_accounts_of_the_project_must_exist(park):
    entry = {"role": "READER", "userByEmail": f"keines@{PROJECT}.iam.gserviceaccount.com"}
    assert "does not exist" in refusal(park.call, "PATCH", LOGS, {"access": [entry]})[1]


def test_the_location_cannot_be_changed(park):
    assert refusal(park.call, "PATCH", LOGS, {"location": "US"})[0] == "INVALID_ARGUMENT"


def test_a_dataset_with_tables_is_deleted_only_with_them(park):
    park.call("POST", f"{LOGS}/tables", {"tableReference": {"tableId": "t"}})
    assert "still in use" in refusal(park.call, "DELETE", LOGS)[1]
    park.call("DELETE", f"{LOGS}?deleteContents=true")
    assert refusal(park.call, "GET", LOGS)[0] == "NOT_FOUND"
    assert refusal(park.call, "GET", f"{LOGS}/tables/t")[0] == "NOT_FOUND"


def test_names_follow_bigquerys_rules(park):
    body = {"datasetReference": {"datasetId": "mit-strich"}}
    assert refusal(park.call, "POST", DATASETS, body)[0] == "INVALID_ARGUMENT"


def test_a_change_is_based_on_what_its_header_says_and_not_its_body(park):
    first = park.call("GET", LOGS)["etag"]
    second = park.call("PATCH", LOGS, {"description": "a"}, first)["etag"]
    stale = refusal(park.call, "PATCH", LOGS, {"description": "b"}, first)
    assert ("FAILED_PRECONDITION", "Precondition check failed.") == stale
    assert "c" == park.call("PATCH", LOGS, {"description": "c"}, second)["description"]
    for header in ("", "*"):
        body = {"description": "d", "etag": first}
        assert park.call("PATCH", LOGS, body, header)["etag"] not in (first, second)
