"""The sections of the page, as captioned tables and remarks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from leitstand.audit.record_page.outcome import ActionOutcome, PlanOutcome, State
from leitstand.audit.record_page.sealing import Seal
from leitstand.audit.record_page.verdicts import verdict_mark
from leitstand.audit.record_page.words import (
    Cell,
    Code,
    Lines,
    Mark,
    Table,
    Tone,
    between,
    bounded,
    counted,
    fact,
    length,
    utc,
)
from leitstand.core.records.facts import Approval, RunFacts
from leitstand.core.records.statement import Statement

__all__ = [
    "approvals_of",
    "calls_of",
    "journal_oddities",
    "masked_of",
    "parameters_of",
    "plan_table",
    "refused_approvals",
    "remarks_of",
    "verdict_table",
    "who_when_what",
]

Facts = tuple[tuple[str, Cell], ...]

_STATES: Final = {
    State.DONE: (Tone.GOOD, "getan"),
    State.FOUND_DONE: (Tone.GOOD, "war schon getan"),
    State.DONE_BEFORE: (Tone.GOOD, "unter einem anderen Plan getan"),
    State.FAILED: (Tone.BAD, "gescheitert"),
    State.UNKNOWN: (Tone.BAD, "begonnen, Ausgang unbekannt"),
    State.NOT_BEGUN: (Tone.WAIT, "nicht begonnen"),
    State.NOT_APPROVED: (Tone.PLAIN, "nur geplant"),
}
_MASKED: Final = {
    "api_key": "API-Schlüssel",
    "assigned_secret": "Werte, deren Name ein Geheimnis verspricht",
    "authorization": "Anmeldung in HTTP-Köpfen",
    "aws": "Schlüssel für AWS",
    "azure_storage_key": "Schlüssel für Azure Storage",
    "basic_auth": "Kennwörter in Adressen",
    "card": "Kartennummern",
    "connection_string": "Kennwörter in Verbindungsangaben",
    "cookie": "Cookies",
    "email": "E-Mail-Adressen",
    "github_token": "Token für GitHub",
    "gitlab_token": "Token für GitLab",
    "google_token": "Token für Google",
    "iban": "IBAN",
    "jwt": "JSON Web Token",
    "known": "Geheimnisse, die der Lauf las",
    "langfuse": "Schlüssel für Langfuse",
    "password": "Kennwörter",
    "password_hash": "Prüfsummen von Kennwörtern",
    "personal": "Angaben zu Personen",
    "phone": "Telefonnummern",
    "private_key": "Private Schlüssel",
    "signed_url": "Signierte Adressen",
}
_SEALED: Final = frozenset(RunFacts.__dataclass_fields__)


def who_when_what(statement: Statement) -> tuple[tuple[str, Facts], ...]:
    """Return who did what, when, and with which software, in three groups."""
    run = statement.run

    who = [
        fact("Lauf", Code(run.run)),
        fact("Runbook", run.runbook),
        fact("Umgebung", run.env),
        fact("Bediener", run.operator),
        fact("Ticket", run.ticket),
        fact("Vorfall", run.incident),
        fact("Gestartet von", Code(run.started_by)),
    ]
    when = [
        fact("Beginn", utc(run.started_at) if run.started_at else ""),
        *(fact("Fortgesetzt", utc(r.at), r.operator, _other_template(r.template_digest, run))
          for r in run.resumptions),
        fact("Ende", utc(run.ended_at) if run.ended_at else "nicht festgehalten"),
        fact("Dauer", between(run.started_at, run.ended_at)),
        fact("Exit-Code", "" if run.exit_code is None else str(run.exit_code)),
        fact("Fehlerart", Code(run.error)),
    ]  # fmt: skip
    which = [
        fact("Vorlage (Runbook vor dem Lauf)", Code(run.template_digest)),
        fact("Git-Commit", Code(run.git_commit), _dirty(run) if run.git_commit else ""),
        fact("Leitstand", run.leitstand_version),
        fact("Bibliotheken (Sperrdatei)", Code(run.lock_digest)),
        *(fact(name, bounded(_value(value))) for name, value in sorted(statement.facts.items())
          if name not in _SEALED),
    ]  # fmt: skip
    optional = {"Vorfall", "Gestartet von", "Fehlerart"}
    return tuple(
        (title, tuple(item for item in items if item[1] != "–" or item[0] not in optional))
        for title, items in (
            ("Wer und was", who),
            ("Wann", when),
            ("Womit", which),
        )
    )


def parameters_of(run: RunFacts) -> Table:
    """Return the parameters as a table."""
    rows = tuple((name, Code(bounded(_value(v), 400))) for name, v in run.parameters.items())
    return Table("Parameter des Laufs", ("Parameter", "Wert"), rows)


def verdict_table(run: RunFacts) -> Table:
    """Return the last verdict of each stage as a table."""
    rows = tuple((stage or "–", verdict_mark(verdict)) for stage, verdict in run.verdicts.items())
    return Table("Letztes Urteil je Stufe", ("Stufe", "Urteil"), rows, "Kein Urteil.")


def plan_table(plan: PlanOutcome) -> Table:
    """Return what became of each action of a plan as a table."""
    columns = ("Aktion", "Was geschah", "Operation", "Beginn", "Ende", "Dauer")
    caption = f"Aktionen des Plans {plan.digest[:12]}" if plan.digest else "Aktionen ohne Plan"
    return Table(caption, columns, tuple(_action(action, plan.target) for action in plan.actions))


def approvals_of(run: RunFacts, plans: Sequence[PlanOutcome]) -> Table:
    """Return who approved what as a table."""
    known = {plan.digest for plan in plans}
    rows = tuple(_approval(approval, run, known) for approval in run.approvals)
    columns = ("Wer", "Art", "Plan", "Erteilt", "Gilt bis")
    return Table("Freigaben", columns, rows, "Niemand gab einen Plan frei.")


def refused_approvals(events: Iterable[Mapping[str, Any]]) -> Table:
    """Return the approvals that did not count, and why, as a table."""
    rows = tuple(
        (bounded(event.get("by")) or "–", bounded(event.get("message"), 300), utc(event.get("at")))
        for event in events
        if event.get("event") == "approval.refused"
    )
    return Table("Freigaben, die nicht galten", ("Wer", "Warum nicht", "Wann (UTC)"), rows)


def calls_of(run: RunFacts) -> Table:
    """Return the calls of APIs as a table."""
    rows = tuple(
        (Code(call.method), Code(call.resource), Code(call.operation), str(call.count))
        for call in run.calls
    )
    columns = ("Methode", "Ressource", "Operation", "Anzahl")
    return Table(
        "API-Aufrufe nach Methode und Ressource", columns, rows, "Das Journal benennt keinen."
    )


def masked_of(run: RunFacts) -> Table:
    """Return how much was masked as a table, the most frequent kind first."""
    order = sorted(run.masked.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((_MASKED.get(kind, kind), str(count)) for kind, count in order)
    return Table("Maskierte Stellen nach Art", ("Art", "Stellen"), rows, "Nichts.")


def journal_oddities(run: RunFacts) -> tuple[str, ...]:
    """Return what is odd about the journal, in sentences."""
    told = [f"Ab Byte {offset} ist eine Zeile gerissen." for offset in run.torn_lines[:50]]
    told += [
        f"Ereignis {seq} folgt nicht auf das Ereignis davor." for seq in run.sequence_breaks[:50]
    ]
    told += [
        f"Vor Ereignis {step.seq} ging die Uhr um {length(step.seconds)} zurück."
        for step in run.clock_steps[:50]
    ]
    told += [f"Nicht versiegelt, da keine gewöhnliche Datei: {name}" for name in run.left_out[:50]]
    total = sum(map(len, (run.torn_lines, run.sequence_breaks, run.clock_steps, run.left_out)))
    return (*told, f"Und {total - len(told)} weitere.") if total > len(told) else tuple(told)


def remarks_of(
    statement: Statement, plans: Iterable[PlanOutcome], seal: Seal, others: Sequence[str]
) -> tuple[Mark, ...]:
    """Return what a reader must not miss, the worst first."""
    run = statement.run
    actions = [action for plan in plans for action in plan.actions]
    found = [
        Mark(Tone.BAD, f"{name} ist nicht die Datei, die versiegelt wurde.") for name in others
    ]
    if seal.mark.tone is Tone.BAD:
        found.append(Mark(Tone.BAD, f"Siegel: {seal.mark.text}."))
    found += [
        Mark(Tone.BAD, f"NOTFALL: Ohne zweite Person angewandt. Verantwortlich: {a.by}.")
        for a in run.approvals
        if a.broken_glass
    ]
    found += [
        Mark(Tone.BAD, f"Die Aktion {action.id} wurde begonnen; ihr Ausgang ist unbekannt.")
        for action in actions
        if action.state is State.UNKNOWN
    ]
    found += [
        Mark(Tone.WAIT, f"Die Aktion {action.id} begann erst, als keine Freigabe mehr galt.")
        for action in actions
        if action.late
    ]
    if run.git_dirty:
        found.append(Mark(Tone.WAIT, "Der Code hatte Änderungen, die nicht eingecheckt waren."))
    if odd := journal_oddities(run):
        text = counted(len(odd), "Auffälligkeit", "Auffälligkeiten")
        found.append(Mark(Tone.WAIT, f"Das Journal hat {text}."))
    return tuple(sorted(found, key=lambda mark: mark.tone is not Tone.BAD))


def _action(action: ActionOutcome, target: str) -> tuple[Cell, ...]:
    tone, word = _STATES[action.state]
    what: list[str | Code | Mark] = [Mark(tone, word)]
    if action.error:
        what.append(bounded(action.error, 400))
    if action.attempts > 1:
        what.append(f"{action.attempts}-mal begonnen")
    if action.late:
        what.append(Mark(Tone.WAIT, "begann nach Ablauf der Freigabe"))
    name: list[str | Code | Mark] = [Code(action.id)]
    if action.way_back:
        name.append("Rückweg")
    name += [part for part in (action.kind,) if part]
    name += [Code(action.target)] if action.target and action.target != target else []
    return (
        Lines(tuple(name)),
        Lines(tuple(what)),
        Code(action.operation) if action.operation else "–",
        utc(action.started_at) if action.started_at else "–",
        utc(action.ended_at) if action.ended_at else "–",
        between(action.started_at, action.ended_at),
    )


def _approval(approval: Approval, run: RunFacts, known: set[str]) -> tuple[Cell, ...]:
    kind: list[str | Code | Mark] = [Mark(Tone.GOOD, "Freigabe")]
    if approval.broken_glass:
        kind = [Mark(Tone.BAD, "NOTFALL: ohne zweite Person"), f"Grund: {approval.reason or '–'}"]
    elif approval.by == run.operator:
        kind = [Mark(Tone.PLAIN, "vom Bediener selbst")]
    plan: list[str | Code | Mark] = [Code(approval.digest)]
    if approval.digest not in known:
        plan.append(Mark(Tone.BAD, "kein Plan dieses Laufs"))
    return (
        approval.by or "–",
        Lines(tuple(kind)),
        Lines(tuple(plan)),
        utc(approval.at),
        utc(approval.expires_at) if approval.expires_at else "–",
    )


def _dirty(run: RunFacts) -> str | Mark:
    if run.git_dirty is None:
        return "ob es weitere Änderungen gab, ist nicht bekannt"
    if run.git_dirty:
        return Mark(Tone.WAIT, "mit Änderungen, die nicht eingecheckt waren")
    return Mark(Tone.GOOD, "ohne weitere Änderungen")


def _other_template(digest: str, run: RunFacts) -> str | Mark:
    if not digest or digest == run.template_digest:
        return ""
    return Mark(Tone.WAIT, f"mit einer anderen Vorlage ({digest[:19]})")


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "ja" if value else "nein"
    return json.dumps(value, ensure_ascii=False)
