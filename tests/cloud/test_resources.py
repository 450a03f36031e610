"""Resources of many kinds, read and changed by one piece of code, against a real sandbox."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import AlreadyThere, CloudRefused, Conflict, NotFound
from leitstand.cloud.observing import observe
from leitstand.cloud.resources import OperationState, Resources
from leitstand.cloud.secrets import Secrets
from leitstand.configuration import load_environment
from leitstand.core.difference import differences
from leitstand.core.kinds import Resource
from leitstand.core.nested import value_at
from leitstand.core.patching import Patch, patch
from leitstand.core.reconcile import Unreadable
from leitstand.sandbox import control
from leitstand.sandbox.control import Sandbox
from tests.cloud.scripted import Scripted, scripted
from tests.execution.provisioned import EMPTY, PROJECT, network, resource, secret, subnetwork


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = control.start(tmp_path_factory.mktemp("rest") / "sandbox", EMPTY, lifeline=True)
    yield running
    running.stop()


@pytest.fixture
def connection(sandbox: Sandbox) -> Connection:
    return Connection(load_environment("sandbox"), sandbox.grpc, sandbox.rest)


def made(connection: Connection, wanted: Resource) -> Any:
    """Create a resource, wait for it, and read it."""
    resources, body = Resources(connection), {**wanted.initial, **wanted.body}
    operation = resources.start_create(wanted.kind, wanted.id, wanted.name, body)
    wait(resources, wanted, operation)
    return resources.read(wanted.kind, wanted.name, wanted.body)


def wait(resources: Resources, wanted: Resource, operation: str) -> None:
    end = time.monotonic() + 15
    while operation:
        state = resources.operation(wanted.kind, operation)
        assert "" == state.error
        if state.done:
            return
        assert time.monotonic() < end
        time.sleep(0.02)


def changed(connection: Connection, wanted: Resource, found: Any, version: object = None) -> Any:
    resources, kind = Resources(connection), wanted.kind
    version = version or value_at(found, kind.version)
    operation = resources.start_update(kind, wanted.name, patch(kind, wanted.body, found), version)
    wait(resources, wanted, operation)
    return resources.read(kind, wanted.name, wanted.body)


def test_a_network_and_its_subnetwork_are_made_changed_and_read(connection: Connection) -> None:
    made(connection, network("lesen"))
    before = subnetwork("lesen", "lesen", ipCidrRange="10.1.0.0/24", privateIpGoogleAccess=False)
    found = made(connection, before)
    assert () == differences(before.kind, before.body, found)
    after = subnetwork("lesen", "lesen", ipCidrRange="10.1.0.0/24", privateIpGoogleAccess=True)
    assert () == differences(after.kind, after.body, changed(connection, after, found))
    with pytest.raises(Conflict):
        changed(connection, before, found, found["fingerprint"])
    with pytest.raises(AlreadyThere):
        made(connection, before)


def test_a_secret_gets_a_value_that_only_its_version_tells(connection: Connection) -> None:
    container, version = secret("lesen", "geheim")
    assert container.name.rpartition("/")[2] in made(connection, container)["name"]
    found = made(connection, version)
    assert "ENABLED" == found["state"]
    assert "geheim" not in str(found)
    assert "geheim" == Secrets(connection).value(container.name, "1")
    with pytest.raises(CloudRefused, match="Angelegt wurde 2"):
        made(connection, version)


def test_a_policy_is_laid_over_the_one_that_is_there(connection: Connection) -> None:
    container, _ = secret("policy")
    made(connection, container)
    for member in ("group:a@example.com", "group:b@example.com"):
        bindings = [{"role": "roles/secretmanager.secretAccessor", "members": [member]}]
        policy = resource("secretmanager.policy", "policy", {"bindings": bindings})
        found = Resources(connection).read(policy.kind, policy.name, {})
        changed(connection, policy, found)
    found = Resources(connection).read(policy.kind, policy.name, {})
    assert found is not None
    assert ["group:a@example.com", "group:b@example.com"] == found["bindings"][0]["members"]


def test_a_log_metric_is_replaced_whole(connection: Connection) -> None:
    before = {"filter": "severity>=ERROR", "metricDescriptor": {"metricKind": "DELTA"}}
    metric = resource("logging.metrics", "errors", before)
    found = made(connection, metric)
    assert () == differences(metric.kind, metric.body, found)
    other = resource("logging.metrics", "errors", {**before, "filter": "severity>=WARNING"})
    assert "severity>=WARNING" == changed(connection, other, found)["filter"]


def test_an_alert_is_found_by_its_label_though_its_name_is_googles(connection: Connection) -> None:
    resources = Resources(connection)
    channel = resource(
        "monitoring.notificationChannels", "on-call",
        {"type": "email", "labels": {"email_address": "a@example.com"}},
    )  # fmt: skip
    named = made(connection, channel)["name"]
    assert not named.endswith("on-call")
    threshold = {
        "filter": 'metric.type="run.googleapis.com/request_count"'
        ' AND resource.type="cloud_run_revision"',
        "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_DELTA"}],
        "comparison": "COMPARISON_GT",
        "thresholdValue": 5,
        "duration": "0s",
    }
    condition = {"displayName": "Viele Anfragen", "conditionThreshold": threshold}
    body = {
        "displayName": "Last",
        "combiner": "OR",
        "conditions": [condition],
        "notificationChannels": [named],
    }
    alert = resource("monitoring.alertPolicies", "load", body)
    assert resources.read(alert.kind, alert.name, body) is None
    found = made(connection, alert)
    assert () == differences(alert.kind, alert.body, found)
    assert "load" == found["userLabels"]["leitstand"]
    lower = {**condition, "conditionThreshold": {**threshold, "thresholdValue": 3}}
    other = resource("monitoring.alertPolicies", "load", {**body, "conditions": [lower]})
    after = changed(connection, other, found)
    assert () == differences(other.kind, other.body, after)
    assert found["name"] == after["name"]
    resources.start_delete(alert.kind, alert.name)
    assert resources.read(alert.kind, alert.name, body) is None
    with pytest.raises(NotFound):
        resources.start_delete(alert.kind, alert.name)


def test_a_service_account_is_wrapped_and_masked_as_its_api_wants(connection: Connection) -> None:
    account = resource("iam.serviceAccounts", "pipeline", {"displayName": "Pipeline"})
    found = made(connection, account)
    assert "Pipeline" == found["displayName"]
    other = resource("iam.serviceAccounts", "pipeline", {"displayName": "Lieferweg"})
    assert "Lieferweg" == changed(connection, other, found)["displayName"]


def test_what_is_not_there_is_nothing_and_what_may_not_be_read_is_unreadable(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.add_fault("networks.get", "fail", "PERMISSION_DENIED")
    hidden, missing = network("verborgen"), resource("pubsub.topics", "fehlt")
    found = observe(connection, [hidden, missing])
    assert isinstance(found[hidden.key], Unreadable)
    assert found[missing.key] is None


def test_many_resources_are_read_at_once(connection: Connection) -> None:
    wanted = [network(f"netz-{number}") for number in range(40)]
    wanted += [secret(f"secret-{number}")[0] for number in range(40)]
    found = observe(connection, wanted)
    assert [resource.key for resource in wanted] == list(found)
    assert 80 == connection.rest.calls


def test_resources_of_an_api_that_is_not_switched_on_are_not_there() -> None:
    disabled = {"code": 403, "errors": [{"reason": "accessNotConfigured"}]}
    with scripted((403, {"error": disabled})) as server:
        wanted = network("main")
        assert Resources(server.connection).read(wanted.kind, wanted.name, {}) is None


@pytest.mark.parametrize(
    ("wanted", "operation", "answer", "state"),
    [
        (
            network("main"),
            f"projects/{PROJECT}/global/operations/o",
            {
                "status": "DONE",
                "error": {"errors": [{"code": "QUOTA_EXCEEDED", "message": "Voll"}]},
            },
            OperationState(done=True, error="Voll"),
        ),
        (
            resource("redis.instances", "main"),
            f"projects/{PROJECT}/locations/europe-west3/operations/o",
            {"done": True, "error": {"code": 8, "message": "Kein Platz"}},
            OperationState(done=True, error="Kein Platz"),
        ),
        (
            resource("sql.instances", "main"),
            f"projects/{PROJECT}/operations/o",
            {"status": "RUNNING"},
            OperationState(done=False),
        ),
    ],
)
def test_an_operation_tells_whether_it_is_done_and_with_which_error(
    wanted: Resource, operation: str, answer: Any, state: OperationState
) -> None:
    with scripted((200, answer)) as server:
        assert state == Resources(server.connection).operation(wanted.kind, operation)


def test_an_operation_that_is_forgotten_is_done() -> None:
    with scripted((404, {})) as server:
        wanted, operation = network("main"), f"projects/{PROJECT}/global/operations/o"
        assert Resources(server.connection).operation(wanted.kind, operation).done


def sent(server: Scripted) -> tuple[str, dict[str, list[str]], Any]:
    """Path, query and body of the last request."""
    _, path, body = server.requests[-1]
    parts = urlsplit(path)
    query = {key: value for key, value in parse_qs(parts.query).items() if key != "alt"}
    return parts.path, query, body


def test_an_api_is_enabled_by_its_name_alone() -> None:
    wanted = resource("serviceusage.services", "run.googleapis.com", {"state": "ENABLED"})
    with scripted((200, {"name": "operations/acf.1"})) as server:
        change = Patch({"state": "ENABLED"}, ())
        operation = Resources(server.connection).start_update(wanted.kind, wanted.name, change)
    assert "operations/acf.1" == operation
    assert (f"/serviceusage/v1/{wanted.name}:enable", {}, {}) == sent(server)


def test_a_private_connection_is_found_among_those_of_its_network() -> None:
    path = "projects/1/global/networks/main"
    wanted = resource("servicenetworking.connections", "x", {"network": path})
    listed = {"connections": [{"network": path, "reservedPeeringRanges": ["r"]}]}
    with scripted((200, listed), (200, {})) as server:
        resources = Resources(server.connection)
        assert listed["connections"][0] == resources.read(wanted.kind, wanted.name, wanted.body)
        assert {"network": [path]} == sent(server)[1]
        assert resources.read(wanted.kind, wanted.name, wanted.body) is None


def test_a_policy_is_asked_for_with_its_conditions() -> None:
    with scripted((200, {})) as server:
        resources = Resources(server.connection)
        for kind in ("secretmanager.policy", "project.policy"):
            wanted = resource(kind, "main")
            resources.read(wanted.kind, wanted.name, {})
    (_, first, _), (_, _, second) = server.requests
    assert "options.requestedPolicyVersion=3" in first
    assert {"options": {"requestedPolicyVersion": 3}} == second


def test_a_sink_gets_an_identity_of_its_own() -> None:
    wanted = resource("logging.sinks", "bigquery", {"destination": "d"})
    with scripted((200, {"name": "bigquery"})) as server:
        Resources(server.connection).start_create(wanted.kind, wanted.id, wanted.name, wanted.body)
    assert (
        f"/logging/v2/projects/{PROJECT}/sinks",
        {"uniqueWriterIdentity": ["true"]},
        {"destination": "d", "name": "bigquery"},
    ) == sent(server)
