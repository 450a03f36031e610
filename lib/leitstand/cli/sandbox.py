"""``leitstand sandbox …``: start, look at, disturb and end the rehearsal environment."""

import shlex
from enum import StrEnum
from typing import Annotated, Any

import typer

from leitstand import project
from leitstand.cli.german import Command, Group
from leitstand.cli.output import line, print_json, table
from leitstand.cli.running import running_sandbox, sandbox_explained
from leitstand.cli.sandbox_clock import clock
from leitstand.core.errors import GateRefused

__all__ = ["app"]

app = typer.Typer(
    cls=Group,
    help="Die Übungsumgebung: starten, ansehen, stören, beenden.",
    no_args_is_help=True,
)


class FaultKind(StrEnum):
    """How a call is disturbed."""

    FAIL = "fail"
    HANG = "hang"
    SLOW = "slow"
    LOST = "lost"
    DISK_FULL = "disk_full"


class SandboxNotEmpty(GateRefused):
    """The sandbox that is to start empty holds something already."""

    def __init__(self) -> None:
        super().__init__(
            "In der Sandbox ist schon etwas bereitgestellt.",
            "Leeren Sie sie mit leitstand sandbox reset.",
        )


@app.command(cls=Command)
def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port der APIs; 0 heißt: ein freier.")
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Leer lassen, um das Bereitstellen zu üben.")
    ] = False,
) -> None:
    """Startet die Sandbox und richtet sie ein; sie läuft, bis „sandbox down“ sie beendet."""
    with sandbox_explained():
        from leitstand.notebook.furnishing import is_furnished
        from leitstand.notebook.sandboxes import start_sandbox
        from leitstand.sandbox import control

        running = control.find(project.sandbox_directory())
        if running is not None:
            line(f"Die Sandbox läuft schon: APIs {running.grpc}, Anwendung {running.public}")
            return
        if empty and is_furnished(project.sandbox_directory()):
            raise SandboxNotEmpty
        started = start_sandbox(lifeline=False, port=port, empty=empty)
        line(f"Die Sandbox läuft: APIs {started.grpc}, Anwendung {started.public}", "green")


@app.command(cls=Command)
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Zeigt, was in der Sandbox läuft."""
    with sandbox_explained():
        sandbox = running_sandbox()
        state = sandbox.status()
        if as_json:
            print_json(state)
            return
        line(f"Die Sandbox läuft: APIs {sandbox.grpc}, Anwendung {sandbox.public}", "green")
        _show(state)


def _show(state: dict[str, Any]) -> None:
    """Print services, answered requests and faults."""
    line("")
    table(
        ("Dienst", "bereit", "Verkehr", "Adresse im VPC"),
        [
            (
                str(service["name"]).rpartition("/")[2],
                "ja" if service["ready"] else "nein",
                ", ".join(_share(share) for share in service["traffic"]),
                str(service["uri"]),
            )
            for service in state["services"]
        ],
    )
    if state["instances"]:
        line("")
        instances = sorted(state["instances"].items())
        rows = [(str(name).rpartition("/")[2], str(count)) for name, count in instances]
        table(("Revision", "Instanzen"), rows)
    if state["faults"]:
        line("")
        keys = ("method", "kind", "code", "seconds", "times", "struck")
        faults = [[str(fault[key]) for key in keys] for fault in state["faults"]]
        table(("Störung", "Art", "Code", "Sekunden", "so oft", "schon"), faults)


def _share(share: dict[str, Any]) -> str:
    revision = str(share["revision"]).rpartition("/")[2]
    tag = f" (Tag „{share['tag']}“)" if share["tag"] else ""
    return f"{share['percent']} % {revision}{tag}"


@app.command(cls=Command)
def down() -> None:
    """Beendet die Sandbox und alles, was sie gestartet hat."""
    with sandbox_explained():
        from leitstand.sandbox import control

        try:
            sandbox = control.find(project.sandbox_directory())
        except control.NotAnswering as error:
            sandbox = error.sandbox
        if sandbox is None:
            line("Die Sandbox läuft nicht.")
            return
        sandbox.stop()
        line("Die Sandbox ist beendet.")


@app.command(cls=Command)
def reset() -> None:
    """Beendet die Sandbox und löscht ihren Zustand; der nächste Start ist wieder neu."""
    with sandbox_explained():
        from leitstand.sandbox import control

        control.reset(project.sandbox_directory())
        line("Die Sandbox ist zurückgesetzt.")


@app.command("break", cls=Command)
def break_(
    method: Annotated[
        str, typer.Argument(metavar="METHODE", help="Zum Beispiel UpdateService; * heißt: alle.")
    ],
    kind: Annotated[
        FaultKind,
        typer.Option(help="fail · lost: getan, aber ohne Antwort · slow · hang · disk_full"),
    ] = FaultKind.FAIL,
    code: Annotated[str, typer.Option(metavar="CODE", help="gRPC-Code.")] = "UNAVAILABLE",
    seconds: Annotated[float, typer.Option(min=0, help="Verzögerung bei slow.")] = 0.0,
    times: Annotated[int, typer.Option(min=1, help="So viele Aufrufe.")] = 1,
) -> None:
    """Stört die nächsten Aufrufe einer API-Methode."""
    with sandbox_explained():
        running_sandbox().add_fault(method, kind.value, code=code, seconds=seconds, times=times)
        line(f"Gestört: {method} ({kind.value}), {times}-mal.")


@app.command(cls=Command)
def mend() -> None:
    """Hebt alle Störungen auf."""
    with sandbox_explained():
        running_sandbox().clear_faults()
        line("Keine Störungen mehr.")


@app.command(cls=Command)
def env() -> None:
    """Gibt die Adressen als Shell-Variablen aus: eval "$(leitstand sandbox env)"."""
    with sandbox_explained():
        for name, value in running_sandbox().environment().items():
            line(f"export {name}={shlex.quote(value)}")


@app.command(cls=Command)
def load(
    rate: Annotated[float, typer.Option(min=0, help="Anfragen je Sekunde; 0 heißt: alle.")] = 50.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Gleichzeitige Anfragen.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.1, help="So lange.")] = 10.0,
) -> None:
    """Schickt Anfragen an die Anwendung und zeigt, wer sie beantwortet hat."""
    import time

    with sandbox_explained():
        from leitstand.configuration import load_environment
        from leitstand.sandbox.load import Load

        domain = load_environment("sandbox").load_balancer.domain
        client = Load(running_sandbox().public, rate, concurrency, domain)
        client.start()
        try:
            time.sleep(seconds)
        finally:
            report = client.stop()
    line(
        f"{report.sent} gesendet, {report.answered} beantwortet, {report.failed} ohne Antwort, "
        f"p95 {report.p95_ms:.0f} ms"
    )
    table(
        ("Revision", "Antworten", "Fehler"),
        [
            (name or "(Plattform)", str(part.answered), str(part.errors))
            for name, part in sorted(report.by_revision.items())
        ],
    )


@app.command(cls=Command)
def wear(
    documents: Annotated[
        int, typer.Option(min=1, max=100_000, help="So viele neue Dokumente je Mandant.")
    ] = 3000,
) -> None:
    """Nutzt den Vektorspeicher ab wie ein Jahr ohne Wartung, damit Sie diese üben können."""
    with sandbox_explained():
        from leitstand.configuration import load_environment
        from leitstand.notebook.sandbox_jobs import wear_vectors
        from leitstand.notebook.sandboxes import connect

        wear_vectors(connect(load_environment("sandbox")), documents)
    line("Der Vektorspeicher ist abgenutzt: Indexe, Statistiken und Zeilen passen nicht mehr.")
    line("Üben Sie die Wartung: leitstand run pgvector_maintenance")


app.command(cls=Command)(clock)
