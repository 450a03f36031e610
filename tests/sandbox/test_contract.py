"""The contract is what the installed clients call."""

import subprocess
import sys

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import run_v2, secretmanager_v1
from google.cloud.logging_v2.services.config_service_v2 import ConfigServiceV2Client
from google.longrunning import operations_pb2

from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES, contract
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.store import Store
from tests.sandbox.recording import recorded
from tests.sandbox.serving import LOCATION, PROJECT, methods, serving


@pytest.mark.parametrize(
    ("path", "request_type"),
    [
        ("/google.cloud.run.v2.Services/UpdateService", run_v2.UpdateServiceRequest),
        ("/google.cloud.run.v2.Revisions/ListRevisions", run_v2.ListRevisionsRequest),
        ("/google.longrunning.Operations/WaitOperation", operations_pb2.WaitOperationRequest),
        (
            "/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion",
            secretmanager_v1.AccessSecretVersionRequest,
        ),
    ],
)
def test_paths_and_request_types_come_from_the_clients(path, request_type):
    assert request_type is methods()[path].request_type


def test_what_is_read_from_the_clients_is_what_they_call():
    called = recorded((*PACKAGES, *LATE_PACKAGES))
    read = contract((*PACKAGES, *LATE_PACKAGES))
    assert {path: method.unary for path, method in called.items()} == {
        path: method.unary for path, method in read.items()
    }
    known = {path: method for path, method in called.items() if method.request_type is not None}
    assert {path: method.request_type for path, method in known.items()} == {
        path: read[path].request_type for path in known
    }


def test_an_api_that_is_not_installed_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"google\.cloud\.nothing_v1"):
        contract(("google.cloud.nothing_v1",))


def test_the_contract_is_the_same_where_packages_give_their_messages_only():
    text = (
        "from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES, contract\n"
        "from leitstand.sandbox.messages import messages_only\n"
        "messages_only((*PACKAGES, *LATE_PACKAGES))\n"
        "print(len(contract((*PACKAGES, *LATE_PACKAGES))))"
    )
    told = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert len(contract((*PACKAGES, *LATE_PACKAGES))) == int(told.stdout)


def test_every_api_of_the_sandbox_is_in_the_contract():
    services = {path.split("/")[1] for path in methods()}
    assert {
        "google.cloud.run.v2.Services",
        "google.cloud.run.v2.Jobs",
        "google.cloud.secretmanager.v1.SecretManagerService",
        "google.devtools.artifactregistry.v1.ArtifactRegistry",
        "google.monitoring.v3.MetricService",
        "google.logging.v2.LoggingServiceV2",
        "google.logging.v2.ConfigServiceV2",
        "google.longrunning.Operations",
    } <= services


def refusal(channel, method):
    """What a method answers to an empty request."""
    try:
        if method.unary:
            channel.unary_unary(method.path, request_serializer=bytes)(b"", timeout=5)
        else:
            list(channel.stream_stream(method.path, request_serializer=bytes)(iter([b""])))
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def test_every_method_without_a_handler_is_refused_in_one_sentence():
    with serving(tuple) as server:
        for path, method in methods().items():
            sentence = f"The sandbox does not implement {path[1:].replace('/', '.')}."
            assert ("UNIMPLEMENTED", sentence) == refusal(server.channel, method)


def test_a_client_of_an_api_without_a_backend_hears_that_it_is_not_implemented():
    with serving(tuple) as server:
        jobs = server.client(run_v2.JobsClient)
        with pytest.raises(exceptions.MethodNotImplemented):
            jobs.list_jobs(parent=LOCATION)
        config = server.client(ConfigServiceV2Client)
        with pytest.raises(exceptions.MethodNotImplemented):
            config.list_sinks(parent=f"projects/{PROJECT}")


def test_a_project_that_does_not_exist_is_denied(tmp_path):
    with serving(lambda: (Secrets(Store(tmp_path)),)) as server:
        client = server.client(secretmanager_v1.SecretManagerServiceClient)
        with pytest.raises(exceptions.PermissionDenied) as denied:
            client.list_secrets(parent="projects/anyone")
    assert denied.value.reason == "CONSUMER_INVALID"


def test_a_second_server_cannot_take_the_same_port():
    with serving(tuple) as one, serving(tuple) as other, pytest.raises(OSError, match="taken"):
        other.call(other.rpc.start(one.port))


def test_calls_are_logged_without_payloads(tmp_path):
    with serving(lambda: (Secrets(Store(tmp_path)),)) as server:
        client = server.client(secretmanager_v1.SecretManagerServiceClient)
        client.create_secret(
            parent=f"projects/{PROJECT}", secret_id="KEY", secret={"replication": {"automatic": {}}}
        )
        name = f"projects/{PROJECT}/secrets/KEY"
        client.add_secret_version(parent=name, payload={"data": b"hush"})
        calls = server.rpc.calls()
    assert [call.code for call in calls] == ["OK", "OK"]
    assert name == calls[1].resource
    assert "hush" not in repr(calls)
