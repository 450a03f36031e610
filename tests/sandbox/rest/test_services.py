"""Which APIs are enabled, connectors, and topics."""

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.pubsub import Topics
from leitstand.sandbox.rest.serviceusage import Services, begin_disabled, require_enabled
from leitstand.sandbox.rest.vpcaccess import Connectors
from tests.sandbox.rest.parked import NETWORK, PROJECT, REGION, parked, refusal

SERVICES = f"serviceusage/v1/projects/{PROJECT}/services"
REDIS = "redis.googleapis.com"
CONNECTORS = f"vpcaccess/v1/{REGION}/connectors"
TOPICS = f"pubsub/v1/projects/{PROJECT}/topics"


@pytest.fixture
def park(tmp_path):
    with parked(tmp_path, Services, Connectors, Topics) as one:
        one.add_network()
        yield one


@pytest.fixture
def empty(park):
    begin_disabled(park.park, PROJECT)
    return park


def states(park):
    listed = park.call("GET", f"{SERVICES}?pageSize=200")["services"]
    return {one["config"]["name"]: one["state"] for one in listed}


def test_a_seeded_sandbox_has_everything_enabled(park):
    assert set(states(park).values()) == {"ENABLED"}
    require_enabled(park.park, REDIS)


def test_an_empty_sandbox_has_only_what_enables_the_rest(empty):
    enabled = {name for name, state in states(empty).items() if state == "ENABLED"}
    assert enabled == {"serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com"}


def test_an_api_is_refused_until_it_is_enabled(empty):
    number = empty.park.project_number
    with pytest.raises(ApiError) as raised:
        require_enabled(empty.park, REDIS)
    assert (raised.value.code.name, raised.value.reason) == (
        "PERMISSION_DENIED",
        "SERVICE_DISABLED",
    )
    start = f"Google Cloud Memorystore for Redis API has not been used in project {number} before"
    assert raised.value.message.startswith(start)
    assert raised.value.metadata["service"] == REDIS
    operation = empty.done("POST", f"{SERVICES}/{REDIS}:enable", {})
    assert operation["response"]["service"]["state"] == "ENABLED"
    require_enabled(empty.park, REDIS)
    empty.done("POST", f"{SERVICES}/{REDIS}:disable", {})
    assert empty.call("GET", f"{SERVICES}/{REDIS}")["state"] == "DISABLED"


def test_many_apis_are_enabled_at_once_but_not_more_than_twenty(empty):
    ids = [REDIS, "run.googleapis.com"]
    empty.done("POST", f"{SERVICES}:batchEnable", {"serviceIds": ids})
    query = "&".join(f"names=projects/{PROJECT}/services/{service}" for service in ids)
    found = empty.call("GET", f"{SERVICES}:batchGet?{query}")["services"]
    assert [one["state"] for one in found] == ["ENABLED", "ENABLED"]
    many = {"serviceIds": [f"s{number}.googleapis.com" for number in range(21)]}
    assert refusal(empty.call, "POST", f"{SERVICES}:batchEnable", many)[0] == "INVALID_ARGUMENT"


def test_an_unknown_api_is_not_found(empty):
    url = f"{SERVICES}/nothing.googleapis.com:enable"
    assert refusal(empty.call, "POST", url, {})[0] == "NOT_FOUND"


def test_disabling_one_api_of_a_seeded_sandbox_leaves_the_others(park):
    park.done("POST", f"{SERVICES}/{REDIS}:disable", {})
    disabled = {name for name, state in states(park).items() if state == "DISABLED"}
    assert disabled == {REDIS}


def test_a_connector_needs_a_narrow_range_in_a_network(park):
    body = {"network": "main", "ipCidrRange": "10.8.0.0/28", "minInstances": 2, "maxInstances": 3}
    assert "error" not in park.done("POST", f"{CONNECTORS}?connectorId=main", body)
    connector = park.call("GET", f"{CONNECTORS}/main")
    assert (connector["state"], connector["maxThroughput"]) == ("READY", 300)
    url = f"{CONNECTORS}?connectorId=other"
    wide = {**body, "ipCidrRange": "10.9.0.0/24"}
    assert "/28" in refusal(park.call, "POST", url, wide)[1]
    nowhere = {**body, "network": "nowhere"}
    assert refusal(park.call, "POST", url, nowhere)[0] == "NOT_FOUND"


def test_a_connector_without_a_size_fails_while_it_is_made(park):
    body = {"network": "main", "ipCidrRange": "10.8.0.0/28"}
    operation = park.done("POST", f"{CONNECTORS}?connectorId=main", body)
    assert "must specify either max_throughput or max_instances" in operation["error"]["message"]
    assert refusal(park.call, "GET", f"{CONNECTORS}/main")[0] == "NOT_FOUND"


def test_a_connectors_range_must_not_overlap_a_subnet(park):
    subnet = {"network": NETWORK, "ipCidrRange": "10.8.0.0/24"}
    park.park.table("compute", "subnetworks")["projects/x/regions/r/subnetworks/s"] = subnet
    body = {"network": "main", "ipCidrRange": "10.8.0.16/28", "maxInstances": 3}
    operation = park.done("POST", f"{CONNECTORS}?connectorId=main", body)
    assert "conflicts with an existing subnetwork" in operation["error"]["message"]


def test_topics_are_made_changed_and_deleted(park):
    topic = f"{TOPICS}/rotation"
    assert park.call("PUT", topic, {})["name"] == f"projects/{PROJECT}/topics/rotation"
    change = {"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}
    assert park.call("PATCH", topic, change)["labels"] == {"a": "b"}
    sent = park.call("POST", f"{topic}:publish", {"messages": [{"data": "YQ=="}]})
    assert sent == {"messageIds": ["1"]}
    assert refusal(park.call, "PUT", topic, {})[0] == "ALREADY_EXISTS"
    park.call("DELETE", topic)
    assert refusal(park.call, "GET", topic)[0] == "NOT_FOUND"
    assert refusal(park.call, "PUT", f"{TOPICS}/google", {})[0] == "INVALID_ARGUMENT"
