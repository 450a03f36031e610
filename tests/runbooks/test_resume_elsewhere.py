"""A run whose machine is gone is finished by another one that sees the same stores."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.configuration import load_environment
from leitstand.sandbox import control
from tests.fixtures.command import Command
from tests.runbooks.test_release import eventually

PATIENT = 60.0
EXPIRES = 3


class Machines:
    """Two machines that see one environment, its locks, its records and its open runs.

    Attributes:
        a: The machine on which a run begins.
        b: The other one.
        open: Where open runs lie.
    """

    def __init__(self, leitstand: Command, shared: Path) -> None:
        self.open = shared / "open"
        leitstand.without_database()
        leitstand.configure(
            locks={"store": str(shared / "locks"), "expires": EXPIRES, "heartbeat": 0.5},
            records={
                "store": str(shared / "records"), "anchors": [], "open": str(self.open)
            },
        )  # fmt: skip
        leitstand.extra = {"LEITSTAND_SANDBOX": str(leitstand.home / "sandbox")}
        self.a = leitstand
        self.b = replace(leitstand, home=shared.parent / "b", template=None)
        assert 0 == self.a("sandbox", "up").code

    def pieces(self) -> list[str]:
        return sorted(path.name for path in (self.open / "open").rglob("*") if path.is_file())


@pytest.fixture
def machines(leitstand: Command, tmp_path: Path) -> Machines:
    shared = tmp_path / "shared"
    shared.mkdir()
    return Machines(leitstand, shared)


def power_off_at(machine: Command, until: str, *arguments: str) -> None:
    """Start a run, and kill all that executes it, at once, when its journal holds ``until``.

    Returns when its locks have expired: whoever comes sooner is told who seems to be at work.
    """
    process = machine.start(*arguments)
    try:
        assert eventually(
            lambda: bool(machine.runs) and any(until in json.dumps(e) for e in machine.journal()),
            PATIENT,
        )
    finally:
        for victim in [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]:
            os.kill(victim.pid, signal.SIGKILL)
        process.communicate()
    time.sleep(EXPIRES + 0.5)


def actions(machine: Command, kind: str) -> list[str]:
    return [str(e["id"]) for e in machine.journal(0) if e["event"] == kind]


def test_a_run_whose_machine_died_is_finished_by_another_and_nothing_happens_twice(
    machines: Machines,
) -> None:
    a, b = machines.a, machines.b
    power_off_at(a, '"action.operation"', "run", "maintenance_mode", "--apply")
    run = a.runs[0].name
    begun = actions(a, "action.intent")
    assert (1, True) == (len(begun), bool(machines.pieces()))
    made = revisions(a)

    listed = json.loads(b("runs", "--env", "sandbox", "--json").output)
    assert [(run, "open", str(machines.open))] == [
        (one["id"], one["status"], one["store"]) for one in listed
    ]
    resumed = b("resume", run[:20])
    assert (0, "") == (resumed.code, resumed.problems)
    assert begun == actions(b, "action.intent")[:1]
    assert len(set(actions(b, "action.outcome"))) == len(actions(b, "action.outcome"))
    assert len(set(actions(b, "action.intent"))) == len(actions(b, "action.intent"))
    assert made == revisions(a)
    assert [] == machines.pieces()

    # What machine A still has is old: nobody goes on with it, and nobody seals it a second time.
    again = a("resume", run)
    assert (3, True) == (again.code, "beendet worden" in again.problems), again.problems
    verified = b("audit", "verify", "--env", "sandbox")
    assert 0 == verified.code, verified.output + verified.problems
    assert "run.completed" == b.events(0)[-1]


@pytest.mark.sweep
def test_a_run_whose_machine_died_is_taken_back_by_another(machines: Machines) -> None:
    a, b = machines.a, machines.b
    before = a.serving()
    power_off_at(a, '"action.operation"', "run", "maintenance_mode", "--apply")
    reverted = b("revert", a.runs[0].name)
    assert (0, "") == (reverted.code, reverted.problems)
    assert before == a.serving()
    assert [] == machines.pieces()
    assert 3 == a("revert", a.runs[0].name).code


def revisions(machine: Command) -> int:
    running = control.find(Path(machine.extra["LEITSTAND_SANDBOX"]))
    assert running is not None
    environment = load_environment("sandbox")
    cloud = CloudRun(Connection(environment, running.grpc))
    return len(list(cloud.list_revisions(environment.service_name("web"))))
