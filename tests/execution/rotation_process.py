"""A rotation as a process that a test can kill: observe, plan, apply, or go on with it."""

import sys
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.core.plan import Plan
from leitstand.core.rotation.planning import plan_rotation
from leitstand.execution.history import History
from leitstand.execution.recovery import approved_plan, executor_for
from leitstand.notebook.rotate_secret_observer import Observer
from leitstand.sandbox import control
from tests.fixtures.world import World, short, without_database

SECRET = "django-secret-key"


def plan(world: World, *, source: str = "generated", keep_hours: int = 168) -> Plan:
    """Observe and plan as the runbook does, and journal it."""
    environment = world.environment
    made = plan_rotation(
        Observer(world.connection).situation(SECRET, source, keep_hours),
        environment="sandbox",
        project=environment.project,
        tag=environment.release.candidate_tag,
        disable_old=True,
    )
    world.journal.append("run.started", env="sandbox")
    world.journal.append("plan.made", plan=made.as_data(), digest=made.digest)
    return made


def main(sandbox: Path, journal: Path) -> None:
    running = control.find(sandbox)
    assert running is not None
    world = World(running, without_database(short(load_environment("sandbox"))), Journal(journal))
    approved = approved_plan(world.journal) if History.read(world.journal).open else None
    if approved is None:
        approved = world.approve(plan(world))
    executor_for(approved, world.journal, world.connection).apply_all()
    world.journal.append("run.completed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
