"""``leitstand doctor``: whether this machine could run a runbook, in under two seconds."""

from threading import Thread
from typing import Annotated

import typer

from leitstand.cli.german import Command
from leitstand.cli.output import console, print_json, table
from leitstand.core.errors import ExitCode

__all__ = ["add_to"]

_MARKS = {"good": "✓", "warn": "!", "bad": "✗"}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(doctor)


def doctor(
    env: Annotated[
        str, typer.Option(metavar="UMGEBUNG", help="Umgebung, für die geprüft wird.")
    ] = "sandbox",
    wait: Annotated[
        float,
        typer.Option(min=0, help="So viele Sekunden auf alles warten; 0 heißt: zwei in allem."),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Prüft in zwei Sekunden, ob von hier aus Runbooks laufen können, und ändert nichts."""
    from leitstand.cli.checks import examine

    if not as_json:
        # It takes a tenth of a second to import, which passes while checks are waited for.
        Thread(target=console, daemon=True).start()
    findings = examine(env, wait or None)
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        table(
            ("", "Prüfung", "Befund", "Was zu tun ist"),
            [(_MARKS[f.state], f.title, f.detail, f.advice) for f in findings],
        )
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(ExitCode.REFUSED)
