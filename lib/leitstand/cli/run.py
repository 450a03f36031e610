"""``leitstand run``, ``runs`` and ``html``: execute a runbook, list what ran, copy it as HTML."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leitstand import project
from leitstand.cli.german import Command
from leitstand.cli.output import console, german_seconds, line, print_json, table
from leitstand.cli.parameters import Assignments, ParameterFiles, given_parameters
from leitstand.cli.problems import explain
from leitstand.core.errors import ExitCode, LeitstandError
from leitstand.notebook.scheduled import report_end
from leitstand.notebook.template import find_template, read_template

if TYPE_CHECKING:
    from leitstand.notebook.conclusion import Result

__all__ = ["add_to", "local_time", "show_result"]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(cls=Command)(run)
    app.command(cls=Command)(runs)
    app.command(cls=Command)(html)


def run(
    runbook: Annotated[str, typer.Argument(metavar="RUNBOOK", help="Name oder Pfad.")],
    parameter: Assignments = None,
    file: ParameterFiles = None,
    env: Annotated[str, typer.Option(metavar="UMGEBUNG", help="sandbox, staging, prod.")] = "",
    ticket: Annotated[str, typer.Option(metavar="TICKET", help="Nummer des Tickets.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Änderungen ausführen.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Auch als HTML ablegen.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nur Fehler zeigen.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Ergebnis als JSON ausgeben.")] = False,
    ignore_prediction: Annotated[
        str,
        typer.Option(metavar="GRUND", help="Über die Vorhersage der Probe hinweggehen."),
    ] = "",
) -> None:
    """Führt ein Runbook aus und legt Notebook und Journal ab."""
    from leitstand.notebook.runner import run_notebook

    root = _root()
    try:
        if ignore_prediction:
            from leitstand.notebook.like_store import ignoring_prediction

            ignoring_prediction(ignore_prediction)
        template = read_template(find_template(runbook, root / "runbooks" if root else None))
        switches: dict[str, str | bool] = {"env": env, "ticket": ticket, "apply": apply}
        given = given_parameters(template, parameter or (), file or (), switches)
        runs_directory = project.runs_directory()
        with _listening(quiet=quiet or as_json) as listener:
            result = run_notebook(
                template, given, runs_directory, project=root, listener=listener, html=as_html
            )
    except LeitstandError as error:
        report_end(Path(runbook).stem, "", error.exit_code, error.message)
        if as_json:
            print_json(_refusal(error))
        raise
    show_result(result, as_json=as_json, quiet=quiet)
    raise typer.Exit(result.exit_code)


def show_result(result: "Result", *, as_json: bool = False, quiet: bool = False) -> None:
    """Print how a run ended: the result on standard output, what went wrong on standard error."""
    from leitstand.notebook.wording import STATUS

    if as_json:
        print_json(result.as_data())
        return
    if result.exit_code != ExitCode.SUCCESS:
        explain(result.message, result.advice, finding=result.exit_code == ExitCode.FINDING)
    if quiet:
        return
    mark, style = ("✓", "green") if result.exit_code == ExitCode.SUCCESS else ("✗", "red")
    words = STATUS[result.status]
    line(f"{mark} Lauf {result.run} {words} nach {german_seconds(result.duration)}.", style)
    line(f"  Notebook: {result.html or result.notebook}")
    line(f"  Beleg: {result.record or result.unsealed}")


def runs(
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="Höchstens so viele.")] = 20,
    env: Annotated[
        str,
        typer.Option(metavar="UMGEBUNG", help="Auch offene Läufe aus dem Speicher der Umgebung."),
    ] = "",
) -> None:
    """Zeigt die Läufe auf diesem Rechner, den neuesten zuerst."""
    from leitstand.cli.run_list import listed
    from leitstand.notebook.wording import STATUS

    rows = listed(env)[:most]
    if as_json:
        print_json([row.as_data() for row in rows])
        return
    if not rows:
        line("Noch keine Läufe.")
        return
    place = ("Ort",) if env else ()
    table(
        ("Lauf", "Umgebung", "Bediener", "Ticket", "Beginn", "Ergebnis", *place),
        [
            (
                *(r.id, r.env, r.operator, r.ticket, local_time(r.started_at), STATUS[r.status]),
                *((r.place,) if env else ()),
            )
            for r in rows
        ],
    )


def html(
    run: Annotated[str, typer.Argument(metavar="LAUF", help="Kennung oder ihr Anfang.")],
) -> None:
    """Legt das Notebook eines Laufs als eine HTML-Datei ab."""
    from leitstand.notebook.aftercare import find_run
    from leitstand.notebook.html import write_html

    line(str(write_html(find_run(run).notebook)))


def _root() -> Path | None:
    """Return the root of the project; a notebook can run without one if its runs have a place."""
    try:
        return project.project_root()
    except LeitstandError:
        return None


def _listening(*, quiet: bool) -> Any:
    from contextlib import nullcontext

    from leitstand.notebook.listener import SilentListener

    if quiet:
        return nullcontext(SilentListener())
    from leitstand.notebook.terminal import view

    return view(console(), quiet=False)


def _refusal(error: LeitstandError) -> dict[str, object]:
    return {
        "run": "",
        "status": "refused",
        "exit_code": int(error.exit_code),
        "error": type(error).__name__,
        "message": error.message,
        "advice": error.advice,
    }


def local_time(moment: str) -> str:
    """Return an ISO time as German local time; a text that is none as it is."""
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(moment).astimezone():%d.%m.%Y %H:%M:%S}"
    except ValueError:
        return moment
