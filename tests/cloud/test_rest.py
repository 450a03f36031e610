"""The client of the REST APIs: where it calls, what refusals mean, and what is sent twice."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import httplib2
import pytest

from leitstand.cloud.documents import UnknownMethod, document
from leitstand.cloud.errors import (
    AlreadyThere,
    ApiDisabled,
    Busy,
    CloudRefused,
    CloudUnreachable,
    Conflict,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
)
from leitstand.cloud.rest import Body, Rest
from leitstand.cloud.rest_errors import refusal
from leitstand.core.kind_table import KINDS
from tests.cloud.scripted import Scripted, scripted

NETWORK = "projects/p/global/networks/main"


def call(server: Scripted, method: str = "get") -> Body:
    rest = server.connection.rest
    return rest.call("compute.v1", "networks", method, NETWORK, what="Netz main anlegen")


def old(reason: str, message: str = "So nicht.") -> dict[str, Any]:
    return {"error": {"message": message, "errors": [{"reason": reason, "message": message}]}}


def new(status: str, message: str = "So nicht.", **info: Any) -> dict[str, Any]:
    return {"error": {"message": message, "status": status, "details": [info]}}


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (404, old("notFound"), NotFound),
        (409, old("alreadyExists"), AlreadyThere),
        (409, new("ALREADY_EXISTS"), AlreadyThere),
        (409, old("duplicate"), AlreadyThere),
        (409, old("instanceAlreadyExists"), AlreadyThere),
        (409, new("ABORTED"), Conflict),
        (412, old("conditionNotMet"), Conflict),
        (409, old("operationInProgress"), Busy),
        (400, old("resourceNotReady"), Busy),
        (409, new("ABORTED", "unable to queue the operation"), Busy),
        (403, old("quotaExceeded"), QuotaExceeded),
        (429, new("RESOURCE_EXHAUSTED"), QuotaExceeded),
        (403, old("accessNotConfigured"), ApiDisabled),
        (403, new("PERMISSION_DENIED", reason="SERVICE_DISABLED"), ApiDisabled),
        (403, new("PERMISSION_DENIED"), PermissionDenied),
        (503, new("UNAVAILABLE"), CloudUnreachable),
        (500, "kein JSON, wie man es erwartet", CloudUnreachable),
        (400, new("INVALID_ARGUMENT"), CloudRefused),
        (501, new("UNIMPLEMENTED"), CloudRefused),
    ],
)
def test_a_refusal_is_told_by_its_cause(status: int, answer: Any, error: type[Exception]) -> None:
    found = refusal("Netz main anlegen", status, json.dumps(answer).encode())
    assert error is type(found)
    assert 1 == str(found).count("Netz main anlegen")


@pytest.mark.parametrize(
    "answer",
    [
        new(
            "PERMISSION_DENIED",
            reason="IAM_PERMISSION_DENIED",
            metadata={"permission": "compute.networks.create", "resource": NETWORK},
        ),
        old("forbidden", f"Required 'compute.networks.create' permission for '{NETWORK}'"),
        new(
            "PERMISSION_DENIED",
            "Permission 'compute.networks.create' denied on resource "
            f"'//compute.googleapis.com/{NETWORK}' (or it may not exist).",
        ),
    ],
)
def test_a_denial_names_permission_and_resource(answer: Any) -> None:
    found = refusal("Netz main anlegen", 403, json.dumps(answer).encode())
    assert isinstance(found, PermissionDenied)
    assert ("compute.networks.create", NETWORK) == (found.permission, found.resource)
    assert f"compute.networks.create auf {NETWORK} fehlt" in str(found)


def test_a_refusal_is_sent_once_and_ends_the_call() -> None:
    with scripted((409, old("alreadyExists"))) as server, pytest.raises(AlreadyThere):
        call(server, "insert")
    assert ["POST"] == server.asked


def test_a_change_whose_answer_is_lost_is_never_sent_again() -> None:
    with scripted((0, None)) as server, pytest.raises(CloudUnreachable):
        call(server, "insert")
    assert ["POST"] == server.asked


def test_a_read_whose_answer_is_lost_is_tried_again() -> None:
    with scripted((0, None), (503, {}), (200, {"name": "main"})) as server:
        assert {"name": "main"} == call(server)
    assert ["GET", "GET", "GET"] == server.asked


def test_nobody_answers_at_all() -> None:
    with scripted((200, {})) as server:
        connection = server.connection
    with pytest.raises(CloudUnreachable):
        connection.rest.call("compute.v1", "networks", "insert", NETWORK, what="Netz anlegen")


def test_threads_share_the_client_and_their_calls_are_counted() -> None:
    with scripted((200, {"name": "main"})) as server:
        rest = server.connection.rest
        threads = [
            threading.Thread(
                target=lambda: [
                    rest.call("compute.v1", "networks", "get", NETWORK, what="") for _ in range(5)
                ]
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (40, 40) == (rest.calls, len(server.requests))


def test_in_the_sandbox_no_credential_is_read_and_no_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials.json"
    os.mkfifo(credentials)  # whoever opened it would wait for ever
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with scripted((200, {"name": "main"})) as server:
        assert {"name": "main"} == call(server)
    ((method, path, _),) = server.requests
    assert "GET" == method
    assert "/compute/compute/v1/projects/p/global/networks/main?alt=json" == path


class Recorder:
    """Stands for the network of the real APIs, which a test must not call."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def request(self, uri: str, *arguments: Any, **named: Any) -> Any:
        self.addresses.append(uri)
        return httplib2.Response({"status": "200"}), b"{}"


@pytest.mark.parametrize(
    ("kind", "id", "address"),
    [
        ("compute.networks", "main", "https://compute.googleapis.com/compute/v1/projects/p/global"),
        ("sql.instances", "main", "https://sqladmin.googleapis.com/v1/projects/p/instances/main"),
        ("run.services", "web", "https://run.googleapis.com/v2/projects/p/locations/r/services/"),
        ("dns.managedZones", "z", "https://dns.googleapis.com/dns/v1/projects/p/managedZones/z"),
        ("bigquery.datasets", "logs", "https://bigquery.googleapis.com/bigquery/v2/projects/p/"),
    ],
)
def test_real_apis_are_called_where_their_documents_say(kind: str, id: str, address: str) -> None:
    recorder = Recorder()
    rest, row = Rest(lambda: recorder), KINDS[kind]
    name = row.full_name(id, project="p", number="1", region="r")
    rest.call(row.api, row.collection, row.read, name, what="")
    assert recorder.addresses[0].startswith(address)


def test_every_method_of_every_kind_is_in_its_document_and_fits_its_name() -> None:
    for kind in KINDS.values():
        parts = ["zone", "www.example.com.", "A"][: 1 + kind.path.count("{")]
        name = kind.full_name("/".join(parts), project="p", number="1", region="r")
        for method in filter(None, (kind.read, kind.create, kind.update)):
            found = document(kind.api).method(kind.collection, method)
            assert found.path_values(name) is not None, (kind.name, method)
            assert found.names(name) or method in {"list", kind.create}, (kind.name, method)


@pytest.mark.parametrize(
    ("api", "operation", "collection"),
    [
        ("compute.v1", "projects/p/global/operations/o", "globalOperations"),
        ("compute.v1", "projects/p/regions/r/operations/o", "regionOperations"),
        ("sqladmin.v1", "projects/p/operations/o", "operations"),
        ("run.v2", "projects/p/locations/r/operations/o", "projects.locations.operations"),
        ("serviceusage.v1", "operations/acf.p2-1", "operations"),
        (
            "iam.v1",
            "projects/p/locations/global/workloadIdentityPools/x/operations/o",
            "projects.locations.workloadIdentityPools.operations",
        ),
    ],
)
def test_an_operation_is_read_where_its_name_belongs(
    api: str, operation: str, collection: str
) -> None:
    method = document(api).operation_method(operation)
    assert method is not None
    assert collection == method.collection


def test_a_method_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownMethod, match=r"networks\.erase"):
        document("compute.v1").method("networks", "erase")


def test_texts_are_sent_in_base64_where_the_api_expects_bytes() -> None:
    body = {"payload": {"data": "geheim"}, "note": ["geheim"]}
    sent = document("secretmanager.v1").encoded(body, {"$ref": "AddSecretVersionRequest"})
    assert {"payload": {"data": "Z2VoZWlt"}, "note": ["geheim"]} == sent
