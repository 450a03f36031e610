"""What the journal of a run says about where it acts. Read-only."""

from typing import TYPE_CHECKING, Any

from leitstand.configuration import load_environment
from leitstand.core.open_run_errors import OtherSandbox
from leitstand.core.resuming import check_project
from leitstand.notebook.run_directory import RunDirectory

if TYPE_CHECKING:
    from leitstand.core.environment import Environment

__all__ = ["check_place", "environment_of", "started"]


def started(run: RunDirectory) -> dict[str, Any]:
    """Return the event ``run.started`` of a run; empty where it has none."""
    return next((event for event in run.journal if event["event"] == "run.started"), {})


def environment_of(run: RunDirectory) -> "Environment":
    """Return the environment in which a run acts, as its file is now."""
    return load_environment(str(started(run).get("env", "")))


def check_place(run: RunDirectory) -> None:
    """Refuse a run whose environment is another project or sandbox than when it acted.

    Raises:
        OtherProject: its environment belongs to another project now.
        OtherSandbox: it acted in another sandbox.
    """
    from leitstand.notebook.sandboxes import world_of

    environment = environment_of(run)
    check_project(run.id, environment.name, started(run), environment.project)
    made_in = acted_in = ""
    for event in run.journal:
        if event["event"] == "plan.made":
            made_in = str(event.get("world", ""))
        elif event["event"] == "action.intent":
            acted_in = made_in
    if acted_in and acted_in != world_of(environment):
        raise OtherSandbox(run.id)
