"""A migration as a process that a test can kill: prepare, plan, migrate, or go on with it."""

import sys
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.sandbox import control
from tests.fixtures.migrating import SCHEMA, VECTORS, Migrating
from tests.fixtures.world import World, short


def main(sandbox: Path, journal: Path, image: str) -> None:
    running = control.find(sandbox)
    assert running is not None
    migrating = Migrating(World(running, short(load_environment("sandbox")), Journal(journal)))
    if not migrating.world.journal.events():
        migrating.begin()
    pending = migrating.prepare(image)
    migrating.migrate(SCHEMA, pending)
    migrating.migrate(VECTORS, pending)
    migrating.world.journal.append("run.completed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
