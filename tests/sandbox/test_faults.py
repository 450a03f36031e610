"""Every method can be made to fail, lose its answer, be slow or hang."""

import time

import pytest
from google.api_core import exceptions
from google.cloud import secretmanager_v1

from leitstand.sandbox.faults import BadFault, Fault, Faults
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.store import Store
from tests.sandbox.serving import PROJECT, serving

PATH = "/google.cloud.secretmanager.v1.SecretManagerService/CreateSecret"
PARENT = f"projects/{PROJECT}"


@pytest.fixture
def server(tmp_path):
    with serving(lambda: (Secrets(Store(tmp_path)),)) as running:
        yield running


@pytest.fixture
def client(server):
    return server.client(secretmanager_v1.SecretManagerServiceClient)


def create(client, name="KEY", timeout=5.0):
    return client.create_secret(
        parent=PARENT,
        secret_id=name,
        secret={"replication": {"automatic": {}}},
        timeout=timeout,
        retry=None,
    )


def names(client):
    return [secret.name.rpartition("/")[2] for secret in client.list_secrets(parent=PARENT)]


def test_fail_answers_the_error_and_does_nothing(server, client):
    server.faults.add(Fault(PATH, "fail", code="RESOURCE_EXHAUSTED"))
    with pytest.raises(exceptions.ResourceExhausted) as failed:
        create(client)
    assert failed.value.reason == "SANDBOX_FAULT"
    assert names(client) == []
    create(client)
    assert names(client) == ["KEY"]


def test_lost_does_the_work_and_answers_the_error(server, client):
    server.faults.add(Fault("SecretManagerService/CreateSecret", "lost"))
    with pytest.raises(exceptions.ServiceUnavailable):
        create(client)
    assert names(client) == ["KEY"]


def test_slow_answers_late(server, client):
    server.faults.add(Fault("CreateSecret", "slow", seconds=0.3))
    began = time.monotonic()
    create(client)
    assert 0.3 <= time.monotonic() - began < 5


def test_hang_never_answers(server, client):
    server.faults.add(Fault("*", "hang"))
    with pytest.raises(exceptions.DeadlineExceeded):
        create(client, timeout=0.3)
    assert names(client) == []


def test_a_fault_strikes_as_often_as_it_was_told(server, client):
    server.faults.add(Fault("CreateSecret", "fail", times=2))
    for _ in range(2):
        with pytest.raises(exceptions.ServiceUnavailable):
            create(client)
    create(client)
    assert server.faults.list() == ()


def test_a_fault_without_end_strikes_until_it_is_cleared(server, client):
    server.faults.add(Fault("CreateSecret", "fail", times=0))
    for _ in range(5):
        with pytest.raises(exceptions.ServiceUnavailable):
            create(client)
    server.faults.clear()
    create(client)


def test_the_faults_of_one_method_are_cleared_and_others_go_on_as_they_were(server, client):
    server.faults.add(Fault("GetSecret", "fail", times=3, struck=1))
    server.faults.add(Fault("CreateSecret", "fail", times=0))
    server.faults.clear("CreateSecret")
    create(client)
    (left,) = server.faults.list()
    assert (left.method, left.times, left.struck) == ("GetSecret", 3, 1)
    server.faults.clear("CreateSecret")
    assert (left,) == server.faults.list()


def test_methods_without_a_handler_can_fail_too(server):
    from google.cloud import run_v2

    server.faults.add(Fault("Jobs/ListJobs", "fail", code="ABORTED"))
    with pytest.raises(exceptions.Aborted):
        server.client(run_v2.JobsClient).list_jobs(parent=f"{PARENT}/locations/x", retry=None)


@pytest.mark.parametrize(
    ("method", "matches"),
    [
        (PATH, True),
        ("SecretManagerService/CreateSecret", True),
        ("SecretManagerService.CreateSecret", True),
        ("CreateSecret", True),
        ("*", True),
        ("Secret", False),
        ("GetSecret", False),
        ("Service/CreateSecret", False),
    ],
)
def test_a_method_is_named_in_full_by_its_end_or_by_a_star(method, matches):
    assert matches == Fault(method, "fail").matches(PATH)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("CreateSecret", "explode"),
        Fault("CreateSecret", "fail", code="OK"),
        Fault("CreateSecret", "fail", code="NOPE"),
        Fault("CreateSecret", "slow", seconds=-1),
        Fault("CreateSecret", "fail", times=-1),
        Fault("CreateScret", "fail"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault):
    with pytest.raises(BadFault):
        Faults((PATH,)).add(fault)
