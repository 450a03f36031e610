"""The draft of a post-mortem in Markdown: what is known is filled in, the rest are questions.

It names no one to blame (Beyer et al., Site Reliability Engineering, chapter 15): roles stand in
it, and the questions are about the system.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from leitstand.core.german import duration
from leitstand.core.triage.hypotheses import Evidence, Hypothesis
from leitstand.core.triage.incident import ROLES, Incident
from leitstand.core.triage.status_text import RunLink, moment
from leitstand.core.triage.symptoms import Symptom
from leitstand.core.triage.timeline import Entry

__all__ = ["Moments", "escaped", "post_mortem"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!&])")
_OPENING = re.compile(r"^(\s*)([-+=:]|\d+(?=[.)]))")
_OPEN = "*offen*"


@dataclass(frozen=True)
class Moments:
    """The times that figures are computed from; None where one is unknown.

    Attributes:
        began: When it began.
        detected: When it was noticed: the declaration.
        understood: When the right cause was named.
        recovered: When users noticed nothing any more.
    """

    began: datetime | None = None
    detected: datetime | None = None
    understood: datetime | None = None
    recovered: datetime | None = None


def escaped(text: str) -> str:
    """Return a text as one line of Markdown that shows exactly it, in tables too."""
    text = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _OPENING.sub(lambda m: f"{m[1]}{m[2]}\\" if m[2].isdigit() else f"{m[1]}\\{m[2]}", text)


def post_mortem(
    incident: Incident,
    *,
    zone: tzinfo,
    timeline: Sequence[Entry] = (),
    hypothesis: Hypothesis | None = None,
    symptoms: Sequence[Symptom] = (),
    runs: Sequence[RunLink] = (),
    moments: Moments | None = None,
) -> str:
    """Return the draft in German; ``zone`` is the one in which times are told."""
    times = moments or Moments(detected=incident.declared_at)
    sections = (
        _head(incident, zone),
        _summary(incident, hypothesis, times, zone),
        _impact(hypothesis, symptoms),
        _figures(times),
        _timeline(timeline, zone),
        _cause(hypothesis),
        _treatments(runs),
        _QUESTIONS,
        _MEASURES,
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(incident: Incident, zone: tzinfo) -> list[str]:
    people = [f"| {title} | {escaped(incident.roles.get(role) or '') or _OPEN} |"
              for role, title in ROLES.items()]  # fmt: skip
    return [
        f"# {incident.id}: {escaped(incident.title)}",
        "",
        "*Entwurf. Es geht darum, was am System zu ändern ist, und nicht um Schuld.*",
        "",
        "| | |",
        "|---|---|",
        f"| Schwere | {incident.severity} ({incident.severity.meaning}) |",
        f"| Erklärt | {moment(incident.declared_at, zone)} |",
        *people,
    ]


def _summary(
    incident: Incident, hypothesis: Hypothesis | None, times: Moments, zone: tzinfo
) -> list[str]:
    cause = f"Ursache: {escaped(hypothesis.title)}." if hypothesis else "Die Ursache ist offen."
    began = f"Der Vorfall begann am {moment(times.began, zone)}." if times.began else ""
    ended = (
        f"Seit {moment(times.recovered, zone)} ist er behoben."
        if times.recovered
        else "Er ist noch nicht als behoben festgehalten."
    )
    text = " ".join(part for part in (f"{escaped(incident.title)}.", began, cause, ended) if part)
    return ["## Zusammenfassung", "", text]


def _impact(hypothesis: Hypothesis | None, symptoms: Sequence[Symptom]) -> list[str]:
    felt = [f"- {escaped(symptom.text)}" for symptom in symptoms]
    harms = [f"- {escaped(hypothesis.harms)}"] if hypothesis and hypothesis.harms else []
    return [
        "## Auswirkung",
        "",
        *(felt + harms or ["- Gemessen wurde nichts."]),
        f"- Betroffene Kunden: {_OPEN}",
        f"- Verlorene Anfragen und Daten: {_OPEN}",
    ]


def _figures(times: Moments) -> list[str]:
    rows = (
        ("Beginn bis bemerkt", times.began, times.detected),
        ("Bemerkt bis Ursache benannt", times.detected, times.understood),
        ("Bemerkt bis behoben", times.detected, times.recovered),
        ("Beginn bis behoben", times.began, times.recovered),
    )
    return [
        "## Kennzahlen",
        "",
        "| Zeit | Dauer |",
        "|---|---|",
        *(f"| {name} | {_span(first, last)} |" for name, first, last in rows),
    ]


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return _OPEN
    seconds = (last - first).total_seconds()
    if seconds < 0:
        return _OPEN  # one of the times is wrong; a figure would hide that
    text = duration(seconds)
    return text.removesuffix("n") if text.endswith("Tagen") else text


def _timeline(timeline: Sequence[Entry], zone: tzinfo) -> list[str]:
    if not timeline:
        return ["## Zeitleiste", "", _OPEN]
    name = timeline[0].at.astimezone(zone).tzname() or "UTC"
    return [
        "## Zeitleiste",
        "",
        f"| Zeit ({escaped(name)}) | Quelle | Was geschah |",
        "|---|---|---|",
        *(
            f"| {entry.at.astimezone(zone):%d.%m. %H:%M:%S} | {escaped(entry.source)}"
            f" | {escaped(entry.text)} |"
            for entry in timeline
        ),
    ]


def _cause(hypothesis: Hypothesis | None) -> list[str]:
    if hypothesis is None:
        return ["## Ursache", "", "Keine Quelle nannte eine Ursache.", "", f"- Warum? {_OPEN}"]
    against = [f"- {_told(evidence)}" for evidence in hypothesis.against]
    return [
        "## Ursache",
        "",
        f"{escaped(hypothesis.title)} (`{hypothesis.cause}`).",
        "",
        "Dafür spricht:",
        "",
        *(f"- {_told(evidence)}" for evidence in hypothesis.evidence),
        *(["", "Dagegen spricht:", "", *against] if against else []),
        "",
        f"Warum konnte es dazu kommen? {_OPEN}",
    ]


def _told(evidence: Evidence) -> str:
    return f"{escaped(evidence.text)} *(Quelle: {evidence.source.value})*"


def _treatments(runs: Sequence[RunLink]) -> list[str]:
    if not runs:
        return ["## Behandlung", "", "Kein Runbook wurde ausgeführt."]
    return [
        "## Behandlung",
        "",
        "| Runbook | Lauf | Ergebnis |",
        "|---|---|---|",
        *(f"| {escaped(r.runbook)} | {_link(r)} | {escaped(r.state)} |" for r in runs),
    ]


def _link(run: RunLink) -> str:
    if not run.address or re.search(r"[\s<>()|]", run.address):
        return escaped(run.id)
    return f"[{escaped(run.id)}](<{run.address}>)"


_QUESTIONS = [
    "## Was gut lief",
    "",
    f"- Was hat die Diagnose beschleunigt? {_OPEN}",
    f"- Was hat die Wirkung begrenzt? {_OPEN}",
    "",
    "## Was schlecht lief",
    "",
    f"- Was hat uns aufgehalten? {_OPEN}",
    f"- Welches Anzeichen gab es früher, und wer hätte es sehen können? {_OPEN}",
    f"- Wo hatten wir Glück? {_OPEN}",
]
_MEASURES = [
    "## Maßnahmen",
    "",
    "| Maßnahme | Verhindert, erkennt oder begrenzt | Zuständig | Bis | Ticket |",
    "|---|---|---|---|---|",
    "| | | | | |",
]
