"""What one tells customers and colleagues while an incident lasts; German text, ready to send.

Customers read what is disturbed, what is done and when they hear more: no names, no parts of the
installation, no guesses. Colleagues read what there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from leitstand.core.german import listing, percent
from leitstand.core.triage.hypotheses import Cause, Hypothesis
from leitstand.core.triage.incident import ROLES, Incident
from leitstand.core.triage.symptoms import Symptom, SymptomKind

__all__ = ["RunLink", "State", "colleague_status", "customer_status", "moment"]


class State(StrEnum):
    """How far an incident is."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"

    @property
    def wording(self) -> str:
        """German word for it."""
        return {
            State.INVESTIGATING: "Wir untersuchen",
            State.IDENTIFIED: "Ursache erkannt",
            State.MONITORING: "Wir beobachten",
        }[self]


@dataclass(frozen=True)
class RunLink:
    """A run of the incident.

    Attributes:
        state: German word, for example ``läuft`` or ``abgeschlossen``.
        address: Where its record is, or empty.
    """

    id: str
    runbook: str
    state: str
    address: str = ""


_PARTS = {
    "web": "die Anwendung",
    "worker": "die Verarbeitung im Hintergrund",
    "beat": "die Verarbeitung im Hintergrund",
    "litellm": "die Funktionen mit künstlicher Intelligenz",
}
_LATE = "Dokumente werden später als sonst verarbeitet, und E-Mails kommen verzögert an."
_DISTURBED = "Die Anwendung ist derzeit gestört: Seiten laden nicht oder nur langsam."
_AI = "Funktionen mit künstlicher Intelligenz antworten derzeit nicht oder verzögert."
_QUIET = "Derzeit ist uns keine Einschränkung für Sie bekannt."
_PRIVACY = (
    "Wir prüfen, ob Daten für andere Kunden sichtbar waren. Ist das der Fall, unterrichten wir"
    " die Betroffenen unmittelbar."
)
_EFFECTS = {
    Cause.QUEUE_BACKLOG: _LATE,
    Cause.WORKERS_MISSING: _LATE,
    Cause.QUOTA_EXHAUSTED: _AI,
    Cause.INVALID_VECTOR_INDEX: "Die Suche dauert derzeit länger als sonst.",
    Cause.TENANTS_NOT_APART: _PRIVACY,
    Cause.ARCHIVING_BROKEN: _QUIET,
}
_DOES = {
    State.INVESTIGATING: "Wir suchen nach der Ursache.",
    State.IDENTIFIED: "Wir kennen die Ursache und beheben sie.",
    State.MONITORING: "Wir haben die Ursache behoben und beobachten, ob alles stabil bleibt.",
}


def moment(at: datetime, zone: tzinfo) -> str:
    """Return a time as readers expect it, for example ``26.11.2026, 04:40 Uhr``."""
    return f"{at.astimezone(zone):%d.%m.%Y, %H:%M} Uhr"


def customer_status(
    incident: Incident,
    state: State,
    *,
    zone: tzinfo,
    hypothesis: Hypothesis | None = None,
    symptoms: Iterable[Symptom] = (),
    next_update: datetime | None = None,
) -> str:
    """Return what customers read: nothing internal, and nothing better than it is.

    Args:
        zone: In which times are told.
        hypothesis: Decides what is said to be disturbed where no symptom does.
        next_update: When they hear more; without it none is promised.
    """
    lines = [f"{state.wording} – {moment(incident.declared_at, zone)}", ""]
    effect = _effect(hypothesis, tuple(symptoms), incident)
    if state is State.MONITORING and effect not in (_PRIVACY, _QUIET):
        effect = "Die Anwendung arbeitet nach unserer Messung wieder wie gewohnt."
    lines += [effect, _DOES[state]]
    if next_update is not None:
        lines.append(f"Das nächste Mal berichten wir am {moment(next_update, zone)}.")
    return "\n".join(lines)


def colleague_status(
    incident: Incident,
    state: State,
    *,
    zone: tzinfo,
    hypotheses: Sequence[Hypothesis] = (),
    symptoms: Iterable[Symptom] = (),
    missing: Sequence[str] = (),
    runs: Sequence[RunLink] = (),
    next_update: datetime | None = None,
) -> str:
    """Return what colleagues read: severity, likeliest cause, what is done about it, and by whom.

    Args:
        missing: German names of sources that did not answer; they are told, since silence is no
            sign of health.
        runs: Treatments, under way or ended.
    """
    lines = [
        f"{incident.id} · {incident.severity} ({incident.severity.meaning}) · {state.wording}",
        incident.title,
        f"Erklärt: {moment(incident.declared_at, zone)}",
        *(f"{title}: {incident.roles.get(role) or 'offen'}" for role, title in ROLES.items()),
        "",
    ]
    felt = [symptom.text for symptom in symptoms]
    lines += [f"Spürbar: {text}" for text in felt] or ["Spürbar: nichts gemessen."]
    if hypotheses:
        first, *others = hypotheses
        lines.append(f"Vermutete Ursache ({percent(first.score)}): {first.title}")
        lines += [f"  dafür: {evidence.text}" for evidence in first.evidence[:3]]
        lines += [f"  dagegen: {evidence.text}" for evidence in first.against[:2]]
        lines += [f"Betroffen: {first.harms}"] if first.harms else []
        if others:
            lines.append(f"Auch möglich: {listing([h.title for h in others])}")
    else:
        lines.append("Vermutete Ursache: noch keine.")
    if missing:
        lines.append(f"Ohne Antwort, also unbekannt: {listing(list(missing))}")
    for run in runs:
        where = f" {run.address}" if run.address else ""
        lines.append(f"Lauf {run.runbook}: {run.state} ({run.id}){where}")
    if not runs and hypotheses and hypotheses[0].treatments:
        lines.append(f"Als Nächstes: {hypotheses[0].treatments[0].runbook}")
    if next_update is not None:
        lines.append(f"Nächster Stand: {moment(next_update, zone)}")
    return "\n".join(lines)


def _effect(
    hypothesis: Hypothesis | None, symptoms: tuple[Symptom, ...], incident: Incident
) -> str:
    """Return what customers notice: what was measured, else what the cause brings."""
    if hypothesis is not None and hypothesis.cause is Cause.TENANTS_NOT_APART:
        return _PRIVACY
    if symptoms:
        parts = list(dict.fromkeys(_PARTS.get(s.service, "die Anwendung") for s in symptoms))
        broken = any(symptom.kind is SymptomKind.ERRORS for symptom in symptoms)
        what = "Es kommt zu Fehlern" if broken else "Es kommt zu Verzögerungen"
        return f"{what}. Betroffen: {listing(parts)}."
    if hypothesis is not None and not hypothesis.acute:
        return _QUIET
    if hypothesis is not None and hypothesis.cause in _EFFECTS:
        return _EFFECTS[hypothesis.cause]
    if hypothesis is None:
        return _QUIET if incident.severity.value == "sev4" else _DISTURBED
    part = _PARTS.get(hypothesis.target, "die Anwendung")
    return _DISTURBED if part == "die Anwendung" else f"Betroffen ist derzeit {part}."
