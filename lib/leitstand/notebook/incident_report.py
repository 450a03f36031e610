"""Texts of an incident for customers and colleagues, and the draft of its post-mortem."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from leitstand.core.triage.hypotheses import Hypothesis
from leitstand.core.triage.incident import Incident, Severity
from leitstand.core.triage.post_mortem import Moments, post_mortem
from leitstand.core.triage.signals import Signals
from leitstand.core.triage.status_text import RunLink, State, colleague_status, customer_status
from leitstand.core.triage.symptoms import read_symptoms
from leitstand.core.triage.timeline import build_timeline
from leitstand.notebook.incident_runs import RANKED, RECOVERED, IncidentRun, runs_of
from leitstand.notebook.incident_views import source_names
from leitstand.notebook.run import Run
from leitstand.notebook.views import Notice, Row, Table
from leitstand.notebook.wording import STATUS
from leitstand.project import runs_directory

__all__ = ["write_report"]

_ZONE = ZoneInfo("Europe/Berlin")
_NEXT = {Severity.SEV1: timedelta(minutes=30), Severity.SEV2: timedelta(hours=1)}
_LATER = timedelta(hours=4)


def write_report(
    run: Run, incident: Incident, signals: Signals, hypotheses: Sequence[Hypothesis]
) -> tuple[Table | Notice, ...]:
    """Write the texts beside the notebook and return them for showing.

    Reads the journals of all runs of the incident.
    """
    policy, runs = run.environment.triage, runs_of(runs_directory(), incident.id)
    symptoms = read_symptoms(signals, policy)
    links = [_link(found) for found in runs if found.entry.runbook != "incident"]
    entries = build_timeline(
        incident=incident,
        signals=signals,
        policy=policy,
        runs={found.entry.id: found.events for found in runs},
    )
    state, first = _state(runs, hypotheses), hypotheses[0] if hypotheses else None
    later = datetime.now(UTC) + _NEXT.get(incident.severity, _LATER)
    texts = {
        "status-kunden.txt": customer_status(
            incident, state, zone=_ZONE, hypothesis=first, symptoms=symptoms, next_update=later
        ),
        "status-kollegen.txt": colleague_status(
            incident,
            state,
            zone=_ZONE,
            hypotheses=hypotheses,
            symptoms=symptoms,
            missing=source_names(signals.missing),
            runs=links,
            next_update=later,
        ),
        "bericht.md": post_mortem(
            incident,
            zone=_ZONE,
            timeline=entries,
            hypothesis=first or _earlier(runs),
            symptoms=symptoms,
            runs=links,
            moments=_moments(incident, runs, [s.began for s in symptoms if s.began]),
        ),
    }
    for name, text in texts.items():
        run.directory.write(name, text)
    lines = [
        Row((f"{entry.at.astimezone(_ZONE):%d.%m. %H:%M:%S}", entry.source, entry.text))
        for entry in entries
    ]
    return (
        Table("Zeitleiste", ("Zeit", "Quelle", "Was geschah"), lines, "Noch nichts."),
        Notice(f"Für Kunden:\n{texts['status-kunden.txt']}"),
        Notice(f"Für Kollegen:\n{texts['status-kollegen.txt']}"),
        Notice(f"Bericht: {run.directory.path / 'bericht.md'}"),
    )


def _state(runs: Sequence[IncidentRun], hypotheses: Sequence[Hypothesis]) -> State:
    if any(hypothesis.acute for hypothesis in hypotheses):
        return State.IDENTIFIED
    return State.MONITORING if _times(runs, RECOVERED) else State.INVESTIGATING


def _earlier(runs: Sequence[IncidentRun]) -> Hypothesis | None:
    """Return the cause that was treated, once it is gone and no source tells of it any more."""
    treated = [e for run in runs for e in run.events if e["event"] == RECOVERED]
    if not treated:
        return None
    return Hypothesis.from_data(treated[-1]["hypothesis"])


def _moments(incident: Incident, runs: Sequence[IncidentRun], began: Sequence[datetime]) -> Moments:
    named = [
        _moment(event)
        for run in runs
        for event in run.events
        if event["event"] == RANKED and event["hypotheses"]
    ]
    recovered = _times(runs, RECOVERED)
    return Moments(
        began=min(began, default=None),
        detected=incident.declared_at,
        understood=min(named, default=None),
        recovered=max(recovered, default=None),
    )


def _times(runs: Sequence[IncidentRun], kind: str) -> list[datetime]:
    return [_moment(e) for run in runs for e in run.events if e["event"] == kind]


def _moment(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(event["at"]))


def _link(found: IncidentRun) -> RunLink:
    entry = found.entry
    state = STATUS.get(entry.status, entry.status)
    return RunLink(entry.id, entry.runbook, state, (entry.path / "notebook.ipynb").as_uri())
