"""The runs of an incident, found by their journals. Read-only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitstand.audit.index import RunEntry, list_runs
from leitstand.audit.journal import Journal

__all__ = ["IncidentRun", "declaration_of", "runs_of", "started_by"]

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
    """Return the event that declared an incident first, or None where nobody did."""
    declared = (
        event
        for run in runs_of(runs, incident)
        for event in run.events
        if event["event"] == _DECLARED and event["incident"] == incident
    )
    return next(declared, None)


def started_by(runs: Path, origin: str) -> IncidentRun | None:
    """Return the run that an action started, named ``run/action``; None where it has none yet."""
    found = (entry for entry in list_runs(runs) if entry.started_by == origin)
    return next((_with_events(entry) for entry in found), None)


def _with_events(entry: RunEntry) -> IncidentRun:
    return IncidentRun(entry, tuple(Journal(entry.path / "journal.jsonl")))


def _belongs(run: IncidentRun, incident: str) -> bool:
    return run.entry.incident == incident or any(
        event["event"] == _DECLARED and event["incident"] == incident for event in run.events
    )
