"""``leitstand schedule …``: what runs by schedule, from the file to Google Cloud, and how it is."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand import project
from leitstand.cli.german import Command, Group
from leitstand.cli.output import line, print_json, table
from leitstand.core.errors import ExitCode, Finding

if TYPE_CHECKING:
    from leitstand.core.schedule.status import Standing

__all__ = ["SchedulesNeedAttention", "app"]

app = typer.Typer(
    cls=Group,
    help="Zeitpläne: was wann von selbst läuft, einrichten und prüfen.",
    no_args_is_help=True,
)

Env = Annotated[str, typer.Option(metavar="UMGEBUNG", help="sandbox, staging, prod.")]
Ticket = Annotated[str, typer.Option(metavar="TICKET", help="Nummer des Tickets.")]


class SchedulesNeedAttention(Finding):
    """A schedule is overdue, missing, hangs, or its last run did not end with success.

    Attributes:
        names: Of those schedules.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"Diese Zeitpläne brauchen Ihre Aufmerksamkeit: {', '.join(names)}.",
            "Lesen Sie das Log des letzten Laufs. Fehlt ein Zeitplan, richten Sie ihn mit"
            " leitstand schedule apply ein.",
        )
        self.names = names


@app.command(cls=Command)
def plan(env: Env = "sandbox", ticket: Ticket = "") -> None:
    """Zeigt, was sich an den Zeitplänen ändern würde; ändert nichts."""
    _run(env, ticket, apply=False)


@app.command(cls=Command)
def apply(env: Env = "sandbox", ticket: Ticket = "") -> None:
    """Richtet die Zeitpläne ein, wie config/schedules.yaml sie beschreibt."""
    _run(env, ticket, apply=True)


@app.command(cls=Command)
def status(
    env: Env = "sandbox",
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Zeigt je Zeitplan den letzten Lauf, wie er endete, und was überfällig ist."""
    from leitstand.configuration import load_environment
    from leitstand.core.schedule.status import stand
    from leitstand.execution.scheduling import Scheduling
    from leitstand.notebook.sandboxes import connect
    from leitstand.notebook.schedules_file import load_schedules

    file = load_schedules()
    connection = connect(load_environment(env))
    looked = Scheduling(connection, file.entries, file.time_zone).look()
    now = datetime.now(UTC)
    ahead = _ahead() if env == "sandbox" else timedelta()
    standings = [stand(checked, seen, now, file.zone, ahead=ahead) for checked, seen in looked]
    if as_json:
        print_json([_data(env, one) for one in standings])
    elif not standings:
        line(f"Für {env} sind keine Zeitpläne vereinbart.")
    else:
        _show(standings, file.zone)
    open_ones = [one.schedule for one in standings if one.problems]
    if open_ones and as_json:
        raise typer.Exit(ExitCode.FINDING)
    if open_ones:
        raise SchedulesNeedAttention(open_ones)


def _ahead() -> timedelta:
    """Return how far the sandbox's Cloud Scheduler is ahead of the clock on the wall."""
    from leitstand.notebook.sandboxes import sandbox_explained
    from leitstand.sandbox import control

    with sandbox_explained():
        running = control.find(project.sandbox_directory())
        return timedelta(seconds=float(running.clock()["ahead_seconds"]) if running else 0.0)


def _run(env: str, ticket: str, *, apply: bool) -> None:
    from leitstand.cli.run import run

    run("schedules", env=env, ticket=ticket, apply=apply)


def _show(standings: "list[Standing]", zone: tzinfo) -> None:
    from leitstand.notebook.schedule_wording import ENDINGS, STATES, moment_text, standing_text

    table(
        ("Zeitplan", "Runbook", "Zustand", "Letzter Lauf", "Ergebnis", "Nächster", "Befund"),
        [
            (
                one.schedule,
                one.runbook,
                STATES[one.state],
                moment_text(one.last_run, zone),
                ENDINGS[one.ending] if one.ending else "–",
                moment_text(one.next_due, zone),
                standing_text(one),
            )
            for one in standings
        ],
    )


def _data(env: str, standing: "Standing") -> dict[str, object]:
    def text(moment: datetime | None) -> str:
        return moment.isoformat() if moment else ""

    return {
        "schedule": standing.schedule,
        "runbook": standing.runbook,
        "env": env,
        "state": str(standing.state),
        "last_run": text(standing.last_run),
        "verdict": str(standing.ending or ""),
        "next_due": text(standing.next_due),
        "overdue": standing.overdue,
        "problems": [str(problem) for problem in standing.problems],
    }
