"""``leitstand show … --commands``: the steps of a runbook or a run as commands to copy."""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leitstand import project
from leitstand.cli.problems import explain
from leitstand.core.errors import ExitCode
from leitstand.core.parameters import parse_assignments
from leitstand.notebook.template import find_template, read_template

if TYPE_CHECKING:
    from leitstand.notebook.run_directory import RunDirectory

__all__ = ["print_commands"]

_RUN = re.compile(r"\d{8}(-.*)?")


def print_commands(
    name: str, assignments: Sequence[str], runbooks: Callable[[str], Path | None]
) -> None:
    """Print the commands of a run, by its id or its beginning, or of a runbook.

    A runbook is executed up to its plan, and changes nothing.

    Args:
        name: Of the run or the runbook.
        assignments: Parameters, for a runbook.
        runbooks: Gives where a runbook is looked for; None without a project.

    Raises:
        NoPlan: no plan was made.
        LeitstandError: the runbook or the run is unknown, or a parameter does not fit.
    """
    from leitstand.notebook.aftercare import find_run
    from leitstand.notebook.copy_mode import commands_of

    run = find_run(name) if _RUN.fullmatch(name) else _planned(name, assignments, runbooks(name))
    # As they are: no console may fold or colour what is to be copied.
    sys.stdout.write(commands_of(run))
    sys.stdout.flush()


def _planned(runbook: str, assignments: Sequence[str], runbooks: Path | None) -> "RunDirectory":
    from leitstand.notebook.copy_mode import COMMANDS_FILE
    from leitstand.notebook.listener import SilentListener
    from leitstand.notebook.run_directory import RunDirectory
    from leitstand.notebook.runner import run_notebook

    template = read_template(find_template(runbook, runbooks))
    given: dict[str, object] = dict(parse_assignments(template.parameters, assignments))
    if any(parameter.name == "apply" for parameter in template.parameters):
        given["apply"] = False
    result = run_notebook(
        template,
        given,
        project.runs_directory(),
        project=project.project_root() if runbooks else None,
        listener=SilentListener(),
    )
    run = RunDirectory(Path(result.directory))
    if result.exit_code != ExitCode.SUCCESS:
        explain(result.message, result.advice, finding=result.exit_code == ExitCode.FINDING)
        if not (run.path / COMMANDS_FILE).is_file():
            raise typer.Exit(result.exit_code)
    return run
