"""Which runbooks can be rehearsed like another environment, and what of them cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Scope", "scope_of"]


@dataclass(frozen=True)
class Scope:
    """How far a runbook can be rehearsed like an environment.

    Attributes:
        refused: Why it cannot be at all, as a German sentence; empty where it can.
        limits: What a rehearsal does not show, as German sentences.
    """

    refused: str = ""
    limits: tuple[str, ...] = ()


_REHEARSED: Final = frozenset({"release", "rollback", "scale"})

_NEEDS: Final[Mapping[str, str]] = {
    "deviations": "Das Runbook ändert nichts; führen Sie es dort aus.",
    "end_session": "Welche Sitzung stört, steht nur in der echten Datenbank.",
    "incident": "Eine Störung zeigt sich nur in den echten Messwerten und Logs.",
    "litellm_quota": "Sein Plan hängt an Schlüsseln und Kontingenten in der Datenbank von LiteLLM.",
    "log_retention": "Log-Einträge und Senken des Projekts werden nicht übernommen.",
    "maintenance_mode": "Der Stand von Load Balancer und Wartungsseite wird nicht übernommen.",
    "migrate": "Ob und wie lange eine Migration sperrt, hängt an den echten Tabellen.",
    "onboard_tenant": "Welche Mandanten es gibt, steht nur in der echten Datenbank.",
    "pause_queue": "Ob die Warteschlange leerläuft, hängt an den echten Aufgaben.",
    "pgvector_maintenance": "Was zu tun ist, hängt an den echten Vektoren.",
    "provision": "Was bereitzustellen ist, zeigt sein Plan ohne --apply.",
    "restore_drill": "Der Klon braucht die echten Backups.",
    "rotate_secret": "Neue Werte gelten auch beim Anbieter; den gibt es in der Probe nicht.",
    "schedules": "Zeitpläne des Projekts werden nicht übernommen.",
    "snapshot_redis": "Ein Snapshot besteht aus den echten Daten.",
    "tenant_isolation": "Wie Mandanten getrennt sind, steht nur in der echten Datenbank.",
}

_ALWAYS: Final = (
    "Die Daten: In der Probe liegen Beispieldaten, auch die Werte der Secrets sind andere.",
    "Die Programme: Wo die Sandbox ein Abbild nicht hat, läuft dafür die Beispielanwendung.",
    "Last, Latenz und Dauer: Die Zeitfenster sind die der Sandbox.",
)


def scope_of(runbook: str, parameters: Mapping[str, Any]) -> Scope:
    """Return how far a runbook with these parameters can be rehearsed like an environment.

    Only what depends on the control plane alone is rehearsed. Where a plan follows from data, a
    rehearsal over sample data would predict something that has nothing to do with the real thing.
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
    return Scope(limits=_ALWAYS)
