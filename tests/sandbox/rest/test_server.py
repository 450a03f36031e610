"""The listener of the REST side, asked over HTTP."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.rest.late import LateRest
from leitstand.sandbox.rest.server import RestServer
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store
from leitstand.sandbox.traffic_log import TrafficLog

PROJECT = "leitstand-sandbox"
TOPICS = f"/pubsub/v1/projects/{PROJECT}/topics"
DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"


async def gcloud(request):
    return web.json_response({"path": request.path})


def unheard(_):
    pass


@pytest.fixture
def run(tmp_path):
    """Runs a coroutine that is given an HTTP client of a listener, and the APIs behind it."""

    def run(scene):
        async def whole():
            seed = {"project": PROJECT, "location": "europe-west3"}
            nothing, store = Monitoring(TrafficLog()), Store(tmp_path)
            apis = LateRest(store, tmp_path, seed, unheard, unheard, nothing, Addresses(store))
            apis.attach(Rpc({}, {}, frozenset({PROJECT}), Faults()))
            await apis.start()
            server = RestServer(apis, gcloud)
            async with aiohttp.ClientSession(await server.start()) as client:
                await scene(client, apis)
            await server.close()
            await apis.close()

        asyncio.run(whole())

    return run


async def asked(client, http, path, **options):
    async with client.request(http, path, **options) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


def test_an_api_is_below_its_name_and_all_else_is_gclouds(run):
    async def scene(client, apis):
        assert 200 == (await asked(client, "PUT", f"{TOPICS}/rotation", json={}))[0]
        assert {"pubsub.projects.topics": 1} == apis.status()
        path = f"/v1/projects/{PROJECT}/instances"
        assert (200, {"path": path}) == await asked(client, "GET", path)

    run(scene)


def test_errors_have_googles_form(run):
    async def scene(client, _):
        status, answer = await asked(client, "GET", f"{TOPICS}/missing")
        error = answer["error"]
        assert (404, 404, "NOT_FOUND") == (status, error["code"], error["status"])
        (item,) = error["errors"]
        assert ("notFound", error["message"]) == (item["reason"], item["message"])
        assert "RESOURCE_NOT_FOUND" == error["details"][0]["reason"]
        status, answer = await asked(client, "PUT", f"{TOPICS}/rotation", data=b"{")
        assert (400, "INVALID_ARGUMENT") == (status, answer["error"]["status"])

    run(scene)


def test_a_method_without_an_answer_answers_without_content(run):
    async def scene(client, _):
        reference = {"datasetId": "d", "projectId": PROJECT}
        status, _ = await asked(client, "POST", DATASETS, json={"datasetReference": reference})
        assert 200 == status
        assert (204, None) == await asked(client, "DELETE", f"{DATASETS}/d")

    run(scene)


def test_a_stale_version_in_the_header_is_an_unmet_precondition(run):
    async def scene(client, _):
        reference = {"datasetId": "d", "projectId": PROJECT}
        await asked(client, "POST", DATASETS, json={"datasetReference": reference})
        for etag, expected in (("b2xk", (412, "conditionNotMet")), ("*", (200, ""))):
            status, answer = await asked(
                client, "PATCH", f"{DATASETS}/d", json={}, headers={"If-Match": etag}
            )
            (error,) = answer.get("error", {}).get("errors", [{"reason": ""}])
            assert expected == (status, error["reason"])

    run(scene)


def test_a_query_too_long_for_a_url_comes_as_a_form(run):
    async def scene(client, _):
        headers = {"X-HTTP-Method-Override": "GET"}
        for number in range(2):
            await asked(client, "PUT", f"{TOPICS}/rotation{number}", json={})
        status, answer = await asked(
            client, "POST", TOPICS, data={"pageSize": "1"}, headers=headers
        )
        assert (200, 1) == (status, len(answer["topics"]))

    run(scene)
