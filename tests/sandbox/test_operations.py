"""Long-running operations over google.longrunning."""

import asyncio
import time

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from leitstand.sandbox.errors import failed_precondition
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.store import Store
from tests.sandbox.serving import LOCATION, serving

NAME = f"{LOCATION}/services/web"


class Setting:
    def __init__(self, directory):
        self.store = Store(directory)

    def parts(self):
        self.operations = Operations(self.store)
        return (self.operations,)


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path)


@pytest.fixture
def server(setting):
    with serving(setting.parts) as running:
        yield running
        running.call(setting.operations.close())


@pytest.fixture
def client(server):
    return server.client(run_v2.ServicesClient)


async def after(seconds, outcome):
    await asyncio.sleep(seconds)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@pytest.fixture
def start(setting, server):
    def begin(seconds, outcome):
        async def begin_there():
            metadata = run_v2.Service(name=NAME, generation=1)
            return setting.operations.start(LOCATION, NAME, after(seconds, outcome), metadata)

        return server.call(begin_there())

    return begin


def get(client, name):
    return client.get_operation(operations_pb2.GetOperationRequest(name=name))


def wait(client, name, **timeout):
    """google-cloud-run 0.16 forgets to parse the answer of WaitOperation."""
    answer = client.wait_operation(operations_pb2.WaitOperationRequest(name=name, **timeout))
    return operations_pb2.Operation.FromString(answer) if isinstance(answer, bytes) else answer


def test_an_operation_is_under_way_and_then_holds_its_response(client, start):
    begun = start(0.2, run_v2.Service(name=NAME, generation=2))
    assert not get(client, begun.name).done
    done = wait(client, begun.name)
    assert done.done
    service = run_v2.Service()
    assert done.response.Unpack(run_v2.Service.pb(service))
    assert service.generation == 2
    assert done.metadata.type_url == "type.googleapis.com/google.cloud.run.v2.Service"


def test_a_refusal_in_the_work_becomes_the_operations_error(client, start):
    begun = start(0, failed_precondition("Not now."))
    done = wait(client, begun.name)
    assert (done.error.code, done.error.message) == (9, "Not now.")


def test_broken_work_becomes_an_internal_error(client, start):
    begun = start(0, KeyError("x"))
    done = wait(client, begun.name)
    assert done.error.code == 13


def test_wait_returns_at_its_timeout(client, start):
    begun = start(5, run_v2.Service())
    began = time.monotonic()
    found = wait(client, begun.name, timeout=duration_pb2.Duration(nanos=100_000_000))
    assert not found.done
    assert time.monotonic() - began < 5


def test_operations_are_listed_in_pages_and_deleted(client, start):
    names = sorted(start(0, run_v2.Service()).name for _ in range(3))
    first = client.list_operations(operations_pb2.ListOperationsRequest(name=LOCATION, page_size=2))
    assert names[:2] == [operation.name for operation in first.operations]
    second = client.list_operations(
        operations_pb2.ListOperationsRequest(
            name=LOCATION, page_size=2, page_token=first.next_page_token
        )
    )
    assert (names[2:], "") == (
        [operation.name for operation in second.operations],
        second.next_page_token,
    )
    client.delete_operation(operations_pb2.DeleteOperationRequest(name=names[0]))
    with pytest.raises(exceptions.NotFound):
        get(client, names[0])


def test_an_operation_cut_off_by_a_stop_is_found_aborted_later(tmp_path):
    async def stop_in_the_middle():
        store = Store(tmp_path)
        name = Operations(store).start(LOCATION, NAME, after(9, None)).name
        store.save()
        return name

    name = asyncio.run(stop_in_the_middle())
    operations = Operations(Store(tmp_path))
    request = operations_pb2.GetOperationRequest(name=name)
    found = asyncio.run(operations.get(request))
    assert (found.done, found.error.code) == (True, 10)
