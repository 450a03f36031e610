"""The runs of an incident, found by their journals. Read-only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leitstand.audit.index import RunEntry, list_runs
from leitstand.audit.journal import Journal

__all__ = [
    "RANKED",
    "RECOVERED",
    "IncidentRun",
    "declaration_of",
    "ranking_of",
    "runs_of",
    "started_by",
    "treated_in",
]

RANKED: Final = "incident.ranked"
"""The event of a run that showed what may be the matter, the likeliest first."""

RECOVERED: Final = "incident.recovered"
"""The event of a run that looked again after a treatment and found the cause gone."""

_DECLARED = "incident.declared"
_RUNBOOK = "incident"


@dataclass(frozen=True)
class IncidentRun:
    """A run that belongs to an incident, with all its events."""

    entry: RunEntry
    events: tuple[Mapping[str, Any], ...]


def runs_of(runs: Path, incident: str) -> tuple[IncidentRun, ...]:
    """Return the runs that declared an incident, looked at it or were started for it, oldest first.

    Args:
        runs: Directory of all runs.
        incident: Its id.
    """
    found = (
        run
        for entry in reversed(list_runs(runs))
        if entry.incident == incident or entry.runbook == _RUNBOOK
        for run in (_with_events(entry),)
    )
    return tuple(run for run in found if _belongs(run, incident))


def declaration_of(runs: Path, incident: str) -> Mapping[str, Any] | None:
    """Return the event that declared an incident last, or None where nobody did."""
    declared = [e for e in _events(runs_of(runs, incident), _DECLARED) if e["incident"] == incident]
    return declared[-1] if declared else None


def ranking_of(runs: Iterable[IncidentRun], incident: str) -> Sequence[Mapping[str, Any]] | None:
    """Return the hypotheses that one of the runs showed last for an incident, or None."""
    shown = [e for e in _events(runs, RANKED) if e["incident"] == incident]
    return shown[-1]["hypotheses"] if shown else None


def treated_in(runs: Iterable[IncidentRun]) -> Mapping[str, Any] | None:
    """Return the hypothesis that was treated last, unless a look after it found it gone."""
    treated: Mapping[str, Any] | None = None
    for run in runs:
        if run.entry.runbook != _RUNBOOK:
            continue
        planned: Mapping[str, Any] = {}
        for event in run.events:
            if event["event"] == "plan.made":
                planned = event["plan"]["basis"]
            elif event["event"] == "action.outcome":
                treated = planned.get("hypothesis")
            elif event["event"] == RECOVERED:
                treated = None
    return treated


def started_by(runs: Path, origin: str) -> IncidentRun | None:
    """Return the run that an action started, named ``run/action``; None where it has none yet."""
    found = (entry for entry in list_runs(runs) if entry.started_by == origin)
    return next((_with_events(entry) for entry in found), None)


def _events(runs: Iterable[IncidentRun], kind: str) -> Iterator[Mapping[str, Any]]:
    return (event for run in runs for event in run.events if event["event"] == kind)


def _with_events(entry: RunEntry) -> IncidentRun:
    return IncidentRun(entry, tuple(Journal(entry.path / "journal.jsonl")))


def _belongs(run: IncidentRun, incident: str) -> bool:
    return run.entry.incident == incident or any(
        event["event"] == _DECLARED and event["incident"] == incident for event in run.events
    )
