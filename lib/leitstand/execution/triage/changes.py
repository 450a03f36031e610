"""What changed lately: what runs of ours did, and what the APIs say was made; read-only."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from leitstand.audit.index import RunEntry, list_runs
from leitstand.audit.journal import Journal
from leitstand.core.names import short_name
from leitstand.core.triage.signals import Change
from leitstand.execution.triage.secrets import Vault
from leitstand.execution.triage.services import Estate, read_time

__all__ = [
    "instance_changes",
    "newest_first",
    "revision_changes",
    "run_changes",
    "secret_changes",
]

Body = Mapping[str, Any]
_MOST_RUNS = 50
_STATUS = {
    "running": "läuft noch",
    "completed": "ist abgeschlossen",
    "finding": "hat einen Befund",
    "refused": "wurde abgelehnt",
    "failed": "ist gescheitert",
    "paused": "wartet",
    "rolled_back": "ist zurückgenommen",
    "interrupted": "wurde abgebrochen",
    "crashed": "ist abgestürzt",
    "open": "ist offen",
    "elsewhere": "geht auf einem anderen Rechner weiter",
}
_OPERATIONS = {
    "BACKUP": "Sicherung",
    "BACKUP_VOLUME": "Sicherung",
    "CLONE": "Klon",
    "CREATE": "Instanz angelegt",
    "CREATE_DATABASE": "Datenbank angelegt",
    "CREATE_USER": "Nutzer angelegt",
    "DELETE": "Instanz gelöscht",
    "DELETE_DATABASE": "Datenbank gelöscht",
    "DELETE_USER": "Nutzer gelöscht",
    "FAILOVER": "Failover",
    "MAINTENANCE": "Wartung durch Google",
    "RESTART": "Neustart",
    "RESTORE_VOLUME": "Sicherung eingespielt",
    "UPDATE": "Einstellungen geändert",
    "UPDATE_USER": "Nutzer geändert",
}


def run_changes(runs: Path, environment: str, since: datetime) -> tuple[Change, ...]:
    """Return what earlier runs changed in an environment since then, newest first."""
    recent = [run for run in list_runs(runs) if run.env == environment and _reaches(run, since)]
    found = [change for run in recent[:_MOST_RUNS] for change in _of_run(run)]
    return newest_first(change for change in found if change.at >= since)


def revision_changes(estate: Estate, since: datetime) -> Iterator[Change]:
    """Yield the revisions that were made since then."""
    for revision in estate.revisions:
        at = read_time(revision.get("createTime"))
        if at is None or at < since:
            continue
        containers = revision.get("containers", [])
        image = short_name(str(containers[0].get("image", ""))) if containers else ""
        text = f"Revision {short_name(revision['name'])} mit {image.partition('@')[0]} angelegt."
        yield Change(at, "revision", revision["name"].split("/")[5], text)


def secret_changes(vault: Vault, since: datetime) -> Iterator[Change]:
    """Yield the versions of secrets that were made since then."""
    for secret, versions in vault.versions.items():
        for version in versions:
            at = read_time(version.get("createTime"))
            if at is not None and at >= since:
                text = f"Version {short_name(version['name'])} angelegt."
                yield Change(at, "secret", secret, text)


def instance_changes(operations: Sequence[Body], since: datetime) -> Iterator[Change]:
    """Yield the operations on Cloud SQL that were begun since then."""
    for operation in operations:
        kind = str(operation["operationType"])
        at = read_time(operation.get("startTime") or operation.get("insertTime"))
        if at is None or at < since:
            continue
        state = "" if operation.get("status") == "DONE" else " (läuft)"
        failed = " (gescheitert)" if operation.get("error", {}).get("errors") else state
        text = f"{_OPERATIONS.get(kind, kind)}{failed}."
        yield Change(at, "operation", str(operation.get("targetId", "")), text)


def newest_first(changes: Iterator[Change] | Sequence[Change]) -> tuple[Change, ...]:
    """Return changes in their order, those of the same moment by name."""
    return tuple(sorted(changes, key=lambda c: (-c.at.timestamp(), c.kind, c.target, c.text)))


def _reaches(run: RunEntry, since: datetime) -> bool:
    at = read_time(run.ended_at or run.started_at)
    return at is not None and (at >= since or not run.ended_at)


def _of_run(run: RunEntry) -> Iterator[Change]:
    """Yield a change for each target that a run has acted on."""
    targets: dict[str, datetime] = {}
    acts: dict[str, str] = {}
    for event in Journal(run.path / "journal.jsonl"):
        at = read_time(event.get("at"))
        if at is None:
            continue
        if event["event"] == "action.intent" and event.get("target"):
            acts[str(event.get("id"))] = str(event["target"])
        if event["event"] in {"action.intent", "action.outcome"}:
            target = acts.get(str(event.get("id")), "")
            if target:
                targets[target] = at
    status = _STATUS.get(run.status, run.status)
    for target, at in targets.items():
        text = f"Das Runbook {run.runbook} hat daran gearbeitet; der Lauf {status}."
        yield Change(at, "run", short_name(target), text, run.id)
