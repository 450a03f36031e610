"""Requests to the REST side: operations, faults, the log of calls, and a new start."""

import asyncio
import logging

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.faults import BadFault, Fault
from tests.sandbox.rest.engines import CONNECTORS, NETWORKS, PROJECT, Asking, Connectors, Networks

BODY = {"name": "main", "autoCreateSubnetworks": False}
NAME = f"projects/{PROJECT}/global/networks/main"


@pytest.fixture
def run(tmp_path):
    """Runs a coroutine that is given an engine; closes the engine afterwards."""

    def run(scene, **options):
        async def whole():
            asking = Asking(tmp_path, **options)
            await asking.engine.start()
            try:
                return await scene(asking)
            finally:
                await asking.engine.close()
                asking.store.save()

        return asyncio.run(whole())

    return run


def test_a_compute_operation_ends_and_leaves_the_resource(run):
    async def scene(asking):
        begun = await asking.ask("POST", NETWORKS, BODY)
        assert ("RUNNING", "insert") == (begun["status"], begun["operationType"])
        done = await asking.waited(begun)
        assert ("DONE", 100) == (done["status"], done["progress"])
        assert done["targetLink"].endswith(NAME)
        found = await asking.ask("GET", f"{NETWORKS}/main")
        assert ("17", "compute#network") == (found["id"], found["kind"])
        path = f"compute/v1/projects/{PROJECT}/global/operations"
        assert done == await asking.ask("GET", f"{path}/{done['name']}")
        assert [done] == (await asking.ask("GET", path))["items"]

    run(scene)


def test_work_that_fails_fails_its_operation_and_leaves_nothing(run):
    async def scene(asking):
        done = await asking.waited(
            await asking.ask("POST", NETWORKS, {**BODY, "description": "fails"})
        )
        error = {"code": "INVALID_ARGUMENT", "message": "It does not work."}
        assert [error] == done["error"]["errors"]
        assert 400 == done["httpErrorStatusCode"]
        with pytest.raises(ApiError, match=f"The resource '{NAME}' was not found"):
            await asking.ask("GET", f"{NETWORKS}/main")

    run(scene)


def test_a_google_operation_ends_with_the_resource_in_it(run):
    async def scene(asking):
        begun = await asking.ask(
            "POST", f"{CONNECTORS}?connectorId=c", {"network": "main"}, api="vpcaccess"
        )
        assert "done" not in begun
        await asyncio.sleep(0.01)
        done = await asking.ask("GET", f"v1/{begun['name']}", api="vpcaccess")
        name = f"projects/{PROJECT}/locations/europe-west3/connectors/c"
        type_ = "type.googleapis.com/google.cloud.vpcaccess.v1.Connector"
        assert {"@type": type_, "name": name, "network": "main"} == done["response"]
        parent = f"v1/projects/{PROJECT}/locations/europe-west3/operations"
        assert [done] == (await asking.ask("GET", parent, api="vpcaccess"))["operations"]

    run(scene)


def test_operations_are_named_below_the_resource_where_the_document_has_them_there(run):
    async def scene(asking):
        pools = f"v1/projects/{PROJECT}/locations/global/workloadIdentityPools"
        begun = await asking.ask("POST", f"{pools}?workloadIdentityPoolId=ci", {}, api="iam")
        assert begun["name"].startswith(f"{pools[3:]}/ci/operations/")
        assert begun["name"] == (await asking.ask("GET", f"v1/{begun['name']}", api="iam"))["name"]

    run(scene)


def test_of_several_clients_that_create_one_name_at_once_one_wins(run):
    async def scene(asking):
        asks = (asking.ask("POST", NETWORKS, BODY) for _ in range(8))
        answers = await asyncio.gather(*asks, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, ApiError)]
        assert 7 == len(refused)
        assert {"alreadyExists"} == {error.reason for error in refused}

    run(scene)


def test_a_resource_on_which_an_operation_is_under_way_is_not_ready(run):
    async def scene(asking):
        await asking.ask("GET", NETWORKS)
        asking.kinds["networks"].gate.clear()
        begun = await asking.ask("POST", NETWORKS, BODY)
        for http in ("PATCH", "DELETE"):
            with pytest.raises(ApiError, match="is not ready"):
                await asking.ask(http, f"{NETWORKS}/main", {} if http == "PATCH" else None)
        asking.kinds["networks"].gate.set()
        await asking.waited(begun)
        done = await asking.waited(await asking.ask("DELETE", f"{NETWORKS}/main"))
        assert ("DONE", "delete") == (done["status"], done["operationType"])

    run(scene)


def test_the_same_request_id_gets_the_same_operation(run):
    async def scene(asking):
        first = await asking.ask("POST", f"{NETWORKS}?requestId=a", BODY)
        again = await asking.ask("POST", f"{NETWORKS}?requestId=a", BODY)
        assert first["name"] == again["name"]
        with pytest.raises(ApiError, match="already exists"):
            await asking.ask("POST", f"{NETWORKS}?requestId=b", BODY)

    run(scene)


def test_a_kinds_own_method_is_refused_at_once_or_runs_as_an_operation(run):
    async def scene(asking):
        with pytest.raises(ApiError, match="is not there"):
            await asking.ask("POST", f"{NETWORKS}/main/switchToCustomMode")
        await asking.waited(
            await asking.ask("POST", NETWORKS, {**BODY, "autoCreateSubnetworks": True})
        )
        done = await asking.waited(await asking.ask("POST", f"{NETWORKS}/main/switchToCustomMode"))
        assert "switchToCustomMode" == done["operationType"]
        assert not (await asking.ask("GET", f"{NETWORKS}/main"))["autoCreateSubnetworks"]

    run(scene)


REFUSED = [
    ("compute", "GET", "compute/v1/projects/other/global/networks", "PERMISSION_DENIED"),
    ("compute", "GET", f"compute/v1/projects/{PROJECT}/global/nothing", "NOT_FOUND"),
    ("compute", "GET", f"compute/v1/projects/{PROJECT}/zones/z/instances", "UNIMPLEMENTED"),
    ("logging", "GET", f"v2/projects/{PROJECT}/sinks/missing", "NOT_FOUND"),
    ("logging", "GET", f"v2/projects/{PROJECT}/sinks?colour=red", "INVALID_ARGUMENT"),
]


@pytest.mark.parametrize(("api", "http", "path", "code"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_googles_code(run, api, http, path, code):
    async def scene(asking):
        with pytest.raises(ApiError) as refused:
            await asking.ask(http, path, api=api)
        assert code == refused.value.code.name

    run(scene)


def test_a_project_may_be_named_by_its_number(run):
    async def scene(asking):
        number = asking.park.project_number
        await asking.ask("POST", NETWORKS.replace(PROJECT, number), BODY)
        assert "main" == (await asking.ask("GET", f"{NETWORKS}/main"))["name"]

    run(scene)


def test_calls_are_logged_and_struck_by_faults_under_the_documents_names(run):
    async def scene(asking):
        asking.faults.add(Fault("networks.insert", "fail"))
        with pytest.raises(ApiError, match="told to fail"):
            await asking.ask("POST", NETWORKS, BODY)
        asking.faults.add(Fault("networks.insert", "lost"))
        with pytest.raises(ApiError, match="told to fail"):
            await asking.ask("POST", NETWORKS, BODY)
        assert "main" == (await asking.ask("GET", f"{NETWORKS}/main"))["name"]
        logged = [(call.method, call.resource, call.code) for call in asking.rpc.calls()]
        resource = f"projects/{PROJECT}/global/networks"
        assert [
            ("/compute/networks/insert", resource, "UNAVAILABLE"),
            ("/compute/networks/insert", resource, "UNAVAILABLE"),
            ("/compute/networks/get", f"{resource}/main", "OK"),
        ] == logged
        assert "/compute/networks/insert" in asking.engine.paths()
        assert "/run/projects/locations/services/create" not in asking.engine.paths()

    run(scene)


def test_a_fault_in_a_method_of_rest_is_known_to_the_faults(run):
    async def scene(asking):
        faults = type(asking.faults)(("/x.Y/Z",), lambda: (), asking.engine.paths)
        faults.add(Fault("networks.insert", "fail"))
        with pytest.raises(BadFault):
            faults.add(Fault("networks.invent", "fail"))

    run(scene)


def test_an_answer_that_does_not_fit_the_document_is_a_bug(run, caplog):
    class Broken(Connectors):
        def complete(self, name, body, before):
            body["colour"] = "red"

    async def scene(asking):
        await asking.ask("POST", f"{CONNECTORS}?connectorId=c", {}, api="vpcaccess")
        with caplog.at_level(logging.ERROR), pytest.raises(ApiError) as refused:
            await asking.ask("GET", f"{CONNECTORS}/c", api="vpcaccess")
        assert "INTERNAL" == refused.value.code.name
        assert 'Unknown name "colour"' in caplog.text

    run(scene, kinds=(Broken,))


def test_a_disabled_api_is_refused_until_it_is_enabled(run):
    from leitstand.sandbox.rest.serviceusage import begin_disabled

    async def scene(asking):
        begin_disabled(asking.park, PROJECT)
        with pytest.raises(ApiError) as refused:
            await asking.ask("GET", CONNECTORS, api="vpcaccess")
        assert "SERVICE_DISABLED" == refused.value.reason
        name = f"projects/{PROJECT}/services/vpcaccess.googleapis.com"
        asking.park.table("serviceusage", "services")[name] = {"state": "ENABLED"}
        assert {} == await asking.ask("GET", CONNECTORS, api="vpcaccess")

    run(scene)


def test_all_resources_are_there_after_a_new_start_except_those_in_the_making(run):
    async def before(asking):
        await asking.waited(await asking.ask("POST", NETWORKS, BODY))
        asking.kinds["networks"].gate.clear()
        begun = await asking.ask("POST", NETWORKS, {**BODY, "name": "half"})
        # Killed: nothing is taken back, as at a normal end.
        asking.store.save()
        killed = asking.store.path.read_bytes()
        return begun, killed, asking.store.path

    begun, killed, path = run(before)
    path.write_bytes(killed)
    Networks.started.clear()

    async def after(asking):
        assert [NAME] == Networks.started
        assert {"compute.networks": 1} == asking.park.counts()
        listed = await asking.ask("GET", NETWORKS)
        assert ["main"] == [item["name"] for item in listed["items"]]
        cut = await asking.waited(begun)
        assert "ABORTED" == cut["error"]["errors"][0]["code"]

    run(after)
