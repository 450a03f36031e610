"""What happened when: changes, first errors, and what the runs of the incident did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from leitstand.core.german import count, sentence
from leitstand.core.triage.incident import Incident
from leitstand.core.triage.policy import Triage
from leitstand.core.triage.signals import Missing, Signals
from leitstand.core.triage.symptoms import read_symptoms

__all__ = ["Entry", "build_timeline"]

Event = Mapping[str, object]


@dataclass(frozen=True)
class Entry:
    """One line of the timeline.

    Attributes:
        at: Timezone-aware, UTC.
        source: Who says so: the German name of a source, or the id of a run.
        text: German sentence.
    """

    at: datetime
    source: str
    text: str


_KINDS = {
    "revision": "Revision",
    "secret": "Secret",
    "operation": "Vorgang",
    "run": "Lauf",
}
_OUTCOMES = {"done": "erledigt", "failed": "gescheitert", "found_done": "schon erledigt"}
_VERDICTS = {"healthy": "gesund", "unhealthy": "nicht gesund", "inconclusive": "unklar"}


def _text(event: Event, name: str) -> str:
    value = event.get(name)
    return "" if value is None else " ".join(str(value).split())


_TEXTS: Mapping[str, Callable[[Event], str]] = {
    "run.started": lambda e: f"{_text(e, 'runbook')} beginnt, bedient von {_text(e, 'operator')}.",
    "run.resumed": lambda e: f"Der Lauf geht weiter, bedient von {_text(e, 'operator')}.",
    "approval.requested": lambda e: "Der Plan wartet auf eine zweite Person.",
    "approval.broken_glass": lambda e: (
        f"Notfall: {_text(e, 'by')} verzichtet auf eine zweite Person."
        f" {sentence(_text(e, 'reason'))}"
    ),
    "approval.given": lambda e: f"Der Plan ist freigegeben von {_text(e, 'by')}.",
    "action.intent": lambda e: f"Änderung beginnt: {_text(e, 'kind')} an {_target(e)}.",
    "restore.point": lambda e: "Ein Punkt zur Wiederherstellung ist festgehalten.",
    "verdict": lambda e: (
        f"Urteil: {_VERDICTS.get(_text(e, 'verdict'), _text(e, 'verdict'))}."
        if _text(e, "verdict")
        else ""
    ),
    "rollout.left": lambda e: f"Der Lauf lässt los: {sentence(_text(e, 'reason'))}",
    "run.completed": lambda e: "Der Lauf ist am Ziel.",
    "run.paused": lambda e: "Der Lauf wartet.",
    "run.rolled_back": lambda e: f"Zurückgenommen: {sentence(_text(e, 'reason'))}",
    "run.failed": lambda e: f"Der Lauf ist gescheitert: {sentence(_text(e, 'message'))}",
}


def build_timeline(
    *,
    incident: Incident | None = None,
    signals: Signals | None = None,
    policy: Triage | None = None,
    runs: Mapping[str, Sequence[Event]] | None = None,
) -> tuple[Entry, ...]:
    """Return everything in its order; what is told twice stands once.

    Args:
        incident: Adds when it was declared.
        signals: Adds changes and first error lines.
        policy: Together with signals, adds when errors began by the count of requests.
        runs: Events of the journals of the incident's runs, by id; torn or foreign events, without
            a time, are left out.
    """
    known = dict(runs or {})
    entries = [
        *_declared(incident),
        *(entry for run in sorted(known) for entry in _of_run(run, known[run])),
    ]
    if signals is not None:
        entries += [*_changes(signals, known), *_errors(signals, policy)]
    return tuple(sorted(dict.fromkeys(entries), key=lambda e: (e.at, e.source, e.text)))


def _declared(incident: Incident | None) -> Iterator[Entry]:
    if incident is not None:
        text = sentence(f"Vorfall erklärt ({incident.severity}): {incident.title}")
        yield Entry(_utc(incident.declared_at), incident.id, text)


def _changes(signals: Signals, runs: Mapping[str, object]) -> Iterator[Entry]:
    """Yield what changed, without what the journals of these runs tell themselves."""
    for source in (signals.runs, signals.operations):
        for change in () if isinstance(source, Missing) else source:
            if change.run not in runs:
                text = sentence(f"{change.target}: {change.text}")
                name = change.run or _KINDS.get(change.kind, change.kind)
                yield Entry(_utc(change.at), name, text)


def _errors(signals: Signals, policy: Triage | None) -> Iterator[Entry]:
    for symptom in read_symptoms(signals, policy) if policy is not None else ():
        if symptom.began is not None:
            yield Entry(_utc(symptom.began), "Monitoring", f"Beginn: {symptom.text}")
    ordinary = policy.error_lines if policy is not None else 1
    for group in () if isinstance(signals.errors, Missing) else signals.errors:
        if group.count >= ordinary:
            told = count(group.count, "eine Zeile", "Zeilen")
            text = sentence(f"{group.service}: erster Fehler „{group.pattern[:120]}“ ({told})")
            yield Entry(_utc(group.first), "Logs", text)


def _of_run(run: str, events: Sequence[Event]) -> Iterator[Entry]:
    targets: dict[str, str] = {}
    for event in events:
        at = _moment(event.get("at"))
        if at is None:
            continue
        kind = str(event.get("event", ""))
        if kind == "action.intent":
            targets[_text(event, "id")] = _target(event)
        if kind == "action.outcome":
            name = _text(event, "id")
            status = _OUTCOMES.get(_text(event, "status"), _text(event, "status"))
            yield Entry(at, run, sentence(f"Änderung {status}: {targets.get(name) or name}"))
        elif kind in _TEXTS and (text := _TEXTS[kind](event)):
            yield Entry(at, run, text)


def _target(event: Event) -> str:
    return (_text(event, "target") or _text(event, "id")).rsplit("/", 1)[-1]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        return None
    return _utc(moment)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
