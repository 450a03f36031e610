"""``leitstand audit show``: one record: who, when, what, approvals, files; or as an HTML page."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leitstand.cli.audit_places import (
    Env,
    Json,
    Keys,
    NoSuchRecord,
    NoTrustedKey,
    StoreAddress,
    numbered,
    open_records,
    trusted,
)
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json

if TYPE_CHECKING:
    from leitstand.core.records.facts import Action, Approval, RunFacts
    from leitstand.core.records.findings import RecordFinding
    from leitstand.core.records.statement import Statement

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(show)


def show(
    record: Annotated[str, typer.Argument(metavar="BELEG", help="Nummer, oder Kennung des Laufs.")],
    store: StoreAddress = "",
    key: Keys = None,
    env: Env = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="DATEI", help="Als eine HTML-Seite ablegen.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Zeigt einen Beleg, und ob seine Unterschrift gilt."""
    from leitstand.audit.store import Missing
    from leitstand.audit.verification import verify_record

    address, records = open_records(store, env)
    seq = numbered(record, address, records)
    try:
        content = records.read(seq)
    except Missing as error:
        raise NoSuchRecord(record) from error
    try:
        keys = trusted(key or (), env)
    except NoTrustedKey:
        keys = {}
    statement, findings = verify_record(content, seq, keys)
    signed = statement is not None and not findings
    if statement is None:
        statement = _unverified(content, seq)
    if html is not None:
        from leitstand.cli.audit_page import write_page

        write_page(html, content, statement, records, findings if keys else None)
    if as_json:
        print_json(_data(statement, findings, signed=signed, html=html))
        return
    for text in _lines(statement, findings, signed=signed):
        line(text)
    if html is not None:
        line(f"Seite       {html}")


def _unverified(content: bytes, seq: int) -> "Statement":
    """Return what a record says that nobody trusted has signed."""
    from leitstand.audit.envelopes import MalformedEnvelope
    from leitstand.audit.records import read_record
    from leitstand.audit.sealing_errors import ChainUnusable
    from leitstand.core.records.statement import MalformedStatement

    try:
        return read_record(content)
    except (MalformedEnvelope, MalformedStatement) as error:
        raise ChainUnusable(seq) from error


def _lines(
    statement: "Statement", findings: "list[RecordFinding]", *, signed: bool
) -> Iterator[str]:
    from leitstand.cli.plan_text import visible
    from leitstand.cli.run import local_time
    from leitstand.notebook.wording import STATUS

    run = statement.run
    part = f", Teil {statement.part}" if statement.part > 1 else ""
    yield f"Beleg       {statement.seq}{part}"
    yield f"Lauf        {visible(run.run)} ({visible(run.runbook)})"
    yield f"Umgebung    {visible(run.env) or '–'}"
    yield f"Bediener    {visible(run.operator) or '–'}"
    yield f"Ticket      {visible(run.ticket) or '–'}"
    yield f"Zeit        {local_time(run.started_at)} bis {local_time(run.ended_at) or 'offen'}"
    yield f"Versiegelt  {local_time(statement.sealed_at)}"
    yield f"Ergebnis    {STATUS.get(run.status, visible(run.status))}{_verdict(run)}"
    if run.message:
        yield f"Meldung     {visible(run.message)}"
    yield f"Stand       {_source(run)}"
    if signed:
        yield "Unterschrift gilt; Kette und Dateien prüft leitstand audit verify."
    else:
        yield "Unterschrift gilt NICHT als geprüft:"
        yield from (f"  {visible(str(finding))}" for finding in findings)
    yield f"Parameter ({len(run.parameters)})"
    yield from (f"  {visible(name)}: {visible(str(v))}" for name, v in run.parameters.items())
    yield f"Pläne ({len(run.plans)})"
    yield from (f"  {visible(p.digest[:12])} {visible(p.target)}".rstrip() for p in run.plans)
    yield f"Freigaben ({len(run.approvals)})"
    yield from (f"  {visible(_approval(one))}" for one in run.approvals)
    yield f"Aktionen ({len(run.actions)})"
    yield from (f"  {visible(_action(one))}" for one in run.actions)
    yield f"Dateien ({len(statement.subjects)})"
    yield from (f"  {s.digest}  {visible(s.name)} ({s.size} Bytes)" for s in statement.subjects)


def _verdict(run: "RunFacts") -> str:
    from leitstand.audit.record_page.verdicts import VERDICTS
    from leitstand.cli.plan_text import visible

    words = VERDICTS.get(run.verdict, visible(run.verdict))
    return f", Urteil {words}" if run.verdict else ""


def _source(run: "RunFacts") -> str:
    from leitstand.cli.plan_text import visible

    changed = {True: " mit Änderungen", False: "", None: ""}[run.git_dirty]
    commit = f"Commit {visible(run.git_commit[:12])}{changed}" if run.git_commit else "kein Commit"
    version = f", Leitstand {visible(run.leitstand_version)}" if run.leitstand_version else ""
    return f"{commit}{version}"


def _approval(one: "Approval") -> str:
    from leitstand.cli.run import local_time

    how = "NOTFALL ohne zweite Person" if one.broken_glass else "freigegeben"
    why = f": {one.reason}" if one.reason else ""
    return f"{one.digest[:12]} {how} von {one.by}, {local_time(one.at)}{why}"


def _action(one: "Action") -> str:
    words = {"done": "erledigt", "found_done": "war schon so", "failed": "gescheitert"}
    operation = f" ({one.operation})" if one.operation else ""
    return f"{one.id}: {words.get(one.status, one.status or 'Ausgang unbekannt')}{operation}"


def _data(
    statement: "Statement",
    findings: "list[RecordFinding]",
    *,
    signed: bool,
    html: Path | None,
) -> dict[str, Any]:
    return {
        "record": statement.seq,
        "part": statement.part,
        "sealed_at": statement.sealed_at,
        "previous": statement.previous,
        "signed": signed,
        "findings": [str(finding) for finding in findings],
        "files": [{"name": s.name, "digest": s.digest, "size": s.size} for s in statement.subjects],
        "run": dict(statement.facts),
        "html": str(html) if html else "",
    }
