"""German words for exports of Redis: checks, actions, refusals, findings."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from leitstand.core.errors import Finding, GateRefused, RunFailed
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.notebook.wording import number

__all__ = [
    "EVERY",
    "ContentLost",
    "SnapshotOverdue",
    "SnapshotRefused",
    "action_text",
    "action_title",
    "age_text",
    "check_text",
    "size_text",
]

EVERY: Mapping[str, str] = {"daily": "täglich", "weekly": "wöchentlich", "none": "nicht vorgesehen"}
_MEGABYTE = 1_000_000


class SnapshotRefused(GateRefused):
    """A condition of the export does not hold; nothing was changed.

    Attributes:
        check: Id of the check.
    """

    def __init__(self, check: Check) -> None:
        super().__init__(*_REFUSALS[check.id](check.evidence))
        self.check = check.id


class ContentLost(RunFailed):
    """The export loads, but does not hold what its source holds; the run can be taken back.

    Attributes:
        checks: Ids of the checks that were red.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        what = "; ".join(check_text(check)[1] for check in checks)
        super().__init__(
            f"Der Snapshot enthält nicht, was in Redis steht: {what}.",
            "Verlassen Sie sich nicht auf ihn: Klären Sie, was fehlt, löschen Sie ihn mit"
            " leitstand revert, und exportieren Sie neu.",
        )
        self.checks = tuple(check.id for check in checks)


class SnapshotOverdue(Finding):
    """The newest snapshot is older than the policy allows, and this run makes none.

    Attributes:
        age: Of that snapshot; None where there is none at all.
    """

    def __init__(self, age: timedelta | None, every: str) -> None:
        found = "Es gibt keinen Snapshot"
        if age is not None:
            found = f"Der letzte Snapshot ist {age_text(age)} alt"
        super().__init__(
            f"{found}; vorgesehen ist: {EVERY[every]}.",
            "Starten Sie das Runbook mit apply, und prüfen Sie den Zeitplan.",
        )
        self.age = age


def age_text(age: timedelta) -> str:
    """Return an age in days or hours."""
    days = age.total_seconds() / 86_400
    return f"{number(days)} Tage" if days >= 2 else f"{number(days * 24)} Stunden"


def size_text(size: float) -> str:
    """Return a number of bytes in megabytes, or kilobytes where it is small."""
    if size < _MEGABYTE:
        return f"{number(round(size / 1000, 1))} kB"
    return f"{number(round(size / _MEGABYTE, 1))} MB"


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    title, evidence = _CHECKS[check.id]
    return title, evidence(check.evidence)


def action_title(action: Action) -> str:
    """Return an action as a short title for a step."""
    return _TITLES[action.kind]


def action_text(action: Action) -> str:
    """Return what an action does."""
    arguments = action.arguments
    if action.kind == "bucket_grant":
        return f"Gibt {arguments['member']} die Rolle {arguments['role']} am Bucket."
    uri = f"gs://{arguments['bucket']}/{arguments['object']}"
    if action.kind == "redis_export":
        return f"Exportiert den Inhalt nach {uri}."
    return f"Löscht {uri}."


_TITLES = {
    "bucket_grant": "Recht am Bucket geben",
    "object_delete": "Snapshot löschen",
    "redis_export": "Redis exportieren",
}


def _memory(evidence: Mapping[str, Any]) -> str:
    if evidence["unread"]:
        return f"nicht gelesen: {evidence['unread']}"
    if not evidence["limit"]:
        return f"{size_text(evidence['used'])}, ohne Grenze"
    share = evidence["used"] / evidence["limit"]
    return (
        f"{number(round(share * 100, 1))} % von {size_text(evidence['limit'])} belegt,"
        f" erlaubt {number(evidence['share'] * 100)} %"
    )


def _keys(evidence: Mapping[str, Any]) -> str:
    low, high = evidence["source_lasting"]
    source = str(high) if low == high else f"{low} bis {high}"
    text = f"Datenbank {evidence['database']}: {evidence['lasting']} Schlüssel, Quelle {source}"
    if evidence["expiring"] or any(evidence["source_expiring"]):
        high = max(evidence["source_expiring"])
        text += f"; mit Ablauf {evidence['expiring']}, Quelle {high}"
    return text


def _sample(evidence: Mapping[str, Any]) -> str:
    return (
        f"{evidence['compared']} verglichen, {evidence['missing']} fehlen,"
        f" {evidence['different']} mit anderem Typ"
    )


_CHECKS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "instance_ready": ("Die Instanz ist bereit", lambda e: e["state"] or "unbekannt"),
    "nothing_under_way": (
        "Keine andere Operation läuft auf ihr",
        lambda e: ", ".join(verb or "unbekannt" for verb in e["verbs"]) or "keine",
    ),
    "bucket_exists": ("Der Bucket ist da", lambda e: e["bucket"]),
    "bucket_closed": ("Nichts darin kann öffentlich werden", lambda e: e["bucket"]),
    "memory_free": ("Der Speicher reicht auch unter Last", _memory),
    "object_exists": (
        "Das Objekt ist da und nicht leer",
        lambda e: f"{e['object']}, {size_text(e['size'])}",
    ),
    "checksum_matches": ("Die Prüfsumme stimmt", lambda e: e["crc32c"]),
    "file_loads": ("Ein redis-server lädt die Datei", lambda e: f"{e['keys']} Schlüssel"),
    "keys_match": ("Die Anzahl der Schlüssel stimmt", _keys),
    "sample_matches": ("Eine Stichprobe stimmt überein", _sample),
}
_REFUSALS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "instance_ready": lambda e: (
        f"Die Instanz ist nicht bereit ({e['state'] or 'Zustand unbekannt'}).",
        "Warten Sie, bis sie READY ist, und starten Sie erneut.",
    ),
    "nothing_under_way": lambda e: (
        f"Auf der Instanz läuft schon eine Operation: {', '.join(e['verbs'])}.",
        "Warten Sie ihr Ende ab, und starten Sie erneut.",
    ),
    "bucket_exists": lambda e: (
        f"Den Bucket {e['bucket']} gibt es nicht.",
        "Stellen Sie ihn mit dem Runbook provision bereit, oder nennen Sie einen anderen.",
    ),
    "bucket_closed": lambda e: (
        f"Objekte im Bucket {e['bucket']} könnten öffentlich werden.",
        "Schalten Sie einheitlichen Zugriff ein, und verbieten Sie öffentlichen Zugriff.",
    ),
    "memory_free": lambda e: (
        f"Der Speicher reicht für einen Export nicht: {_memory(e)}.",
        "Unter Last kann er sich verdoppeln: Vergrößern Sie die Instanz, oder räumen Sie auf.",
    ),
}
