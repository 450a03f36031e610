"""``leitstand resume`` and ``revert``: go on with a run that ended early, or take it back."""

from typing import Annotated

import typer

from leitstand import project
from leitstand.cli.german import Command
from leitstand.cli.output import console, line
from leitstand.cli.run import show_result
from leitstand.core.errors import ExitCode

__all__ = ["add_to"]

Run = Annotated[str, typer.Argument(metavar="LAUF", help="Kennung oder ihr Anfang.")]
Env = Annotated[
    str,
    typer.Option(metavar="UMGEBUNG", help="Wo ein Lauf eines anderen Rechners gesucht wird."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(cls=Command)(resume)
    app.command(cls=Command)(revert)


def resume(run: Run, env: Env = "") -> None:
    """Setzt einen Lauf fort, der wartet oder abgerissen ist; nichts geschieht doppelt."""
    from leitstand.notebook.aftercare import resumable
    from leitstand.notebook.fetching import newest_state
    from leitstand.notebook.runner import run_notebook
    from leitstand.notebook.terminal import view

    directory = newest_state(run, env)
    template, given = resumable(directory)
    with view(console(), quiet=False) as listener:
        result = run_notebook(
            template,
            given,
            project.runs_directory(),
            project=project.project_root(),
            listener=listener,
            resumed=directory,
        )
    show_result(result)
    raise typer.Exit(result.exit_code)


def revert(run: Run, env: Env = "") -> None:
    """Nimmt einen Lauf zurück, der wartet oder abgerissen ist."""
    from leitstand.notebook.aftercare import revert_run
    from leitstand.notebook.fetching import newest_state

    ended = revert_run(newest_state(run, env))
    if ended.exit_code != ExitCode.ROLLED_BACK:
        raise ended
    line(f"✓ {ended.message}", "green")
    if ended.advice:
        line(f"  {ended.advice}")
