"""A release as a process that a test can kill: plan, approve, roll out, or go on with it."""

import sys
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.execution.history import History
from leitstand.execution.recovery import approved_plan
from leitstand.sandbox import control
from tests.fixtures.world import World, short, without_database


def main(sandbox: Path, journal: Path, image: str) -> None:
    running = control.find(sandbox)
    assert running is not None
    world = World(running, without_database(short(load_environment("sandbox"))), Journal(journal))
    approved = approved_plan(world.journal) if History.read(world.journal).open else None
    if approved is None:
        approved = world.approve(world.plan(image))
    rollout = world.rollout(approved)
    uri = rollout.start_candidate(_quiet)
    rollout.smoke_test(uri, _quiet)
    rollout.shift_traffic(_quiet)
    rollout.remove_tags(_quiet)
    world.journal.append("run.completed")


def _quiet(_: str) -> None:
    """Watch nothing."""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
