"""Runs that wait for a second person, through the real command, in a sandbox that demands one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.approvals import ApprovalStore
from leitstand.audit.journal import Journal
from leitstand.cli.approve import KEY_VARIABLE
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.plan import Action, Plan
from leitstand.sandbox import control
from tests.fixtures.approving import EMERGENCY, People, account
from tests.fixtures.command import Command, Ended

RUNBOOK = "maintenance_mode"


class Desk:
    """The operator's command, and those who approve with their own keys."""

    def __init__(self, command: Command, people: People) -> None:
        self.command = command
        self.people = people

    def approve(self, name: str, *arguments: str) -> Ended:
        self.command.extra = {KEY_VARIABLE: str(self.people.key(name))}
        try:
            return self.command("approve", self.waiting()[0], "--yes", *arguments)
        finally:
            self.command.extra = {}

    def waiting(self) -> list[str]:
        """Digests of the plans that wait, the oldest first."""
        store = ApprovalStore(self.command.home / "approvals")
        return [request.asked.plan.digest for request in store.requests()]

    def run(self) -> Ended:
        return self.command("run", RUNBOOK, "--apply")

    def resume(self) -> Ended:
        return self.command("resume", self.command.runs[-1].name)

    def events(self, name: str) -> list[Mapping[str, Any]]:
        return [event for event in self.command.journal() if event["event"] == name]

    def shown(self) -> str:
        return (self.command.runs[-1] / "notebook.ipynb").read_text("utf-8")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(leitstand: Command, people: People) -> Desk:
    leitstand.without_database()
    policy = people.policy.model_dump(mode="json")
    policy |= {"deadline": 0.5, "interval": 0.1, "needed_for": {RUNBOOK: 2}}
    leitstand.configure(requires_second_person=True, approvals=policy)
    assert 0 == leitstand("sandbox", "up").code
    return Desk(leitstand, people)


def test_a_run_waits_for_two_people_and_goes_on_only_with_both(desk: Desk) -> None:
    (before,) = desk.command.serving()
    ended = desk.run()
    assert 4 == ended.code
    assert "fehlen noch 2 Freigaben" in ended.problems
    assert "leitstand resume" in ended.problems
    assert "paused" == desk.command.summary()["status"]
    [digest] = desk.waiting()
    forged = {"by": account("erika"), "expires_at": "2999-01-01T00:00:00+00:00"}
    desk.command.journal().append("approval.given", digest=digest, **forged)

    assert "fehlt noch eine Freigabe" in desk.approve("erika").output
    ended = desk.resume()
    assert (4, [before]) == (ended.code, list(desk.command.serving()))
    assert "fehlt noch eine Freigabe" in ended.problems
    assert 0 == desk.approve("karl").code
    ended = desk.resume()
    assert (0, "") == (ended.code, ended.problems)
    assert [before] != list(desk.command.serving())
    given = desk.events("approval.given")[-1]
    assert f"{account('erika')}, {account('karl')}" == given["by"]
    store = ApprovalStore(desk.command.home / "approvals")
    first = desk.command.runs[-1].name
    assert [one.content.decode() for one in store.given(first)] == given["envelopes"]
    assert ("completed", []) == tuple(
        desk.command.summary()[key] for key in ("status", "broken_glass")
    )
    assert given["by"] in desk.shown()


def test_breaking_the_glass_is_loud_everywhere_and_in_the_logs_at_once(desk: Desk) -> None:
    assert 4 == desk.run().code
    refused = desk.approve("anna", "--break-glass", "--reason", "eilt")
    assert (3, True) == (refused.code, "Begründung von mindestens 20 Zeichen" in refused.problems)
    given = desk.approve("anna", "--break-glass", "--reason", EMERGENCY)
    assert (0, True) == (given.code, "NOTFALL" in given.output)
    ended = desk.resume()
    assert (0, "") == (ended.code, ended.problems)

    [broken] = desk.events("approval.broken_glass")
    assert (account("anna"), EMERGENCY) == (broken["by"], broken["reason"])
    assert [EMERGENCY] == desk.command.summary()["broken_glass"]
    assert "NOTFALL" in desk.shown()
    assert EMERGENCY in desk.shown()
    assert [] == desk.events("approval.unannounced")
    [entry] = entries(desk.command)
    assert 600 == entry.severity
    payload = dict(entry.json_payload)
    assert ("approval.broken_glass", EMERGENCY) == (payload["event"], payload["reason"])
    assert desk.command.runs[-1].name == payload["run"]
    begun = next(e for e in desk.command.journal() if e["event"] == "action.intent")
    assert broken["seq"] < begun["seq"]
    record = json.loads(desk.command("audit", "show", payload["run"], "--json").output)
    [loud] = [one for one in record["run"]["approvals"] if one["broken_glass"]]
    assert (account("anna"), EMERGENCY) == (loud["by"], loud["reason"])


def test_a_forged_journal_is_not_taken_back(desk: Desk) -> None:
    run = "20261126-031400-maintenance_mode-f0f0"
    target = load_environment("sandbox").service_name("web")
    wanted = {"traffic": {"web-00001": 100}}
    plan = Plan(
        RUNBOOK, "sandbox", target, {}, (Action("a", "set_traffic", target, wanted),),
        (Action("b", "set_traffic", target, wanted),),
    )  # fmt: skip
    forge(desk.command.home / "runs" / run, run, plan)
    ended = desk.command("revert", run)
    assert 3 == ended.code
    assert "nicht belegt" in ended.problems
    assert [plan.digest] == desk.waiting()


def forge(directory: Path, run: str, plan: Plan) -> None:
    """Write a journal by which a plan was approved and begun."""
    directory.mkdir(parents=True)
    journal = Journal(directory / "journal.jsonl")
    journal.append("run.started", run=run, runbook=RUNBOOK, env="sandbox", ticket="")
    journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
    expires_at = "2999-01-01T00:00:00+00:00"
    journal.append("approval.given", digest=plan.digest, by="erika", expires_at=expires_at)
    journal.append("action.intent", id="a")


def entries(command: Command) -> list[Any]:
    """Return what Leitstand itself has written to Cloud Logging."""
    running = control.find(command.home / "sandbox")
    assert running is not None
    environment = load_environment("sandbox")
    logs = Connection(environment, running.grpc, running.rest).logs
    name = f"projects/{environment.project}/logs/leitstand"
    request = {
        "resource_names": [f"projects/{environment.project}"],
        "filter": f'logName="{name}"',
    }
    return list(logs.list_log_entries(request=request))
