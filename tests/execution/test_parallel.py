"""Actions run at the same time, each as soon as what it needs is there; on real files."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.core.plan import Action, Approval, Approved, Plan
from leitstand.execution.executor import ActionFailed, Executor, Watch
from leitstand.execution.parallel import Schedule, Status
from tests.fixtures.times import LATER


class Files:
    """Makes a file; waits for another one first, where the action names one.

    Attributes:
        most: The largest number of actions that ran at the same time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0

    def reached(self, action: Action) -> bool:
        return (self._directory / action.id).exists()

    def start(self, action: Action, etag: str) -> str:
        if action.arguments.get("fails") and not (self._directory / "repaired").exists():
            raise ActionFailed(action.id, "Es geht nicht")
        if action.arguments.get("broken"):
            raise ZeroDivisionError
        missing = [n for n in action.arguments["after"] if not (self._directory / n).exists()]
        assert [] == missing
        return f"operation-{action.id}"

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        wanted = self._directory / action.arguments.get("waits_for", ".")
        while not wanted.exists():
            watch(f"wartet auf {wanted.name}")
            time.sleep(0.005)
        time.sleep(action.arguments.get("seconds", 0))
        with (self._directory / action.id).open("x"):
            pass
        with self._lock:
            self._running -= 1
        return {"name": action.id}


def action(id: str, *after: str, step: int = 1, slow: bool = False, **more: Any) -> Action:
    arguments = {"after": list(after), "step": step, "slow": slow, **more}
    return Action(id, "file", f"files/{id}", arguments)


class Run:
    """A schedule of these actions, its journal, and what it told."""

    def __init__(
        self,
        directory: Path,
        *actions: Action,
        workers: int = 8,
        refuse: Callable[[Action], str] = lambda action: "",
    ) -> None:
        self.told: list[tuple[str, Status]] = []
        self.interrupted_by = ""
        self.journal = Journal(directory / "journal.jsonl")
        self.files = Files(directory)
        plan = Plan("provision", "sandbox", "projects/p", {}, actions)
        if not self.journal.events():
            self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
            self.journal.append("approval.given", digest=plan.digest, by="test", expires_at=LATER)
        approved = Approved(plan, Approval(plan.digest, "test", LATER))
        executor = Executor(approved, self.journal, {"file": self.files})
        self.schedule = Schedule(
            executor, actions, workers=workers, progress=self._tell, refuse=refuse
        )

    def _tell(self, id: str, status: Status, detail: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.told.append((id, status))
        if status is Status.WAITING and id == self.interrupted_by:
            raise KeyboardInterrupt

    def of(self, status: Status) -> list[str]:
        return [told for told, other in self.told if other is status]

    def journalled(self, event: str) -> list[Any]:
        return [entry["id"] for entry in self.journal if entry["event"] == event]


def test_an_action_starts_when_everything_that_it_needs_is_done(tmp_path: Path) -> None:
    actions = [
        action("netz"),
        action("subnetz", "netz", seconds=0.05),
        action("adresse", "netz", "nicht-im-plan-und-schon-da"),
        action("dienst", "adresse", "subnetz"),
    ]
    (tmp_path / "nicht-im-plan-und-schon-da").touch()
    run = Run(tmp_path, *actions)
    outcome = run.schedule.run(1)
    assert {a.id: {"name": a.id} for a in actions} == outcome.done
    assert "dienst" == run.of(Status.DONE)[-1]
    assert ({}, {}) == (outcome.failed, outcome.skipped)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_run_at_the_same_time_than_there_are_workers(tmp_path: Path, workers: int) -> None:
    actions = [action(f"a{number}", seconds=0.02) for number in range(7)]
    run = Run(tmp_path, *actions, workers=workers)
    assert 7 == len(run.schedule.run(1).done)
    assert workers == run.files.most


def test_a_failure_stops_only_what_depends_on_it_and_names_itself(tmp_path: Path) -> None:
    actions = [
        action("netz", fails=True),
        action("subnetz", "netz"),
        action("dienst", "subnetz"),
        action("thema"),
    ]
    run = Run(tmp_path, *actions)
    outcome = run.schedule.run(1)
    assert ["thema"] == list(outcome.done)
    assert "Es geht nicht." == outcome.failed["netz"].message
    why = "„netz“ ist fehlgeschlagen."
    assert {"subnetz": why, "dienst": why} == outcome.skipped
    (tmp_path / "repaired").touch()
    assert {"netz", "subnetz", "dienst", "thema"} == set(run.schedule.run(1).done)
    assert 1 == run.journalled("action.intent").count("thema")


def test_a_step_runs_what_it_needs_of_later_ones_and_nothing_else(tmp_path: Path) -> None:
    run = Run(tmp_path, action("spät", step=3), action("früh", "spät"), action("später", step=3))
    assert {"spät", "früh"} == set(run.schedule.run(1).done)
    assert {"spät", "früh", "später"} == set(run.schedule.run(3).done)


def test_slow_actions_start_early_and_go_on_while_others_are_looked_at(tmp_path: Path) -> None:
    actions = [
        action("netz"),
        action("datenbank", "netz", step=2, slow=True, waits_for="weiter"),
        action("redis", "fehlt-noch", step=3, slow=True),
        action("fehlt-noch", step=3),
        action("subnetz", "netz", seconds=0.03),
    ]
    run = Run(tmp_path, *actions)
    assert ["netz", "subnetz"] == list(run.schedule.run(1).done)
    assert ["netz", "datenbank", "subnetz"] == run.of(Status.STARTED)
    (tmp_path / "weiter").touch()
    assert "datenbank" in run.schedule.run(2).done
    assert 1 == run.journalled("action.intent").count("datenbank")


def test_nothing_starts_early_where_that_is_not_wanted(tmp_path: Path) -> None:
    run = Run(tmp_path, action("netz"), action("datenbank", step=2, slow=True))
    assert ["netz"] == list(run.schedule.run(1, ahead=False).done)
    assert ["netz"] == run.of(Status.STARTED)


def test_an_interruption_leaves_what_only_waits_to_be_taken_up_again(tmp_path: Path) -> None:
    actions = [action("netz", waits_for="weiter"), action("subnetz", "netz")]
    first = Run(tmp_path, *actions)
    first.interrupted_by = "netz"
    with pytest.raises(KeyboardInterrupt):
        first.schedule.run(1)
    assert ["netz"] == first.journalled("action.operation")
    assert [] == first.journalled("action.outcome")
    (tmp_path / "weiter").touch()
    second = Run(tmp_path, *actions)
    assert ["netz", "subnetz"] == list(second.schedule.run(1).done)
    assert ["netz", "subnetz"] == second.journalled("action.intent")
    outcomes = [e["status"] for e in second.journal if e["event"] == "action.outcome"]
    assert ["found_done", "done"] == outcomes


def test_the_same_schedule_goes_on_after_an_interruption(tmp_path: Path) -> None:
    run = Run(tmp_path, action("netz", waits_for="weiter"), action("thema"))
    run.interrupted_by = "netz"
    with pytest.raises(KeyboardInterrupt):
        run.schedule.run(1)
    (tmp_path / "weiter").touch()
    run.interrupted_by = ""
    assert ["netz", "thema"] == list(run.schedule.run(1).done)


def test_a_mistake_of_a_program_is_raised_and_nothing_is_begun_after_it(tmp_path: Path) -> None:
    actions: Sequence[Action] = [action("a", broken=True), action("b", "a")]
    run = Run(tmp_path, *actions)
    with pytest.raises(ZeroDivisionError):
        run.schedule.run(1)
    assert ["a"] == run.journalled("action.intent")


def test_actions_that_wait_for_each_other_are_named(tmp_path: Path) -> None:
    run = Run(tmp_path, action("a", "b"), action("b", "a"))
    with pytest.raises(ValueError, match="wait for each other"):
        run.schedule.run(1)


def test_what_may_not_be_started_is_left_out_with_all_that_needs_it(tmp_path: Path) -> None:
    actions = [
        action("kurz"),
        action("lang"),
        action("danach", "lang"),
        action("später", step=2, slow=True),
    ]
    late = "Das Fenster ist zu Ende."
    run = Run(tmp_path, *actions, refuse=lambda a: "" if a.id == "kurz" else late)
    outcome = run.schedule.run(1)
    assert ["kurz"] == list(outcome.done)
    assert {"lang": late, "danach": late} == outcome.skipped
    assert ["kurz"] == run.journalled("action.intent")
