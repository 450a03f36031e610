"""``leitstand doctor``: whether this machine could run a runbook, in under two seconds."""

from typing import Annotated

import typer

from leitstand.cli.german import Command
from leitstand.cli.output import print_json, table
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
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Prüft in zwei Sekunden, ob dieser Rechner Runbooks ausführen kann."""
    from leitstand.cli.checks import examine

    findings = examine(env)
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        table(
            ("", "Prüfung", "Befund", "Was zu tun ist"),
            [(_MARKS[f.state], f.title, f.detail, f.advice) for f in findings],
        )
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(ExitCode.REFUSED)
