"""A run that starts another waits for it, and never starts a second one beside it."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.index import list_runs
from leitstand.audit.journal import Journal
from leitstand.core.plan import Action, Approval, Approved, Plan
from leitstand.execution.executor import ActionFailed, Executor
from leitstand.notebook import start_run
from leitstand.notebook.managed_run import hold_run
from leitstand.notebook.run_directory import RunDirectory, create_run_directory
from leitstand.notebook.start_run import start_handlers

NOTEBOOKS = Path(__file__).parent / "notebooks"
PARENT, INCIDENT, ID = "20261124-070000-incident-3f9a", "inc-20261124-3f9a", "start-treatment"
CHANGED = ("action.intent", {"id": "end-7", "kind": "session_end"})
FAILED = ("run.failed", {"exit_code": 4})
ANSWER = '{"run": "r", "notebook": "n", "status": "completed"}'


class Starter:
    """The executor of a run with one action, which starts a notebook."""

    def __init__(self, home: Path, notebook: str) -> None:
        self.runs = home / "runs"
        self.runs.mkdir()
        self.journal = Journal(home / "journal.jsonl")
        arguments = {"runbook": str(NOTEBOOKS / f"{notebook}.ipynb"), "parameters": {}}
        action = Action(ID, "start_run", f"incidents/{INCIDENT}", arguments)
        plan = Plan("incident", "sandbox", action.target, {}, (action,))
        later = datetime.now(UTC) + timedelta(hours=1)
        self.approved = Approved(plan, Approval(plan.digest, "test", later))
        self.journal.append("run.started", env="sandbox")
        self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        self.journal.append(
            "approval.given", digest=plan.digest, by="test", expires_at=later.isoformat()
        )

    def apply(self, **options: Any) -> dict[str, Any]:
        """Apply the action as a process that knows nothing but the journal."""
        watch = options.pop("watch", lambda _: None)
        handlers = start_handlers(self.runs, PARENT, INCIDENT, **options)
        return dict(Executor(self.approved, self.journal, handlers).apply(ID, watch))

    def begun_before(self, status: str) -> None:
        """Journal an earlier attempt; one without a status was broken off."""
        self.journal.append("action.intent", id=ID, kind="start_run")
        self.journal.append("action.operation", id=ID, operation="")
        if status:
            self.journal.append("action.outcome", id=ID, status=status)

    def left(self, *events: tuple[str, dict[str, Any]]) -> RunDirectory:
        """Return the run that an earlier attempt left behind."""
        directory = create_run_directory(self.runs, "end_session")
        os.close(hold_run(directory))
        directory.journal.append(
            "run.started", runbook="end_session", incident=INCIDENT, started_by=f"{PARENT}/{ID}"
        )
        for event, fields in events:
            directory.journal.append(event, **fields)
        return directory

    @property
    def started(self) -> list[str]:
        return [entry.id for entry in list_runs(self.runs)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a shell script in the place of the command."""

    def write(script: str) -> None:
        path = tmp_path / "command"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return write


def eventually(holds: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_with_a_finding_has_ended_and_is_not_started_again(home: Path) -> None:
    starter = Starter(home, "finds_something")
    evidence = starter.apply()
    assert ([evidence["run"]], "finding") == (starter.started, evidence["status"])
    assert Path(evidence["notebook"]).is_file()
    assert evidence == starter.apply()
    (entry,) = list_runs(starter.runs)
    assert (INCIDENT, f"{PARENT}/{ID}") == (entry.incident, entry.started_by)


@pytest.mark.parametrize("before", ["failed", ""], ids=["after a failure", "after a break"])
@pytest.mark.parametrize(
    "events",
    [[CHANGED, FAILED], [CHANGED, ("run.paused", {"stage": "10"})], [CHANGED]],
    ids=["failed", "paused", "crashed"],
)
def test_beside_a_run_with_open_changes_none_is_started(
    home: Path, before: str, events: list[Any]
) -> None:
    starter = Starter(home, "no_parameters_cell")
    starter.begun_before(before)
    run = starter.left(*events)
    with pytest.raises(ActionFailed, match=f"leitstand resume {run.id}"):
        starter.apply()
    assert [run.id] == starter.started
    run.journal.append("run.completed")
    notebook = str(run.notebook)
    assert {"run": run.id, "notebook": notebook, "status": "completed"} == starter.apply()
    assert [run.id] == starter.started


@pytest.mark.parametrize(
    ("before", "events"),
    [("failed", [("run.failed", {"exit_code": 3})]), ("", [CHANGED, ("run.rolled_back", {})])],
    ids=["refused", "taken back"],
)
def test_a_run_that_left_nothing_behind_makes_room_for_another(
    home: Path, stand_in: Any, before: str, events: list[Any]
) -> None:
    stand_in(f"echo '{ANSWER}'")
    starter = Starter(home, "sound")
    starter.begun_before(before)
    starter.left(*events)
    assert {"run": "r", "notebook": "n", "status": "completed"} == starter.apply()


def test_a_run_under_way_is_waited_for_until_the_deadline(home: Path) -> None:
    starter = Starter(home, "no_parameters_cell")
    starter.begun_before("failed")
    run = starter.left(CHANGED)
    descriptor = hold_run(run)
    with pytest.raises(ActionFailed, match=f"{run.id} ist nach 0 s noch im Gang"):
        starter.apply(deadline=0)

    def end(_: str) -> None:
        run.journal.append("run.completed")
        os.close(descriptor)

    assert run.id == starter.apply(watch=end)["run"]
    assert [run.id] == starter.started


def test_a_process_that_takes_too_long_is_not_broken_off(home: Path, stand_in: Any) -> None:
    stand_in(f"sleep 1; touch {home}/through")
    with pytest.raises(ActionFailed, match="noch im Gang"):
        Starter(home, "sound").apply(deadline=0.1)
    eventually((home / "through").exists)


def test_a_process_that_writes_much_is_not_held_up(home: Path, stand_in: Any) -> None:
    stand_in(f"head -c 300000 /dev/zero >&2; echo '{ANSWER}'")
    assert "completed" == Starter(home, "sound").apply(deadline=20)["status"]


def test_a_failed_process_says_why(home: Path, stand_in: Any) -> None:
    stand_in("""echo '{"run": "r", "status": "paused", "message": "Zu wenig Verkehr."}'; exit 4""")
    with pytest.raises(ActionFailed, match=r"r: Zu wenig Verkehr\. "):
        Starter(home, "sound").apply()


def test_an_interrupt_reaches_the_run_and_stays_an_interrupt(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_run, "_STOP_SECONDS", 0.0)
    starter = Starter(home, "waits_forever")

    def interrupt(_: str) -> None:
        events = [e["event"] for path in starter.runs.iterdir() for e in RunDirectory(path).journal]
        if 2 <= events.count("cell.started"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        starter.apply(watch=interrupt)
    assert not isinstance(raised.value.__context__, subprocess.TimeoutExpired)
    eventually(lambda: "interrupted" == list_runs(starter.runs)[0].status)
