"""A release killed after any event of its journal ends as if it had not been killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leitstand.core.errors import RolledBack, RunFailed
from leitstand.execution.history import History
from leitstand.execution.recovery import recover
from tests.fixtures.world import World

ROOT = Path(__file__).resolve().parents[2]
# run.started, plan.made, approval.given; then for each of five actions intent, operation and
# outcome, with four verdicts between them; run.completed.
EVENTS = 3 + 5 * 3 + 4 + 1
QUICK = (5, 12)


def release(world: World, crash_after: int | None = None) -> int:
    """Run the release in a process of its own; return its exit status."""
    environment = {name: v for name, v in os.environ.items() if name != "LEITSTAND_CRASH_AFTER"}
    if crash_after is not None:
        environment["LEITSTAND_CRASH_AFTER"] = str(crash_after)
    command = [sys.executable, "-m", "tests.execution.release_process"]
    command += [str(world.sandbox.directory), str(world.journal.path), "web:1.1.0"]
    return subprocess.run(command, env=environment, cwd=ROOT, timeout=90).returncode


def check_resumes(world: World, crash_after: int) -> None:
    with world.load(rate=100):
        assert -signal.SIGKILL == release(world, crash_after)
        assert crash_after == len(world.journal.events())
        assert 0 == release(world)
    revisions = [r.name for r in world.run.list_revisions(world.service)]
    assert 2 == len(revisions)
    assert {revisions[0]: 100} == world.serving()
    assert set() == world.tags()
    done = [e["id"] for e in world.journal if e["event"] == "action.outcome"]
    assert ["candidate", "traffic-10", "traffic-50", "traffic-100", "tags"] == done


@pytest.mark.parametrize("crash_after", QUICK)
def test_a_killed_release_is_finished_by_the_next_attempt(world: World, crash_after: int) -> None:
    check_resumes(world, crash_after)


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(1, EVENTS))
def test_a_release_killed_after_any_event_is_finished_by_the_next_attempt(
    world: World, crash_after: int
) -> None:
    check_resumes(world, crash_after)


@pytest.mark.parametrize("crash_after", [3, 9])
def test_a_killed_release_can_be_taken_back(world: World, crash_after: int) -> None:
    with world.load(rate=100):
        release(world, crash_after)
    begun = History.read(world.journal).started
    ended = recover("run", world.journal, world.connection, "Der Kernel ist abgestürzt.")
    assert isinstance(ended, RolledBack if begun else RunFailed)
    assert {"web-00001-start": 100} == world.serving()
    assert set() == world.tags()
