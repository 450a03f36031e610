"""Resources made, changed and replaced in a real sandbox, whatever happens on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leitstand.cloud.errors import PermissionDenied, QuotaExceeded
from leitstand.cloud.resources import Resources
from leitstand.cloud.secrets import Secrets
from leitstand.core.kinds import Resource
from leitstand.core.patching import Patch
from leitstand.execution.executor import ActionFailed
from leitstand.execution.placeholders import Placeholders, ValueMissing
from leitstand.execution.resource_handlers import ChangedByHand
from leitstand.sandbox import control
from leitstand.sandbox.control import Sandbox
from tests.cloud.scripted import scripted
from tests.execution.provisioned import (
    EMPTY,
    PROJECT,
    Provisioning,
    network,
    resource,
    secret,
    subnetwork,
)
from tests.execution.provisioning_process import WANTED

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 3 + 3 * len(WANTED) + 1


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = control.start(tmp_path_factory.mktemp("made") / "sandbox", EMPTY, lifeline=True)
    yield running
    running.stop()


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Iterator[Provisioning]:
    yield Provisioning(sandbox.grpc, sandbox.rest, tmp_path / "journal.jsonl")
    sandbox.clear_faults()


def test_everything_is_made_in_the_order_of_what_it_needs_and_then_nothing_is_left(
    run: Provisioning,
) -> None:
    wanted = (
        subnetwork("ganz-1", "ganz", ipCidrRange="10.2.1.0/24", privateIpGoogleAccess=True),
        subnetwork("ganz-2", "ganz", ipCidrRange="10.2.2.0/24"),
        network("ganz"),
        resource("pubsub.topics", "ganz"),
        *secret("ganz"),
    )
    outcome = run.apply(*wanted)
    assert ({}, {}) == (outcome.failed, outcome.skipped)
    assert {one.key: one.name for one in wanted} == {
        key: evidence["name"] for key, evidence in outcome.done.items()
    }
    assert [] == run.deviations(*wanted)


def test_only_what_differs_is_changed(run: Provisioning) -> None:
    before = subnetwork("anders", "anders", ipCidrRange="10.3.1.0/24", description="Dienste")
    run.apply(network("anders"), before)
    after = subnetwork("anders", "anders", ipCidrRange="10.3.1.0/24", privateIpGoogleAccess=True)
    outcome = run.apply(network("anders"), after)
    assert [after.key] == list(outcome.done)
    found = Resources(run.connection).read(after.kind, after.name, {})
    assert found is not None
    assert (True, "Dienste") == (found["privateIpGoogleAccess"], found["description"])


def test_the_value_of_a_secret_is_nowhere_but_in_the_secret(run: Provisioning) -> None:
    first = secret("passwort", "${generated:24}")
    second = secret("url", "postgresql://app:${secret:passwort/1}@${pubsub.topics/wirt#name}/app")
    wanted = (*first, *second, resource("pubsub.topics", "wirt"))
    assert {} == run.apply(*wanted).failed
    secrets = Secrets(run.connection)
    value = secrets.value(first[0].name, "1")
    url = f"postgresql://app:{value}@projects/{PROJECT}/topics/wirt/app"
    assert url == secrets.value(second[0].name, "1")
    assert 32 == len(value)
    journal = run.path.read_text("utf-8")
    assert value not in journal
    assert "${secret:passwort/1}" in journal
    assert value not in str(run.told)


def test_an_api_that_echoes_a_secret_does_not_bring_it_into_the_journal(tmp_path: Path) -> None:
    echo = {"error": {"message": "Invalid value 'c2stZ2VoZWlt' (sk-geheim)."}}
    with scripted((400, echo)) as server:
        connection = server.connection
        resolved = Placeholders(connection, {}).resolved({"a": ["sk-${generated:8}"]})
        assert resolved.body["a"][0] in resolved.confidential
        assert resolved.body["a"][0] not in repr(resolved)
        wanted = secret("x", "sk-geheim")[1]
        run = Provisioning("127.0.0.1:1", server.address, tmp_path / "journal.jsonl")
        with pytest.raises(Exception, match="sk-geheim") as raised:
            Resources(run.connection).start_create(
                wanted.kind, wanted.id, wanted.name, wanted.initial
            )
    hidden = type(resolved)({}, frozenset({"sk-geheim"})).hidden(raised.value)  # type: ignore[arg-type]  # one of ours
    assert "(nicht gezeigt)" in str(hidden)
    assert not any(text in str(hidden) for text in ("sk-geheim", "c2stZ2VoZWlt"))


def test_a_lost_answer_makes_nothing_twice(run: Provisioning, sandbox: Sandbox) -> None:
    container, version = secret("verloren")
    for method in ("networks.insert", "AddSecretVersion", "CreateSecret"):
        sandbox.add_fault(method, "lost", "UNAVAILABLE")
    wanted = (network("verloren"), container, version)
    outcome = run.apply(*wanted)
    assert {one.key for one in wanted} == set(outcome.done)
    assert 1 == Secrets(run.connection).newest_version(container.name)


def test_an_answer_that_is_lost_in_an_update_changes_nothing_twice(
    run: Provisioning, sandbox: Sandbox
) -> None:
    run.apply(network("weg"), subnetwork("weg", "weg", ipCidrRange="10.4.1.0/24"))
    wanted = subnetwork("weg", "weg", ipCidrRange="10.4.1.0/24", privateIpGoogleAccess=True)
    sandbox.add_fault("subnetworks.patch", "lost", "UNAVAILABLE")
    assert [wanted.key] == list(run.apply(network("weg"), wanted).done)
    assert [] == run.deviations(network("weg"), wanted)


@pytest.mark.parametrize(
    ("code", "error"),
    [("PERMISSION_DENIED", PermissionDenied), ("RESOURCE_EXHAUSTED", QuotaExceeded)],
)
def test_what_is_refused_stops_what_depends_on_it_and_nothing_else(
    run: Provisioning, sandbox: Sandbox, code: str, error: type[Exception]
) -> None:
    name = code.lower().replace("_", "-")
    wanted = (network(name), subnetwork(name, name, ipCidrRange="10.5.1.0/24"), *secret(name))
    plan = run.plan(wanted)
    sandbox.add_fault("networks.insert", "fail", code)
    outcome = run.schedule(plan, wanted).run(7)
    assert [error] == [type(failed) for failed in outcome.failed.values()]
    assert {wanted[1].key} == set(outcome.skipped)
    assert {one.key for one in wanted[2:]} == set(outcome.done)
    again = run.schedule(plan, wanted).run(7)
    assert {one.key for one in wanted} == set(again.done)


def test_a_field_that_was_changed_by_hand_since_the_plan_is_left_alone(run: Provisioning) -> None:
    body = {"autoCreateSubnetworks": False}
    before = resource("compute.networks", "hand", body | {"mtu": 1460})
    run.apply(before)
    wanted = (resource("compute.networks", "hand", body | {"mtu": 1500}),)
    plan = run.plan(wanted)
    resources = Resources(run.connection)
    resources.start_update(before.kind, before.name, Patch({"mtu": 1400}, ()))
    (failed,) = run.schedule(plan, wanted).run(7).failed.values()
    assert isinstance(failed, ChangedByHand)
    assert "VPC-Netz hand wurde seit dem Plan von Hand geändert: mtu." == failed.message
    found = resources.read(before.kind, before.name, {})
    assert found is not None
    assert 1400 == found["mtu"]


def test_what_cannot_be_changed_is_replaced_where_that_is_agreed_to(run: Provisioning) -> None:
    def address(prefix: int) -> Resource:
        body = {"addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": prefix}
        body["network"] = network("neu").name
        return resource("compute.globalAddresses", "neu", body, "compute.networks/neu")

    run.apply(network("neu"), address(20))
    assert {} == run.apply(network("neu"), address(24)).done
    outcome = run.apply(network("neu"), address(24), replace=[address(24).key])
    assert [address(24).key] == list(outcome.done)
    assert [] == run.deviations(network("neu"), address(24))


def test_an_operation_that_ends_in_an_error_fails_its_action_with_that_error(
    tmp_path: Path,
) -> None:
    operation = {"name": "o", "status": "RUNNING"}
    failed = {"name": "o", "status": "DONE", "error": {"errors": [{"message": "Kein Platz."}]}}
    with scripted((404, {}), (200, operation), (200, operation), (200, failed)) as server:
        run = Provisioning("127.0.0.1:1", server.address, tmp_path / "journal.jsonl")
        outcome = run.apply(network("main"))
    (error,) = outcome.failed.values()
    assert isinstance(error, ActionFailed)
    assert "Anlegen von VPC-Netz main ist fehlgeschlagen: Kein Platz." == error.message
    assert ["GET", "POST", "GET", "GET"] == server.asked


def test_another_operation_on_the_same_resource_is_waited_for(tmp_path: Path) -> None:
    busy = {"error": {"errors": [{"reason": "operationInProgress"}]}}
    done = {"name": "o", "status": "DONE"}
    wanted = resource("sql.databases", "main/app")
    made: list[tuple[int, Any]] = [(200, done), (200, done), (200, {"name": "app"})]
    answers = [(404, {}), (409, busy), (409, busy), *made]
    with scripted(*answers) as server:
        run = Provisioning("127.0.0.1:1", server.address, tmp_path / "journal.jsonl")
        assert [wanted.key] == list(run.apply(wanted).done)
    assert ["GET", "POST", "POST", "POST", "GET", "GET"] == server.asked


def test_an_operation_that_does_not_end_is_named_at_the_deadline(tmp_path: Path) -> None:
    running = {"name": "o", "status": "RUNNING"}
    with scripted((404, {}), (200, running)) as server:
        run = Provisioning("127.0.0.1:1", server.address, tmp_path / "j.jsonl", deadline=0.2)
        (error,) = run.apply(network("main")).failed.values()
    assert f"Operation projects/{PROJECT}/global/operations/o" in str(error)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${operator}", "nur eine Person"),
        ("${pubsub.topics/fehlt#name}", "gibt es nicht"),
        ("${pubsub.topics/unbekannt#name}", "Die Umgebung hat kein"),
    ],
)
def test_a_value_that_cannot_be_had_is_named(run: Provisioning, text: str, why: str) -> None:
    missing = resource("pubsub.topics", "fehlt")
    placeholders = Placeholders(run.connection, {missing.key: missing.name})
    with pytest.raises(ValueMissing, match=why) as raised:
        placeholders.resolved({"a": text})
    assert text == raised.value.placeholder


def provision(sandbox: Sandbox, journal: Path, crash_after: int | None = None) -> int:
    """Provision in a process of its own; return its exit status."""
    environment = {**os.environ, "LEITSTAND_CRASH_AFTER": str(crash_after or "")}
    command = [sys.executable, "-m", "tests.execution.provisioning_process"]
    command += [sandbox.grpc, sandbox.rest, str(journal)]
    return subprocess.run(command, env=environment, cwd=ROOT, timeout=60).returncode


def check_resumes(sandbox: Sandbox, run: Provisioning, crash_after: int) -> None:
    assert -signal.SIGKILL == provision(sandbox, run.path, crash_after)
    assert 0 == provision(sandbox, run.path)
    assert [] == run.deviations(*WANTED)
    assert 1 == Secrets(run.connection).newest_version(WANTED[3].name)
    outcomes = [str(event["id"]) for event in run.journal if event["event"] == "action.outcome"]
    assert sorted(one.key for one in WANTED) == sorted(outcomes)


def test_a_killed_provisioning_is_finished_by_the_next_attempt(
    sandbox: Sandbox, run: Provisioning
) -> None:
    check_resumes(sandbox, run, 9)


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(3, EVENTS))
def test_a_provisioning_killed_after_any_event_is_finished_by_the_next_attempt(
    tmp_path: Path, crash_after: int
) -> None:
    own = control.start(tmp_path / "sandbox", EMPTY, lifeline=True)
    try:
        run = Provisioning(own.grpc, own.rest, tmp_path / "journal.jsonl")
        check_resumes(own, run, crash_after)
    finally:
        own.stop()
