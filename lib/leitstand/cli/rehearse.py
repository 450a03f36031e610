"""``leitstand rehearse``: the tour through two releases, or a runbook as it would run elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand.cli.german import Command
from leitstand.cli.output import console, german_seconds, line, print_json, table
from leitstand.cli.parameters import Assignments, ParameterFiles, given_parameters
from leitstand.cli.problems import explain
from leitstand.core.errors import ExitCode, InputError

if TYPE_CHECKING:
    from leitstand.notebook.like import Rehearsal

__all__ = ["LikeMissing", "add_to"]


class LikeMissing(InputError):
    """A runbook and the environment that its rehearsal is like belong together."""

    def __init__(self) -> None:
        super().__init__(
            "Zu einer Probe gehören das Runbook und die Umgebung, der sie gleichen soll.",
            "Zum Beispiel: leitstand rehearse release --like prod -p image=web:1.1.0.",
        )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(rehearse)


def rehearse(
    runbook: Annotated[
        str, typer.Argument(metavar="RUNBOOK", help="Name; ohne ihn die Vorführung.")
    ] = "",
    like: Annotated[
        str, typer.Option(metavar="UMGEBUNG", help="Wem die Probe gleichen soll.")
    ] = "",
    parameter: Assignments = None,
    file: ParameterFiles = None,
    ticket: Annotated[str, typer.Option(metavar="TICKET", help="Nummer des Tickets.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Ergebnis als JSON ausgeben.")] = False,
) -> None:
    """Probt ein Runbook wie auf prod, oder führt ohne Runbook zwei Releases vor."""
    if bool(runbook) != bool(like):
        raise LikeMissing
    if runbook:
        rehearsal = _rehearse_like(runbook, like, (parameter or [], file or [], ticket), as_json)
        raise typer.Exit(rehearsal.result.exit_code)
    _tour()


def _rehearse_like(
    runbook: str, like: str, asked: tuple[list[str], list[Path], str], as_json: bool
) -> "Rehearsal":
    from leitstand.notebook.like import rehearse_like
    from leitstand.notebook.template import find_template, read_template
    from leitstand.notebook.terminal import view
    from leitstand.project import runbooks_directory

    template = read_template(find_template(runbook, runbooks_directory()))
    assignments, files, ticket = asked
    given = given_parameters(template, assignments, files, {"ticket": ticket})
    told: set[str] = set()

    def watch(what: str) -> None:
        stage = what.partition(":")[0]
        if not as_json and stage not in told:
            told.add(stage)
            line(f"▸ {stage}")

    with view(console(), quiet=as_json) as listener:
        rehearsal = rehearse_like(template, given, like, listener, watch)
    if as_json:
        print_json({**rehearsal.result.as_data(), "prediction": rehearsal.prediction.as_data()})
    else:
        _show(rehearsal)
    return rehearsal


def _show(rehearsal: "Rehearsal") -> None:
    from leitstand.cli.run import show_result

    prediction = rehearsal.prediction
    show_result(rehearsal.result)
    table(
        ("Plan", "Ziel", "Aktionen"),
        [
            (
                str(plan["runbook"]),
                str(plan["target"]).rsplit("/", 1)[-1],
                ", ".join(str(action["id"]) for action in plan["actions"]) or "–",
            )
            for plan in prediction.plans
        ],
    )
    line("Nicht nachgebildet:", "bold")
    for sentence in prediction.unlike:
        line(f"  – {sentence}")
    line(f"Vorhersage: {rehearsal.path}")
    if prediction.succeeded:
        line(
            f"Der echte Lauf auf {prediction.environment} mit denselben Parametern vergleicht"
            " jeden Plan damit und hält an, wo er abweicht."
        )


def _tour() -> None:
    from leitstand.notebook.rehearsal import ACTS, fresh_sandbox, release
    from leitstand.notebook.sandboxes import sandbox_explained
    from leitstand.notebook.terminal import view

    done = []
    with sandbox_explained(), fresh_sandbox() as seconds:
        line(f"Die Sandbox ist nach {german_seconds(seconds)} bereit.", "green")
        for number, act in enumerate(ACTS, start=1):
            line(f"\n{number}. {act.title}: {act.image}", "bold")
            with view(console(), quiet=False) as listener:
                rehearsed = release(act, listener)
            done.append(rehearsed)
            if not rehearsed.as_expected:
                explain(rehearsed.result.message, rehearsed.result.advice)
                break
            line(f"✓ {rehearsed.result.message or 'Die neue Revision hat den ganzen Verkehr.'}")
    line("")
    table(
        ("Abbild", "Ergebnis", "Dauer", "Anfragen", "ohne Antwort", "Notebook"),
        [
            (
                r.act.image,
                r.outcome,
                german_seconds(r.result.duration),
                str(r.load.get("sent", 0)),
                str(r.load.get("failed", 0)),
                r.result.notebook,
            )
            for r in done
        ],
    )
    raise typer.Exit(ExitCode.SUCCESS if all(r.as_expected for r in done) else ExitCode.UNEXPECTED)
