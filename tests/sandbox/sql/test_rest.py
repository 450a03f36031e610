"""Cloud SQL over REST, as Google's command-line tool speaks it."""

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.sandbox.supervised import PROJECT


@pytest.fixture(params=["v1", "sql/v1beta4"])
def call(cloud, request):
    """Sends a request below the project and gives status and answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(method, path, body=None):
        address = f"{cloud.sandbox.rest}/{request.param}/projects/{PROJECT}{path}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(address, data, method=method)
        try:
            with opener.open(asked, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return send


def done(call, answer):
    status, operation = answer
    assert status == 200, operation
    while operation["status"] != "DONE":
        time.sleep(0.01)
        _, operation = call("GET", f"/operations/{operation['name']}?alt=json")
    assert "error" not in operation
    return operation


def test_instances_are_read_as_googles_json(call):
    status, found = call("GET", "/instances?alt=json&maxResults=5")
    assert status == 200
    assert "main" in [one["name"] for one in found["items"]]
    _, main = call("GET", "/instances/main")
    assert (main["kind"], main["state"]) == ("sql#instance", "RUNNABLE")
    assert main["databaseVersion"] == "POSTGRES_16"
    assert main["settings"]["backupConfiguration"]["pointInTimeRecoveryEnabled"]
    assert main["ipAddresses"] == [{"type": "PRIVATE", "ipAddress": "127.0.0.1"}]


def test_a_clone_a_patch_and_a_deletion(call):
    _, window = call("GET", "/instances/main/getLatestRecoveryTime")
    context = {
        "destinationInstanceName": "over-rest",
        "pointInTime": window["latestRecoveryTime"],
    }
    body = {"cloneContext": {**context, "kind": "sql#cloneContext"}}
    operation = done(call, call("POST", "/instances/main/clone", body))
    assert (operation["operationType"], operation["targetId"]) == ("CLONE", "over-rest")
    change = {"settings": {"userLabels": {"a": "b"}, "dataDiskSizeGb": "20"}}
    done(call, call("PATCH", "/instances/over-rest", change))
    _, clone = call("GET", "/instances/over-rest")
    assert clone["settings"]["userLabels"]["a"] == "b"
    assert clone["settings"]["dataDiskSizeGb"] == "20"
    done(call, call("DELETE", "/instances/over-rest"))
    assert call("GET", "/instances/over-rest")[0] == 404
    _, listed = call("GET", "/operations?instance=over-rest")
    assert [one["operationType"] for one in listed["items"][:3]] == [
        "DELETE",
        "UPDATE",
        "CLONE",
    ]


def test_databases_users_and_backups(call):
    done(call, call("POST", "/instances/main/databases", {"name": "shop"}))
    assert call("GET", "/instances/main/databases/shop")[1]["charset"] == "UTF8"
    done(call, call("DELETE", "/instances/main/databases/shop"))
    done(call, call("POST", "/instances/main/users", {"name": "u", "password": "p"}))
    done(call, call("PUT", "/instances/main/users?name=u", {"password": "q"}))
    assert call("GET", "/instances/main/users/u")[1]["name"] == "u"
    done(call, call("DELETE", "/instances/main/users?name=u"))
    made = done(call, call("POST", "/instances/main/backupRuns", {"description": "d"}))
    number = made["backupContext"]["backupId"]
    assert call("GET", f"/instances/main/backupRuns/{number}")[1]["status"] == "SUCCESSFUL"
    done(call, call("DELETE", f"/instances/main/backupRuns/{number}"))
    assert call("GET", "/instances/main/connectSettings")[1]["backendType"] == "SECOND_GEN"


def test_errors_have_googles_form(call, cloud):
    status, answer = call("GET", "/instances/none")
    assert status == answer["error"]["code"] == 404
    assert answer["error"]["errors"][0]["reason"] == "instanceNotFound"
    version = {"settings": {"settingsVersion": "999"}}
    assert call("PATCH", "/instances/main", version)[0] == 412
    operation = call("POST", "/instances/main/restart")
    status, answer = call("POST", "/instances/main/restart")
    assert (status, answer["error"]["errors"][0]["reason"]) == (409, "operationInProgress")
    done(call, operation)
    assert call("POST", "/instances", {"name": "main", "settings": {"tier": "t"}})[0] == 409
    assert call("GET", "/nothing")[0] == 404


@pytest.mark.parametrize("body", [{"settings": 7}, [1], {"settings": {"tier": 5}}])
def test_a_body_that_is_no_instance_is_refused(call, body):
    status, answer = call("POST", "/instances", body)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_faults_strike_here_too(call, cloud):
    cloud.sandbox.add_fault("SqlInstancesService/Get", "fail", code="UNAVAILABLE")
    assert call("GET", "/instances/main")[0] == 503
    assert call("GET", "/instances/main")[0] == 200


def test_the_environment_points_gcloud_at_it(cloud):
    found = cloud.sandbox.environment()
    assert found["CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL"] == f"{cloud.sandbox.rest}/"
    assert found["LEITSTAND_SANDBOX_REST"] == cloud.sandbox.rest
