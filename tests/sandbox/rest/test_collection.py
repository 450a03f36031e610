"""What every collection does with its resources: create, read, list, change, delete."""

import asyncio

import pytest

from leitstand.sandbox.errors import ApiError, failed_precondition
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.store import Store
from tests.sandbox.rest.engines import (
    CONNECTORS,
    NETWORKS,
    PROJECT,
    Asking,
    Connectors,
    Networks,
    Sinks,
    Topics,
)

SINKS = f"v2/projects/{PROJECT}/sinks"
SINK = {"name": "audit", "destination": "bigquery.googleapis.com/projects/p/datasets/d"}
TOPIC = f"v1/projects/{PROJECT}/topics/rotation"


class Zones(Connectors):
    """Connectors that have versions and fixed fields."""

    immutable = ("network", "subnet.name")


@pytest.fixture
def run(tmp_path):
    def run(scene, *kinds):
        async def whole():
            asking = Asking(tmp_path, kinds or (Networks, Zones, Sinks, Topics))
            try:
                return await scene(asking)
            finally:
                await asking.engine.close()

        return asyncio.run(whole())

    return run


async def connector(asking, name="c", **body):
    await asking.ask("POST", f"{CONNECTORS}?connectorId={name}", body, api="vpcaccess")
    await asyncio.sleep(0.01)
    return await asking.ask("GET", f"{CONNECTORS}/{name}", api="vpcaccess")


async def patched(asking, query="", **body):
    await asking.ask("PATCH", f"{CONNECTORS}/c{query}", body, api="vpcaccess")
    await asyncio.sleep(0.01)
    return await asking.ask("GET", f"{CONNECTORS}/c", api="vpcaccess")


def test_the_id_comes_from_the_query_the_body_or_the_path(run):
    async def scene(asking):
        assert f"{CONNECTORS[3:]}/c" == (await connector(asking))["name"]
        assert SINK == await asking.ask("POST", SINKS, SINK, api="logging")
        assert SINK == await asking.ask("GET", f"{SINKS}/audit", api="logging")
        assert TOPIC[3:] == (await asking.ask("PUT", TOPIC, {}, api="pubsub"))["name"]

    run(scene)


def test_a_create_without_its_id_is_refused(run):
    async def scene(asking):
        with pytest.raises(ApiError, match="'connectorId' not specified"):
            await asking.ask("POST", CONNECTORS, {}, api="vpcaccess")
        with pytest.raises(ApiError, match="'name' not specified"):
            await asking.ask("POST", SINKS, {"destination": "d"}, api="logging")

    run(scene)


def test_what_is_there_is_not_made_again(run):
    async def scene(asking):
        await asking.ask("POST", SINKS, SINK, api="logging")
        with pytest.raises(ApiError, match="already exists") as refused:
            await asking.ask("POST", SINKS, SINK, api="logging")
        assert "ALREADY_EXISTS" == refused.value.code.name

    run(scene)


def test_a_change_without_a_mask_is_merged(run):
    async def scene(asking):
        await connector(asking, network="main", minInstances=2, subnet={"name": "s"})
        found = await patched(asking, minInstances=3, subnet={"projectId": "p"})
        assert 3 == found["minInstances"]
        assert {"name": "s", "projectId": "p"} == found["subnet"]
        assert "minInstances" not in await patched(asking, minInstances=None)

    run(scene)


@pytest.mark.parametrize("mask", ["minInstances,machineType", "min_instances,machine_type"])
def test_a_mask_changes_what_it_names_and_clears_what_the_body_lacks(run, mask):
    async def scene(asking):
        await connector(asking, network="main", minInstances=2, machineType="e2-micro")
        found = await patched(asking, f"?updateMask={mask}", minInstances=4, maxInstances=9)
        assert {"name": found["name"], "network": "main", "minInstances": 4} == found

    run(scene)


@pytest.mark.parametrize("field", ["network", "subnet"])
def test_fixed_fields_stay(run, field):
    async def scene(asking):
        await connector(asking, network="main", subnet={"name": "s"})
        change = {"network": {"network": "other"}, "subnet": {"subnet": {"name": "t"}}}[field]
        with pytest.raises(ApiError, match=f"Field '{field}.*' is immutable"):
            await patched(asking, **change)
        with pytest.raises(ApiError, match="'colour' is no field"):
            await patched(asking, "?updateMask=colour")

    run(scene)


def test_a_put_replaces_all_that_the_api_does_not_fill(run):
    async def scene(asking):
        await asking.ask("POST", SINKS, {**SINK, "description": "old"}, api="logging")
        asking.kinds["projects.sinks"].table[f"{SINKS[3:]}/audit"]["writerIdentity"] = "x"
        change = {"name": "audit", "destination": "d", "disabled": True}
        found = await asking.ask("PUT", f"{SINKS}/audit", change, api="logging")
        assert {**change, "writerIdentity": "x"} == found

    run(scene)


def test_a_change_that_is_wrapped_with_its_mask_is_unwrapped(run):
    async def scene(asking):
        await asking.ask("PUT", TOPIC, {}, api="pubsub")
        body = {"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}
        assert "b" == (await asking.ask("PATCH", TOPIC, body, api="pubsub"))["labels"]["a"]

    run(scene)


def test_a_change_based_on_an_old_version_is_refused(run):
    class Buckets(Sinks):
        path = "projects.locations.buckets"
        full_name = "projects/{project}/locations/{location}/buckets/{bucket}"
        id_from = "bucketId"
        versioned = "description"

    buckets = f"v2/projects/{PROJECT}/locations/global/buckets"

    async def scene(asking):
        old = await asking.ask("POST", f"{buckets}?bucketId=b", {}, api="logging")
        mask = "?updateMask=retentionDays"
        change = {"description": old["description"], "retentionDays": 90}
        new = await asking.ask("PATCH", f"{buckets}/b{mask}", change, api="logging")
        assert new["description"] != old["description"]
        with pytest.raises(ApiError, match="does not match") as refused:
            await asking.ask("PATCH", f"{buckets}/b{mask}", change, api="logging")
        assert "ABORTED" == refused.value.code.name
        with pytest.raises(ApiError, match="update_mask is required"):
            await asking.ask("PATCH", f"{buckets}/b", {"retentionDays": 80}, api="logging")

    run(scene, Buckets)


def test_lists_have_pages_parents_and_filters(run):
    async def scene(asking):
        for number in range(3):
            await asking.ask("POST", SINKS, {**SINK, "name": f"s{number}"}, api="logging")
        first = await asking.ask("GET", f"{SINKS}?pageSize=2", api="logging")
        assert ["s0", "s1"] == [sink["name"] for sink in first["sinks"]]
        token = first["nextPageToken"]
        rest = await asking.ask("GET", f"{SINKS}?pageSize=2&pageToken={token}", api="logging")
        assert ["s2"] == [sink["name"] for sink in rest["sinks"]]
        assert "nextPageToken" not in rest
        for text in ("name=s1", 'name = "s1" AND destination:datasets', "name eq s1"):
            found = await asking.ask("GET", f"{SINKS}?filter={text}", api="logging")
            assert ["s1"] == [sink["name"] for sink in found["sinks"]]
        with pytest.raises(ApiError, match="by their names only"):
            await asking.ask("GET", f"{NETWORKS}?orderBy=creationTimestamp desc")
        with pytest.raises(ApiError, match="Invalid list filter"):
            await asking.ask("GET", f"{SINKS}?filter=name OR", api="logging")
        await connector(asking)
        elsewhere = CONNECTORS.replace("europe-west3", "europe-west1")
        assert {} == await asking.ask("GET", elsewhere, api="vpcaccess")
        anywhere = CONNECTORS.replace("europe-west3", "-")
        assert 1 == len((await asking.ask("GET", anywhere, api="vpcaccess"))["connectors"])

    run(scene)


def test_what_is_deleted_is_gone_and_its_policy_with_it(run):
    async def scene(asking):
        await asking.ask("POST", SINKS, SINK, api="logging")
        name = f"{SINKS[3:]}/audit"
        asking.park.policies.set(name, {"bindings": [{"role": "roles/x", "members": ["allUsers"]}]})
        assert {} == await asking.ask("DELETE", f"{SINKS}/audit", api="logging")
        assert {} == await asking.ask("GET", SINKS, api="logging")
        assert frozenset() == asking.park.policies.members(name, "roles/x")
        with pytest.raises(ApiError, match="was not found"):
            await asking.ask("DELETE", f"{SINKS}/audit", api="logging")

    run(scene)


def test_a_deletion_that_is_refused_changes_nothing(run):
    class Used(Connectors):
        async def remove(self, name, body):
            raise failed_precondition("It is in use.")

    async def scene(asking):
        await connector(asking)
        with pytest.raises(ApiError, match="It is in use"):
            await asking.ask("DELETE", f"{CONNECTORS}/c", api="vpcaccess")
        assert "network" in await patched(asking, network="main")

    run(scene, Used)


REFERENCES = [
    "https://www.googleapis.com/compute/v1/projects/{p}/global/networks/main",
    "https://compute.googleapis.com/compute/v1/projects/{p}/global/networks/main",
    "http://127.0.0.1:5000/compute/compute/v1/projects/{p}/global/networks/main",
    "//compute.googleapis.com/projects/{p}/global/networks/main",
    "projects/{p}/global/networks/main",
    "projects/{number}/global/networks/main",
    "global/networks/main",
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_resource_is_found_by_each_way_to_name_it(tmp_path, reference):
    park = Park(Store(tmp_path), tmp_path, PROJECT)
    name = f"projects/{PROJECT}/global/networks/main"
    park.table("compute", "networks")[name] = {"name": "main"}
    text = reference.format(p=PROJECT, number=park.project_number)
    assert (name, {"name": "main"}) == park.find(text)
    assert (name, {"name": "main"}) == park.find(text, "compute")
    assert park.find(text, "redis") is None
    assert park.find(text + "-other") is None


def test_notes_of_a_kind_are_no_resources(tmp_path):
    park = Park(Store(tmp_path), tmp_path, PROJECT)
    park.notes("redis", "passwords")["projects/p/x/y"] = {"value": "z"}
    assert park.find("projects/p/x/y") is None
    assert {} == park.counts()


def test_a_projects_number_is_its_id_before_a_colon_too(tmp_path):
    park = Park(Store(tmp_path), tmp_path, PROJECT)
    parts = ["v3", "projects", f"{park.project_number}:getIamPolicy"]
    assert ["v3", "projects", f"{PROJECT}:getIamPolicy"] == park.by_id(parts)


def test_plain_json_is_kept_with_the_messages_of_the_other_tables(tmp_path):
    store = Store(tmp_path)
    table = store.json_table("rest/x/y")
    table["a"] = {"deep": {"list": [1, None]}}
    table["b"] = {}
    del table["b"]
    with pytest.raises(TypeError):
        table["c"] = {"not json": object()}
    store.save()
    again = Store(tmp_path)
    assert {"rest/x/y": 1} == again.sizes("rest/")
    assert again.has("rest/x/y", "a")
    assert {"a": {"deep": {"list": [1, None]}}} == dict(again.json_table("rest/x/y"))
