"""A migration killed after any event of its journal ends as if it had not been killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.migrating import Migrating
from tests.fixtures.world import World

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "web:2.1.0"
# run.started; the preparation: plan.made, approval.given, and intent, operation and outcome of two
# actions; the schema: plan.made, approval.given, the backup's three, and four of the migration,
# whose restore point stands between intent and operation; the vectors: two and four;
# run.completed.
EVENTS = 1 + (2 + 2 * 3) + (2 + 3 + 4) + (2 + 4) + 1
QUICK = (5, 16, 17)


def migrate(world: World, crash_after: int | None = None) -> int:
    """Run the migration in a process of its own; return its exit status."""
    environment = {name: v for name, v in os.environ.items() if name != "LEITSTAND_CRASH_AFTER"}
    if crash_after is not None:
        environment["LEITSTAND_CRASH_AFTER"] = str(crash_after)
    command = [sys.executable, "-m", "tests.execution.migration_process"]
    command += [str(world.sandbox.directory), str(world.journal.path), IMAGE]
    return subprocess.run(command, env=environment, cwd=ROOT, timeout=90).returncode


def check_resumes(world: World, crash_after: int) -> None:
    assert -signal.SIGKILL == migrate(world, crash_after)
    assert crash_after == len(world.journal.events())
    assert 0 == migrate(world)
    migrating = Migrating(world)
    assert [1, 1, 1] == [
        len(migrating.executions(*args))
        for args in (["plan"], ["migrate", "documents"], ["migrate", "vectors"])
    ]
    assert [
        *(f"documents.000{n}" for n in range(1, 5)),
        *(f"vectors.000{n}" for n in range(1, 5)),
    ] == [name[: name.index("_")] for name in migrating.applied()]
    backups = world.connection.sql_backups.list(
        request={"project": world.environment.project, "instance": "main"}
    )
    assert 1 == len([b for b in backups if b.description.startswith("leitstand ")])
    done = [e["id"] for e in world.journal if e["event"] == "action.outcome"]
    assert ["job", "plan", "backup", "migrate", "migrate-vectors"] == done


@pytest.mark.parametrize("crash_after", QUICK)
def test_a_killed_migration_is_finished_by_the_next_attempt(
    world_with_database: World, crash_after: int
) -> None:
    check_resumes(world_with_database, crash_after)


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(1, EVENTS))
def test_a_migration_killed_after_any_event_is_finished_by_the_next_attempt(
    world_with_database: World, crash_after: int
) -> None:
    check_resumes(world_with_database, crash_after)
