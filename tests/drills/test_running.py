"""A drill from its start over its score to its end, on a small sandbox of web and its database."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from leitstand.audit.journal import Journal
from leitstand.core.drilling.types import Verdict
from leitstand.drills.catalogue import DrillUnknown, find_drill
from leitstand.drills.processes import end_helper, helper_lives
from leitstand.drills.refusals import (
    NoDrill,
    NotProvisioned,
    OnlyInTheSandbox,
    SandboxReset,
    StartCutOff,
)
from leitstand.drills.running import (
    current_drill,
    score_drill,
    start_drill,
    state_file,
    stop_drill,
)
from leitstand.drills.state import DrillOver, DrillState, DrillUnderWay
from leitstand.sandbox import control
from tests.fixtures.command import Command, furnished, new_project

LOCKED = "locked-database"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A project for this process as well as for the command; its sandbox runs."""
    command = Command(*new_project(tmp_path_factory.mktemp("drills")))
    command.production(database=True)
    command.template = furnished(database=True)
    with belonging(command):
        assert 0 == command("sandbox", "up").code
        try:
            yield command
            state = current_drill()
            for helper in state.helpers if state else ():
                end_helper(helper)
        finally:
            control.reset(command.home / "sandbox")


@contextmanager
def belonging(command: Command) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in command.environment.items():
            if name.startswith("LEITSTAND_"):
                patch.setenv(name, value)
        yield


def sandbox_of(command: Command) -> control.Sandbox:
    found = control.find(command.home / "sandbox")
    assert found is not None
    return found


def ranked(command: Command, cause: str, env: str = "sandbox") -> None:
    """Leave the journal of an incident run that ranked a cause first."""
    run = command.home / "runs" / f"20261126-040000-incident-{env}"
    run.mkdir(parents=True)
    journal = Journal(run / "journal.jsonl")
    journal.append("run.started", run=run.name, runbook="incident", env=env)
    found = [{"cause": cause, "target": "app", "score": 0.9}]
    journal.append("incident.ranked", incident="i", hypotheses=found, missing=[])


def test_a_drill_is_started_scored_and_stopped(here: Command) -> None:
    sandbox = sandbox_of(here)
    began = time.monotonic()
    drill = start_drill(LOCKED, baseline=1)
    state = current_drill()
    assert state is not None
    (holder,) = state.helpers
    assert helper_lives(holder)
    assert (LOCKED, True) == (drill.name, sandbox.visits()["running"])
    assert "postgresql://" not in state_file().read_text("utf-8")
    with pytest.raises(DrillUnderWay):
        start_drill(LOCKED)
    with pytest.raises(NoDrill):
        score_drill("bad-release")

    ranked(here, drill.cause.value, env="staging")
    first = score_drill()
    ranked(here, drill.cause.value)
    second = score_drill()
    end_helper(holder)
    last = score_drill(LOCKED, wait=20)

    assert [Verdict.NOT_LOOKED, Verdict.NOT_RECOVERED, Verdict.PASSED] == [
        found.verdict for found in (first, second, last)
    ]
    assert last.seconds_to_cause is not None
    assert last.seconds_to_recovery is not None
    assert last.seconds_to_cause <= last.seconds_to_recovery < time.monotonic() - began
    assert (0, 1, 0) == (last.data_lost, last.runs, last.actions)
    assert last.requests_sent is not None
    assert last.requests_sent > 0
    # What the sandbox forgets at its end was kept.
    sandbox.stop_visits()
    assert last.requests_sent <= (score_drill().requests_sent or 0)

    assert LOCKED == stop_drill()
    assert not helper_lives(holder)
    assert not sandbox.visits()["running"]
    assert not state_file().exists()
    with pytest.raises(NoDrill):
        stop_drill()


def test_a_start_that_was_cut_off_anywhere_is_cleaned_away(here: Command) -> None:
    state = DrillState.begin(state_file(), LOCKED)
    with pytest.raises(StartCutOff, match=LOCKED):
        score_drill()
    assert LOCKED == stop_drill()
    assert not state.path.exists()

    state.path.write_text("{")
    assert "" == stop_drill()

    start_drill(LOCKED, load=False)
    content = json.loads(state.path.read_text("utf-8"))
    del content["injected_at"]
    state.path.write_text(json.dumps(content))
    (helper,) = DrillState(state.path, content).helpers
    with pytest.raises(StartCutOff):
        score_drill()
    assert LOCKED == stop_drill()
    assert not helper_lives(helper)
    assert [] == list((here.home / "sandbox").glob("drill"))


@pytest.mark.usefixtures("here")
def test_a_score_that_waits_ends_when_the_drill_is_stopped_and_does_not_revive_it() -> None:
    start_drill(LOCKED, load=False)
    looking = threading.Event()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(score_drill, wait=20, watch=lambda _: looking.set())
        assert looking.wait(10)
        assert LOCKED == stop_drill()
        with pytest.raises(DrillOver, match="inzwischen beendet"):
            waiting.result(timeout=10)
    assert not state_file().exists()


@pytest.mark.usefixtures("here")
def test_only_what_there_is_can_be_practised_and_only_in_the_sandbox() -> None:
    with pytest.raises(OnlyInTheSandbox, match="In staging gibt es keine Übungen"):
        start_drill(LOCKED, environment="staging")
    with pytest.raises(DrillUnknown, match="Eine Übung namens fire gibt es nicht"):
        start_drill("fire")
    with pytest.raises(NoDrill, match="Es läuft keine Übung"):
        score_drill()
    assert LOCKED == find_drill(LOCKED).name


def test_helpers_end_with_the_sandbox_and_a_reset_one_needs_no_cleaning(here: Command) -> None:
    start_drill(LOCKED, load=False)
    state = current_drill()
    assert state is not None
    (helper,) = state.helpers
    control.reset(here.home / "sandbox")
    deadline = time.monotonic() + 5
    while helper_lives(helper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not helper_lives(helper)

    with pytest.raises(SandboxReset, match="zurückgesetzt"):
        score_drill()
    assert LOCKED == stop_drill()
    assert control.find(here.home / "sandbox") is None


def test_an_empty_sandbox_is_refused_and_nothing_is_left(leitstand: Command) -> None:
    leitstand.template = None
    assert 0 == leitstand("sandbox", "up", "--empty").code
    with belonging(leitstand):
        with pytest.raises(NotProvisioned):
            start_drill(LOCKED)
        assert not state_file().exists()
