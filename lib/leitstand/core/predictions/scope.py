"""Which runbooks can be rehearsed like another environment, and what of them cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from leitstand.core.rotation.recipes import Recipe

__all__ = ["Scope", "rotation_refused", "scope_of"]


@dataclass(frozen=True)
class Scope:
    """How far a runbook can be rehearsed like an environment.

    Attributes:
        refused: Why it cannot be at all, as a German sentence; empty where it can.
        limits: What a rehearsal does not show, as German sentences.
    """

    refused: str = ""
    limits: tuple[str, ...] = ()


_REHEARSED: Final = frozenset(
    {
        "litellm_quota", "maintenance_mode", "migrate", "pause_queue", "release", "rollback",
        "rotate_secret", "scale",
    }
)  # fmt: skip

_NEEDS: Final[Mapping[str, str]] = {
    "deviations": "Das Runbook ändert nichts; führen Sie es dort aus.",
    "end_session": "Welche Sitzung stört, steht nur in der echten Datenbank.",
    "incident": "Eine Störung zeigt sich nur in den echten Messwerten und Logs.",
    "log_retention": "Ob eine Senke abgeschaltet ist und ob Einträge ankommen, zeigt nur das echte"
    " Projekt.",
    "onboard_tenant": "Welche Mandanten es gibt, steht nur in der echten Datenbank.",
    "pgvector_maintenance": "Was zu tun ist, hängt an den echten Vektoren.",
    "provision": "Die Sandbox hat nicht jede Ressource in der echten Größe; was bereitzustellen"
    " ist, zeigt sein Plan ohne --apply.",
    "restore_drill": "Der Klon braucht die echten Backups.",
    "schedules": "Zeitpläne des Projekts werden nicht übernommen.",
    "snapshot_redis": "Ein Snapshot besteht aus den echten Daten.",
    "tenant_isolation": "Wie Mandanten getrennt sind, steht nur in der echten Datenbank.",
}

_DATA: Final = (
    "Die Daten: In der Probe liegen Beispieldaten, auch die Werte der Secrets sind andere.",
)
_ALWAYS: Final = (
    "Die Programme: Wo die Sandbox ein Abbild nicht hat, läuft dafür die Beispielanwendung.",
    "Last, Latenz und Dauer: Die Zeitfenster sind die der Sandbox.",
)

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "migrate": (
        "Die Daten: Die Tabellen sind leer. Wie lange eine Anweisung dauert, zeigt sich erst dort.",
        "Zeilen, die einer Migration widersprechen: Daran kann erst der echte Lauf scheitern.",
        "Sperren, lange Transaktionen, Platz und Archiv der Datenbank: Die prüft der echte Lauf.",
        "Die Werte der Secrets: Die Sandbox macht eigene.",
    ),
    "pause_queue": (
        *_DATA,
        "Die Aufgaben: Ob die Warteschlange in der Frist leer wird, zeigt erst der echte Lauf.",
    ),
    "rotate_secret": (
        *_DATA,
        "Der neue Wert: Ob er bei einem Anbieter gilt, zeigt erst der echte Lauf.",
    ),
}


def scope_of(runbook: str, parameters: Mapping[str, Any]) -> Scope:
    """Return how far a runbook with these parameters can be rehearsed like an environment.

    Only what follows from the control plane and from the structure of the database is rehearsed.
    Where a plan follows from data, a rehearsal over sample data would predict something that has
    nothing to do with the real thing.
    """
    if runbook not in _REHEARSED:
        return Scope(_NEEDS.get(runbook, "Wovon sein Plan abhängt, ist nicht bekannt."))
    if runbook == "rollback" and (parameters.get("target") or parameters.get("before_run")):
        return Scope("Eine Wiederherstellung braucht die echten Backups und das echte WAL-Archiv.")
    if runbook == "scale" and not parameters.get("instances"):
        return Scope(
            "Ohne instances entscheidet die echte Warteschlange; nennen Sie die Zahl mit"
            " -p instances=…."
        )
    if runbook == "rotate_secret" and not parameters.get("secret"):
        return Scope("Ohne secret zeigt es nur, was fällig ist; führen Sie es dort aus.")
    return Scope(limits=(*_ALSO.get(runbook, _DATA), *_ALWAYS))


def rotation_refused(recipe: Recipe, source: str) -> str:
    """Return why the rotation of a secret cannot be rehearsed, as a German sentence; or nothing.

    Args:
        recipe: How it gets a new value in the environment.
        source: ``generated`` or ``pending``.
    """
    if source == "pending":
        return ""
    if recipe.follows_auth:
        return "Ob sich der AUTH-String von Redis geändert hat, steht nur in den echten Werten."
    if not recipe.generated:
        return (
            "Seinen Wert hinterlegt dort ein Mensch; legen Sie ihn an und proben Sie mit"
            " -p source=pending."
        )
    return ""
