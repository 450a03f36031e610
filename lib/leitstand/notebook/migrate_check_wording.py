"""German words of the checks of the migration runbook."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitstand.core.errors import GateRefused
from leitstand.core.release_checks import Check
from leitstand.core.statements import Effect
from leitstand.notebook.migrate_wording import EFFECTS

__all__ = ["MigrationRefused", "check_text", "refuse"]

Evidence = Mapping[str, Any]


class MigrationRefused(GateRefused):
    """A check is red; nothing is migrated."""

    def __init__(self, check: Check, restored: str = "") -> None:
        message, advice = _REFUSALS[check.id](check.evidence)
        super().__init__(message, f"{advice} {restored}".strip())
        self.check = check.id


def refuse(checks: Sequence[Check]) -> None:
    """Refuse to migrate if a check is red.

    Raises:
        MigrationRefused: one is; it names the first.
    """
    for check in checks:
        if not check.passed:
            raise MigrationRefused(check)


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    return _CHECKS[check.id][0], _CHECKS[check.id][1](check.evidence)


def _range(found: Mapping[str, Any]) -> str:
    if found["minimum"] is None:
        return "nennt keine Versionen"
    return f"versteht {found['minimum']} bis {found['maximum']}"


def _revisions(found: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{r['revision']} {_range(r)}" for r in found) or "keine"


def _open(found: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{o['who']} (pid {o['pid']}, {o['state']}, {o['seconds']:.0f} s)" for o in found
    )


def _blocks(found: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{b['waiting']} wartet auf {b['blocker']} (pid {b['pid']})" for b in found)


_CHECKS: dict[str, tuple[str, Callable[[Evidence], str]]] = {
    "image_exists": (
        "Das Abbild liegt in der Registry",
        lambda e: e["digest"][:19] or "kein solcher Tag",
    ),
    "image_signed": (
        "Das Abbild ist signiert",
        lambda e: "Signatur im Repository" if e["required"] else "nicht verlangt",
    ),
    "job_idle": (
        "Der Job ruht",
        lambda e: ", ".join(e["executions"]) or "keine Ausführung im Gang",
    ),
    "job_uses_instance": (
        "Der Job arbeitet auf der Instanz der Umgebungsdatei",
        lambda e: f"Secret-Version des Jobs {e['job']}",
    ),
    "lock_free": (
        "Keine andere Migration läuft",
        lambda e: ", ".join(e["holders"]) or "die Sperre ist frei",
    ),
    "recovery_enabled": (
        "Sicherung und Point-in-Time Recovery sind an",
        lambda e: f"Protokolle {e['days']} Tage, verlangt {e['wanted']}",
    ),
    "window_recent": (
        "Der neueste Stand ist wiederherstellbar",
        lambda e: "höchstens 10 Minuten alt",
    ),
    "log_archived": (
        "Das Protokoll wird archiviert",
        lambda e: "der letzte Versuch gelang" if e["enabled"] else "Archivierung ist aus",
    ),
    "space": (
        "Der Platz reicht",
        lambda e: "der Speicher wächst mit" if e["grows"] else "doppelte Größe passt",
    ),
    "no_long_transaction": (
        "Keine Transaktion ist lange offen",
        lambda e: _open(e["open"]) or "keine über 30 s",
    ),
    "nobody_waits": ("Niemand wartet auf eine Sperre", lambda e: _blocks(e["blocks"]) or "niemand"),
    "indexes_valid": (
        "Alle Indexe sind gültig",
        lambda e: (", ".join(e["invalid"]) + " (wird weggeräumt)") if e["invalid"] else "alle",
    ),
    "image_understands": (
        "Der Code des Abbilds versteht das neue Schema",
        lambda e: f"Schema danach: {e['version']}, {e['reference']} {_range(e)}",
    ),
    "serving_understands": (
        "Der laufende Code versteht das neue Schema",
        lambda e: (
            f"Schema danach: {e['version']}, {_revisions(e['serving'])}"
            + (" (Ausfall hingenommen)" if e["broken"] else "")
        ),
    ),
    "effect_allowed": (
        "Die Wirkung ist erlaubt",
        lambda e: f"{EFFECTS[Effect[e['effect'].upper()]]}, erlaubt: {_allowed(e)}",
    ),
}


def _allowed(evidence: Evidence) -> str:
    effect = Effect[evidence["allowed"].upper()]
    return EFFECTS[Effect.EXPANDS if effect is Effect.NOT_TRANSACTIONAL else effect]


_REFUSALS: dict[str, Callable[[Evidence], tuple[str, str]]] = {
    "image_exists": lambda e: (
        f"Das Abbild {e['reference']} gibt es nicht.",
        f"Vorhandene Tags: {', '.join(e['known']) or 'keine'}.",
    ),
    "image_signed": lambda e: (
        f"Das Abbild {e['reference']} ist nicht signiert.",
        "Lassen Sie es von der Pipeline signieren, und starten Sie erneut.",
    ),
    "job_idle": lambda e: (
        f"Der Job läuft schon: {', '.join(e['executions'])}.",
        "Warten Sie, bis die Ausführung endet, und starten Sie das Runbook neu.",
    ),
    "job_uses_instance": lambda e: (
        f"Der Job {e['job']} arbeitet auf einer anderen Instanz als der der Umgebungsdatei.",
        "Gleichen Sie database.instance und die Secret-Version des Jobs ab.",
    ),
    "lock_free": lambda e: (
        f"Eine andere Migration läuft schon: {', '.join(e['holders'])}.",
        "Warten Sie, bis sie fertig ist, und starten Sie das Runbook neu.",
    ),
    "recovery_enabled": lambda e: (
        (
            "Die Instanz ließe sich nicht wiederherstellen: Point-in-Time Recovery ist"
            f" {'an' if e['enabled'] else 'aus'}, Protokolle bleiben {e['days']} Tage."
        ),
        f"Schalten Sie beides ein, mit {e['wanted']} Tagen, und warten Sie auf eine Sicherung.",
    ),
    "window_recent": lambda e: (
        f"Wiederherstellbar ist nur der Stand von {e['latest'][:19]} UTC.",
        "Klären Sie, warum Cloud SQL keine Protokolle mehr hochlädt.",
    ),
    "log_archived": lambda e: (
        f"Die Archivierung des Protokolls ist gestört ({e['failed']} Fehlversuche).",
        "Beheben Sie das zuerst: Ohne Archiv gibt es keinen Rückweg.",
    ),
    "space": lambda e: (
        f"Der Platz reicht nicht: Datenbank {e['size'] >> 20} MiB, Platte {e['disk'] >> 20} MiB.",
        "Vergrößern Sie die Platte; eine Migration kann jede Zeile noch einmal schreiben.",
    ),
    "no_long_transaction": lambda e: (
        f"Eine Transaktion ist lange offen: {_open(e['open'])}.",
        "Warten Sie, bis sie endet, oder beenden Sie sie mit pg_terminate_backend.",
    ),
    "nobody_waits": lambda e: (
        f"In der Datenbank stauen sich Sperren: {_blocks(e['blocks'])}.",
        "Lösen Sie den Stau auf, und starten Sie das Runbook neu.",
    ),
    "indexes_valid": lambda e: (
        f"Ein abgebrochener Lauf hat ungültige Indexe hinterlassen: {', '.join(e['invalid'])}.",
        "Starten Sie neu mit -p repair=true; der Lauf räumt sie zuerst weg.",
    ),
    "image_understands": lambda e: (
        f"Das Abbild {e['reference']} versteht das Schema nicht, das es anlegt: {e['version']}.",
        "Prüfen Sie die Angabe schema-min und schema-max am Abbild.",
    ),
    "serving_understands": lambda e: (
        f"Der laufende Code bricht mit Schema {e['version']}: {_revisions(e['broken'])}.",
        (
            "Rollen Sie zuerst ein Abbild aus, das beide Schemas versteht (erst erweitern, dann"
            " entfernen); für einen Ausfall mit Ansage gibt es -p downtime=true."
        ),
    ),
    "effect_allowed": lambda e: (
        (
            f"Die Migration {e['migration']} {EFFECTS[Effect[e['effect'].upper()]]};"
            " das ist diesem Lauf nicht erlaubt."
        ),
        f"Lesen Sie die Anweisungen im Notebook; starten Sie dann mit -p allow={e['effect']}.",
    ),
}
