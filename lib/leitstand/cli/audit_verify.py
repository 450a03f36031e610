"""``leitstand audit verify``: whether every byte is as it was sealed; offline, read-only."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leitstand.cli.audit_places import (
    Env,
    Json,
    Keys,
    StoreAddress,
    anchors_of,
    open_records,
    trusted,
)
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json
from leitstand.core.errors import ExitCode, Finding

if TYPE_CHECKING:
    from leitstand.audit.finding_places import FoundPlace
    from leitstand.audit.verification import VerificationReport
    from leitstand.core.records.findings import RecordFinding

__all__ = ["TrailBroken", "add_to"]


_THREADS_FOR_A_BUCKET = 16


class TrailBroken(Finding):
    """Something is not as it was sealed."""

    def __init__(self, count: int, *, broken: bool) -> None:
        what = "ist eine Stelle" if count == 1 else f"sind {count} Stellen"
        super().__init__(
            f"Im Archiv {what} nicht so, wie versiegelt wurde."
            if broken
            else f"Im Archiv {what} auffällig; die Kette ist ganz.",
            "Sichern Sie das Archiv, wie es ist, und vergleichen Sie mit einer Kopie.",
        )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(verify)


def verify(
    store: StoreAddress = "",
    key: Keys = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor", metavar="ANKER", help="NUMMER:PRÜFSUMME, Datei, gs://… oder git:…"
        ),
    ] = None,
    env: Env = "",
    without_files: Annotated[
        bool, typer.Option("--no-files", help="Nur die Kette; Dateien nicht lesen.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Auch Auffälliges gilt als Befund.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prüft Kette, Unterschriften und alle Dateien; nennt jede Stelle, die nicht stimmt."""
    from leitstand.audit.finding_places import place_of
    from leitstand.audit.verification import verify_store
    from leitstand.audit.workers import WORKERS

    keys = trusted(key or (), env)
    anchors, odd = anchors_of(anchor or (), keys, env)
    address, records = open_records(store, env)
    workers = _THREADS_FOR_A_BUCKET if address.startswith("gs:") else WORKERS
    report = verify_store(records, keys, anchors, files=not without_files, workers=workers)
    report = replace(report, findings=(*odd, *report.findings))
    places = [(finding, place_of(records, finding)) for finding in report.findings]
    if as_json:
        print_json(_data(report, places, sorted(keys)))
    else:
        _show(report, places, own=not (key or env), with_files=not without_files)
    broken = [finding for finding in report.findings if finding.breaks]
    if broken or (strict and report.findings):
        if as_json:
            raise typer.Exit(ExitCode.FINDING)
        raise TrailBroken(len(broken) or len(report.findings), broken=bool(broken))


def _show(
    report: "VerificationReport",
    places: "list[tuple[RecordFinding, FoundPlace]]",
    *,
    own: bool,
    with_files: bool,
) -> None:
    from leitstand.cli.plan_text import visible

    for finding, place in places:
        mark, style = ("✗", "red") if finding.breaks else ("!", "yellow")
        line(f"{mark} {visible(_sentence(finding, place))}", style)
        if place.path and place.path != finding.place.file:
            line(f"  {visible(place.path)}")
    read = f"{report.records} Belege" + (f" und {report.files} Dateien" if with_files else "")
    if not report.findings:
        line(f"✓ {read} sind so, wie sie versiegelt wurden.", "green")
    else:
        line(f"Geprüft: {read}.")
    if not report.records:
        return
    if not with_files:
        line("  Die Dateien der Läufe wurden nicht gelesen.")
    line(f"  Ende der Kette: {report.head.seq}:{report.head.digest}")
    if report.anchored < report.head.seq:
        begin = "Kein Anker bürgt" if not report.anchored else f"Nach Beleg {report.anchored} bürgt"
        end = " für die Kette" if not report.anchored else " kein Anker"
        line(f"  {begin}{end}: Was danach kommt, könnte ersetzen, wer den Schlüssel hat.")
    if own:
        line("  Es gilt der Schlüssel dieses Rechners; unabhängig prüfen Sie mit --key.")


def _sentence(finding: "RecordFinding", place: "FoundPlace") -> str:
    """Return the finding with the lines of the journal behind the bytes."""
    where = str(finding.place)
    if not place.first_line:
        return str(finding)
    lines = f"Zeile {place.first_line}"
    if place.last_line > place.first_line:
        lines += f"–{place.last_line}"
    return f"{where}, {lines}{str(finding).removeprefix(where)}"


def _data(
    report: "VerificationReport",
    places: "list[tuple[RecordFinding, FoundPlace]]",
    keys: list[str],
) -> dict[str, Any]:
    return {
        "intact": report.intact,
        "records": report.records,
        "files": report.files,
        "head": report.head.as_data(),
        "anchored": report.anchored,
        "keys": keys,
        "findings": [
            {
                "kind": str(finding.kind),
                "breaks": finding.breaks,
                "record": finding.place.seq,
                "file": finding.place.file,
                "offset": finding.place.offset,
                "end": finding.place.end,
                "path": place.path,
                "first_line": place.first_line,
                "last_line": place.last_line,
                "detail": finding.detail,
                "text": _sentence(finding, place),
            }
            for finding, place in places
        ],
    }
