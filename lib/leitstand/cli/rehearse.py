"""``leitstand rehearse``: the tour through a good and a faulty release."""

import typer

from leitstand.cli.german import Command
from leitstand.cli.output import console, german_seconds, line, table
from leitstand.cli.problems import explain
from leitstand.core.errors import ExitCode

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(rehearse)


def rehearse() -> None:
    """Rollt in einer frischen Sandbox erst ein gutes, dann ein fehlerhaftes Abbild aus."""
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
