"""Copy mode of a run: what is left of its plans as commands, printed or kept beside the journal."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from leitstand.configuration import load_environment
from leitstand.core.commands.block import Setting
from leitstand.core.commands.script import Progress, Stage, script
from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.plan import Plan
from leitstand.execution.history import History
from leitstand.notebook.run_directory import RunDirectory, write_private
from leitstand.project import sandbox_directory

__all__ = ["COMMANDS_FILE", "NoPlan", "commands_of", "write_commands"]

COMMANDS_FILE: Final = "commands.sh"

Event = Mapping[str, Any]


class NoPlan(InputError):
    """A run has made no plan, so there is nothing to put as commands."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} hat keinen Plan; es gibt keine Befehle zu zeigen.",
            "Nehmen Sie ein Runbook, das etwas ändert, oder einen Lauf, der bis zum Plan kam.",
        )
        self.run = run


def commands_of(run: RunDirectory) -> str:
    """Return what is left of a run as commands; reads its journal, changes nothing.

    Raises:
        NoPlan: it has made none.
        EnvironmentMissing: the environment in which it acted is gone.
    """
    events = list(run.journal)
    started = next((event for event in events if event["event"] == "run.started"), {})
    return _commands(events, load_environment(str(started.get("env", ""))), run.id)


def write_commands(run: RunDirectory, environment: Environment) -> Path:
    """Write ``commands.sh`` beside the journal; return its path.

    It is made from the journal alone, which holds no secret: it refuses a plan that does, and masks
    all else. Masking the text again would spoil it: ``Bearer $(…)`` looks like a token.

    Args:
        run: Its journal holds a plan.
        environment: Where it acts.

    Raises:
        NoPlan: the journal holds none.
        OSError: the file cannot be written.
    """
    path = run.path / COMMANDS_FILE
    write_private(path, _commands(list(run.journal), environment, run.id))
    return path


def _commands(events: Iterable[Event], environment: Environment, run: str) -> str:
    events = list(events)
    stages = list(_stages(events))
    if not stages:
        raise NoPlan(run)
    started = next((event for event in events if event["event"] == "run.started"), {})
    return script(
        stages,
        Setting.of(environment, run=run, endpoint=_endpoint(environment)),
        runbook=str(started.get("runbook", "") or stages[0].plan.runbook),
        now=datetime.now(UTC),
        ticket=str(started.get("ticket", "")),
    )


def _stages(events: list[Event]) -> Iterable[Stage]:
    """Yield the last plan of every name, in the order in which the names came up.

    A plan that was begun stays, even if another was made after it.
    """
    history = History.read(events)
    made: dict[str, Plan] = {}
    for event in events:
        if event["event"] == "plan.made":
            plan = Plan.from_data(event["plan"])
            made[plan.runbook] = plan
    givers = {e["digest"]: str(e["by"]) for e in events if e["event"] == "approval.given"}
    for name, newest in made.items():
        approved = history.plans.get(name)
        plan = approved if approved is not None and history.begun(approved) else newest
        known = approved is not None and approved.digest == plan.digest
        yield Stage(
            plan,
            approved_by=givers.get(plan.digest, "") if known else "",
            # A run that only showed its plan has ended as well, with all still to be done.
            ended=history.ended and history.started,
            progress=_progress(history, plan) if known else {},
        )


def _progress(history: History, plan: Plan) -> dict[str, Progress]:
    found = {action.id: history.action(action.id) for action in (*plan.actions, *plan.way_back)}
    return {
        name: Progress(one.intended, one.operation, one.done, one.status == "failed")
        for name, one in found.items()
        if one.intended
    }


def _endpoint(environment: Environment) -> str:
    """Return the address of a sandbox's REST APIs, one of nobody while it does not run (RFC 6761,
    6.4); empty for all others."""
    if environment.sandbox is None:
        return ""
    from leitstand.sandbox import control

    with suppress(control.SandboxError, OSError):
        found = control.find(sandbox_directory())
        if found is not None:
            return found.rest
    return "http://sandbox.invalid"
