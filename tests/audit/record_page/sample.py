"""A rich made-up run, and what its page shows."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bs4 import BeautifulSoup

from leitstand.audit.envelopes import sign
from leitstand.audit.record_page import record_page
from leitstand.audit.signing import FileSigner
from leitstand.core.plan import Action, Plan
from leitstand.core.records.journal_text import read_journal
from leitstand.core.records.reading import facts_of
from leitstand.core.records.statement import PAYLOAD_TYPE, BlockHasher, Statement

RUN = "20261126-031400-release-3f9a"
START = datetime(2026, 11, 26, 3, 14, tzinfo=UTC)
WEB = "projects/leitstand-prod/locations/europe-west3/services/web"
OPERATION = "projects/leitstand-prod/locations/europe-west3/operations/5ed640a"
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
PLAN = Plan(
    "release", "prod", WEB, {"etag": "1"},
    (
        Action("candidate", "deploy_revision", WEB),
        Action("traffic-10", "set_traffic", WEB),
        Action("traffic-100", "set_traffic", WEB),
    ),
    (Action("back", "set_traffic", WEB),),
)  # fmt: skip
STARTED: Mapping[str, Any] = {
    "event": "run.started", "run": RUN, "runbook": "release", "env": "prod",
    "operator": "anna@example.com", "ticket": "OPS-4711", "incident": "inc-20261126-17e0",
    "parameters": {"image": "web:1.2.0", "apply": True, "percent": [10, 100]},
    "template_digest": "sha256:" + "1" * 64,
    "git": {"commit": "4f1c" * 10, "dirty": True},
    "library": {"version": "0.1.0", "lock_digest": "sha256:" + "2" * 64},
}  # fmt: skip


def rich_events() -> list[dict[str, Any]]:
    return [
        dict(STARTED),
        {"event": "cell.started", "section": "Vorprüfung", "source": "observation = x.observe()"},
        {"event": "step.started", "step": "observe", "title": "Beobachten"},
        {"event": "observation", "calls": 17},
        {"event": "step.completed", "step": "observe", "elapsed": 0.72},
        {"event": "cell.completed", "duration": 0.75, "status": "completed", "outputs": []},
        {"event": "plan.made", "plan": PLAN.as_data()},
        {"event": "approval.requested", "digest": PLAN.digest, "missing": 1,
         "until": "2026-11-26T03:44:00Z"},
        {"event": "approval.refused", "reason": "by oneself", "by": "anna@example.com",
         "message": "anna@example.com führt den Lauf aus und kann ihn nicht selbst freigeben."},
        {"event": "approval.broken_glass", "digest": PLAN.digest, "by": "anna@example.com",
         "expires_at": "2026-11-26T03:44:00Z",
         "reason": "Niemand ist erreichbar, Kunden sehen Fehler 500."},
        {"event": "approval.given", "digest": PLAN.digest, "by": "erika@example.com",
         "expires_at": "2026-11-26T04:14:00Z"},
        {"event": "action.intent", "id": "candidate", "kind": "deploy_revision", "target": WEB},
        {"event": "step.started", "step": "candidate", "title": "Kandidaten anlegen"},
        {"event": "action.operation", "id": "candidate", "operation": OPERATION,
         "api_calls": [{"method": "google.cloud.run.v2.Services.UpdateService",
                        "resource": WEB, "operation": OPERATION}]},
        {"event": "action.outcome", "id": "candidate", "status": "done", "evidence": {}},
        {"event": "verdict", "stage": "smoke", "verdict": "healthy"},
        {"event": "action.intent", "id": "traffic-10", "kind": "set_traffic", "target": WEB},
        {"event": "verdict", "stage": "10", "verdict": "unhealthy"},
        {"event": "action.intent", "id": "back", "kind": "set_traffic", "target": WEB},
        {"event": "action.outcome", "id": "back", "status": "done", "evidence": {}},
        {"event": "redaction", "masked": {"password": 3, "known": 12, "email": 2}},
        {"event": "error", "class": "RolledBack", "exit_code": 5,
         "message": "Die neue Revision ist bei 10 % nicht gesund."},
        {"event": "run.rolled_back", "reason": "Die neue Revision ist bei 10 % nicht gesund."},
    ]  # fmt: skip


def journal_of(events: Iterable[Mapping[str, Any]]) -> bytes:
    lines = []
    for number, event in enumerate(events):
        at = (START + timedelta(seconds=3.1 * number)).isoformat().replace("+00:00", "Z")
        lines.append(json.dumps({"seq": number + 1, "at": at, **event}))
    return "\n".join(lines).encode() + b"\n"


def notebook_of(
    *outputs: Mapping[str, Any], prose: str = "# Ausrollen\n\n## Zweck\n\n*Ruhig*."
) -> bytes:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": prose},
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": list(outputs),
         "source": ["observation = release.observe()\n", "observation"]},
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def html_output(html: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}


def rich_notebook() -> bytes:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="30">'
        '<rect width="90" height="30" fill="#2e7d32"/></svg>'
    )
    return notebook_of(
        html_output(
            '<div style="overflow-x:auto"><p><strong>Vorprüfung</strong></p><table><thead><tr>'
            '<th style="text-align:left">Prüfung</th><th>Beleg</th></tr></thead><tbody>'
            '<tr style="border-left:4px solid #2e7d32"><td>✓ Das Abbild ist signiert</td>'
            "<td>[geheim:0a1b2c3d]</td></tr></tbody></table></div>"
        ),
        {"output_type": "stream", "name": "stdout", "text": ["eins\n", "\x1b[31mzwei\x1b[0m\n"]},
        {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": svg}},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG}},
        {"output_type": "error", "ename": "RolledBack", "evalue": "nicht gesund",
         "traceback": ["\x1b[0;31mRolledBack\x1b[0m: Die neue Revision ist nicht gesund."]},
        prose="# Einen Dienst ausrollen\n\n## Zweck\n\nWir lenken den Verkehr in *kleinen*"
        " Schritten um. Näheres steht in der [Anleitung](https://example.com/doku).\n\n"
        "| Stufe | Dauer |\n|---|---|\n| 10 % | 5 min |\n",
    )  # fmt: skip


def statement_of(journal: bytes, notebook: bytes | None, **changes: Any) -> Statement:
    subjects = []
    for name, content in (("journal.jsonl", journal), ("notebook.ipynb", notebook)):
        if content is not None:
            hasher = BlockHasher(name, len(content))
            hasher.update(content)
            subjects.append(hasher.subject())
    facts = facts_of(read_journal(journal)).as_data()
    own = {"seq": 12, "previous": "ab" * 32, "sealed_at": "2026-11-26T03:20:00Z", **changes}
    return Statement(tuple(subjects), {**facts, **own.pop("facts", {})}, **own)


def page_of(
    events: Iterable[Mapping[str, Any]], notebook: bytes | None = None, **more: Any
) -> BeautifulSoup:
    journal = journal_of(events)
    return parsed(record_page(statement_of(journal, notebook), notebook, journal, **more))


def parsed(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def text_of(page: BeautifulSoup, section: str = "inhalt") -> str:
    found = page.find(id=section)
    assert found is not None
    return " ".join(found.get_text(" ").split())


def record_of(statement: Statement, signer: FileSigner) -> bytes:
    return sign(PAYLOAD_TYPE, statement.encode(), signer).encode()
