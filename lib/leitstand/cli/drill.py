"""``leitstand drill …``: practise an emergency in the sandbox, and see how it was dealt with."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand.cli.german import Command, Group
from leitstand.cli.output import console, german_seconds, line, print_json, table
from leitstand.core.errors import ExitCode, Finding

if TYPE_CHECKING:
    from leitstand.core.drilling.types import Score

__all__ = ["DrillNotPassed", "app"]

app = typer.Typer(
    cls=Group,
    help="Übungen: eine Störung in der Sandbox erkennen und beheben.",
    no_args_is_help=True,
)

_VERDICTS = {
    "passed": "Bestanden: Die Ursache stand an erster Stelle, und der Schaden ist behoben.",
    "not-looked": "Noch hat niemand leitstand run incident ausgeführt.",
    "not-named": "Das Runbook incident nannte die Ursache nicht an erster Stelle.",
    "not-recovered": "Die Ursache ist erkannt, der Schaden aber noch nicht behoben.",
}
_ADVICE = {
    "not-looked": "Führen Sie leitstand run incident aus.",
    "not-named": "Sehen Sie nach, welche Signale fehlen, und führen Sie leitstand run incident noch"
    " einmal aus.",
    "not-recovered": "Starten Sie das Runbook, das incident vorschlägt, oder warten Sie mit"
    " leitstand drill score --wait 120 auf die Erholung.",
}


class DrillNotPassed(Finding):
    """The right cause was not ranked first, or the harm is still there."""

    def __init__(self, verdict: str) -> None:
        super().__init__(_VERDICTS[verdict], _ADVICE[verdict])
        self.verdict = verdict


@app.command("list", cls=Command)
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Zeigt alle Übungen und welche läuft."""
    from leitstand.drills.catalogue import drills
    from leitstand.drills.running import current_drill

    state = current_drill()
    running = state.public_name if state else ""
    if as_json:
        print_json(
            [
                {"name": drill.name, "title": drill.title, "running": drill.name == running}
                for drill in drills().values()
            ]
        )
        return
    table(
        ("Übung", "Worum es geht", ""),
        [
            (drill.name, drill.title, "läuft" if drill.name == running else "")
            for drill in drills().values()
        ],
    )


@app.command(cls=Command)
def start(
    name: Annotated[
        str, typer.Argument(metavar="ÜBUNG", help="Name der Übung; sonst eine Überraschung.")
    ] = "",
    load: Annotated[
        bool, typer.Option("--load/--no-load", help="Besucher schicken oder nicht.")
    ] = True,
    env: Annotated[str, typer.Option(metavar="UMGEBUNG", help="Nur sandbox ist erlaubt.")] = (
        "sandbox"
    ),
) -> None:
    """Richtet in der Sandbox echten Schaden an und sagt, was ein Alarm davon sähe."""
    from leitstand.drills.running import start_drill
    from leitstand.notebook.sandboxes import sandbox_explained

    with sandbox_explained(), console().status("Übung beginnen") as shown:
        drill = start_drill(name, environment=env, load=load, watch=lambda text: shown.update(text))
    line(f"Die Übung {drill.name} läuft: {drill.title}" if name else drill.title, "bold")
    line("")
    line(drill.story)
    line("")
    line("Finden Sie die Ursache: leitstand run incident")
    line("Wie Sie stehen: leitstand drill score --wait 300")


@app.command(cls=Command)
def score(
    name: Annotated[
        str, typer.Argument(metavar="ÜBUNG", help="Name der Übung; sonst die laufende.")
    ] = "",
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="So viele Sekunden auf die Erholung warten.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Bewertet die laufende Übung: erkannt, behoben, was verloren ging."""
    from leitstand.drills.running import score_drill
    from leitstand.notebook.sandboxes import sandbox_explained

    with sandbox_explained(), console().status("Übung bewerten") as shown:
        found = score_drill(name, wait=wait, watch=lambda text: shown.update(text))
    if as_json:
        print_json({**asdict(found), "passed": found.passed})
        if not found.passed:
            raise typer.Exit(ExitCode.FINDING)
        return
    _show(found)
    if not found.passed:
        raise DrillNotPassed(found.verdict.value)
    line("")
    line(_VERDICTS[found.verdict.value], "green")


@app.command(cls=Command)
def stop() -> None:
    """Beendet die laufende Übung: baut die Störung aus und schickt die Besucher weg."""
    from leitstand.drills.running import stop_drill
    from leitstand.notebook.sandboxes import sandbox_explained

    with sandbox_explained(), console().status("Übung beenden") as shown:
        name = stop_drill(lambda text: shown.update(text))
    line(f"Die Übung {name} ist beendet." if name else "Die Übung ist beendet.")


def _show(found: "Score") -> None:
    def seconds(value: float | None) -> str:
        return "noch nicht" if value is None else german_seconds(value)

    def count(value: int | None) -> str:
        return "nicht gezählt" if value is None else str(value)

    lost = count(found.requests_lost)
    if found.requests_sent is not None:
        lost += f" von {found.requests_sent}"
    table(
        ("Kennzahl", "Wert"),
        [
            ("Zeit bis zur richtigen Ursache", seconds(found.seconds_to_cause)),
            ("Andere Ursache zuerst genannt", f"{found.wrong_first}-mal"),
            ("Zeit bis zur Erholung", seconds(found.seconds_to_recovery)),
            ("Verlorene Anfragen", lost),
            ("Verlorene Datensätze", count(found.data_lost)),
            ("Läufe", str(found.runs)),
            ("Ausgeführte Aktionen", str(found.actions)),
        ],
    )
