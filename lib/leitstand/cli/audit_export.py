"""``leitstand audit export``: records or their events as JSON Lines, and the table's schema."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from leitstand.cli.audit_places import Env, Keys, StoreAddress, open_records, trusted
from leitstand.cli.german import Command
from leitstand.cli.output import print_json, problems
from leitstand.core.errors import Finding

__all__ = ["NotAllExported", "add_to"]


class NotAllExported(Finding):
    """Some records were left out, because they are not as they were sealed."""

    def __init__(self, count: int) -> None:
        super().__init__(
            "Ein Beleg ist nicht so, wie er versiegelt wurde, und fehlt in der Ausgabe."
            if count == 1
            else f"{count} Belege sind nicht so, wie sie versiegelt wurden, und fehlen in der"
            " Ausgabe.",
            "Prüfen Sie das Archiv mit leitstand audit verify.",
        )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(export)


def export(
    events: Annotated[
        bool, typer.Option("--events", help="Ereignisse der Journale statt der Belege.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Nur das Schema der BigQuery-Tabelle, für bq mk.")
    ] = False,
    after: Annotated[
        int, typer.Option("--after", metavar="NUMMER", min=0, help="Nur Belege nach diesem.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DATEI", help="Sonst Standardausgabe.")
    ] = None,
    store: StoreAddress = "",
    key: Keys = None,
    env: Env = "",
) -> None:
    """Gibt Belege als JSON Lines aus; nur was unterschrieben und unverändert ist."""
    from leitstand.audit.record_export import RecordExport
    from leitstand.core.records import export as columns

    if schema:
        print_json(columns.schema(columns.EVENT_FIELDS if events else columns.RECORD_FIELDS))
        return
    keys = trusted(key or (), env)
    _, records = open_records(store, env)
    made = RecordExport(records, keys, range(after + 1, records.head() + 1))
    _write(made.events() if events else made.records(), out)
    for finding in made.findings:
        problems().print(str(finding), markup=False, soft_wrap=True)
    broken = {finding.place.seq for finding in made.findings if finding.breaks}
    if broken:
        raise NotAllExported(len(broken))


def _write(lines: Iterable[str], out: Path | None) -> None:
    """Write lines to standard output, or to a file that appears when it is whole."""
    if out is None:
        sys.stdout.writelines(f"{text}\n" for text in lines)
        sys.stdout.flush()
        return
    unfinished = out.with_name(f".{out.name}.tmp")
    try:
        with open(unfinished, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{text}\n" for text in lines)
        unfinished.replace(out)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
