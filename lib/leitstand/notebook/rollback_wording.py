"""German words of the rollback runbook."""

from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.errors import GateRefused
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.core.schema import Decision

__all__ = [
    "CloneUnfit",
    "CloneUnreadable",
    "WayBackRefused",
    "action_text",
    "action_title",
    "check_text",
    "decision_text",
]


class WayBackRefused(GateRefused):
    """There is no safe way back to the revision that was asked for."""

    def __init__(self, decision: Decision, revision: str) -> None:
        message, advice = _REFUSALS[decision.reason]
        super().__init__(message.format(revision=revision), advice)
        self.reason = decision.reason


class CloneUnfit(GateRefused):
    """The clone does not hold what the application needs; it stays where it is."""

    def __init__(self, check: Check) -> None:
        title, evidence = check_text(check)
        super().__init__(
            f"Der Klon ist nicht brauchbar: „{title}“ trifft nicht zu ({evidence}).",
            "Die Anwendung bleibt, wo sie ist. Wählen Sie einen anderen Zeitpunkt.",
        )
        self.check = check.id


class CloneUnreadable(GateRefused):
    """The clone cannot be read with the administrator's address; the application stays."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Der Klon lässt sich nicht lesen: {reason}",
            "Die Anwendung bleibt, wo sie ist. Wählen Sie einen späteren Zeitpunkt.",
        )


def decision_text(decision: Decision) -> str:
    """Return which way is open and why."""
    return _DECISIONS[decision.reason]


def action_title(action: Action) -> str:
    """Return an action as a short German title for a step."""
    name = action.target.rsplit("/", 1)[-1]
    verb = action.id.partition("-")[0]
    if action.kind == "set_scaling":
        return f"{name} {'anhalten' if verb == 'pause' else 'starten'}"
    if action.kind == "deploy_revision":
        return f"{name} auf die neue Instanz umstellen"
    return _TITLES[action.kind].format(name=name)


def action_text(action: Action) -> str:
    """Return what an action does, as one German sentence."""
    arguments, name = action.arguments, action.target.rsplit("/", 1)[-1]
    match action.kind:
        case "sql_backup":
            return f"Sichert die Instanz {name}, so wie sie ist."
        case "sql_clone":
            return (
                f"Legt {arguments['clone']} an: {name} zum Zeitpunkt {arguments['point_in_time']}."
            )
        case "sql_delete":
            return f"Löscht {name} wieder."
        case "sql_settings":
            stated = ", ".join(arguments["settings"]) or "keine"
            return f"Setzt auf {name}, was ein Klon nicht übernimmt: {stated}."
        case "set_scaling" if action.id.startswith("pause-"):
            return f"Hält {name} an; niemand schreibt mehr."
        case "set_scaling":
            return f"Startet {name} wieder."
        case "sql_fence":
            return f"Sperrt die alte Datenbank für {', '.join(arguments['roles'])}."
        case "sql_unfence":
            return "Öffnet die alte Datenbank wieder."
        case "sql_rescue":
            return "Schreibt in Dateien, was nur auf der alten Instanz steht."
        case "add_database_url":
            return f"Legt Version {arguments['new_version']} von {name} an: die neue Adresse."
        case "update_job":
            return f"Stellt den Job {name} auf die neue Instanz um."
        case "deploy_revision":
            image = arguments["template"]["containers"][0]["image"].rsplit("/", 1)[-1]
            return f"Legt {arguments['revision']} an ({image[:24]}…), mit dem ganzen Verkehr."
        case _:
            shares = ", ".join(
                f"{share['percent']} % {share['revision']}" for share in arguments["traffic"]
            )
            return f"Verteilt den Verkehr: {shares}."


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    title, evidence = _CHECKS[check.id]
    return title, evidence(check.evidence)


_TITLES = {
    "sql_backup": "{name} sichern",
    "sql_clone": "{name} klonen",
    "sql_settings": "Einstellungen von {name}",
    "sql_delete": "{name} löschen",
    "sql_fence": "Alte Datenbank sperren",
    "sql_unfence": "Alte Datenbank öffnen",
    "sql_rescue": "Neuere Zeilen retten",
    "add_database_url": "Neue Adresse hinterlegen",
    "update_job": "Job {name} umstellen",
    "set_traffic": "Verkehr von {name}",
}

_DECISIONS = {
    "target_understands_schema": "Der Verkehr allein genügt: Der Code versteht das Schema.",
    "target_does_not_understand_schema": "Die Datenbank muss mit zurück: Der Code versteht das"
    " Schema nicht.",
    "recovery_asked_for": "Die Datenbank geht mit zurück, weil Sie einen Zeitpunkt nennen.",
    "target_range_unknown": "Kein Rückweg: Die Revision nennt keine Schema-Versionen.",
    "live_version_unknown": "Kein Rückweg: Die Datenbank nennt keine Schema-Version.",
    "no_restore_point": "Kein Rückweg: Es ist kein Zeitpunkt davor bekannt.",
    "restore_point_too_old": "Kein Rückweg: Der Zeitpunkt davor liegt zu weit zurück.",
}

_REFUSALS = {
    "target_range_unknown": (
        "Die Revision {revision} nennt nicht, welche Schema-Versionen sie versteht.",
        "Nennen Sie mit revision eine andere, oder beheben Sie den Fehler vorwärts.",
    ),
    "live_version_unknown": (
        "Die Datenbank nennt keine Schema-Version.",
        "Prüfen Sie, ob die Migrationen dort je gelaufen sind.",
    ),
    "no_restore_point": (
        "Die Revision {revision} versteht das Schema nicht mehr, und kein Zeitpunkt ist genannt.",
        "Nennen Sie target, oder mit before_run den Lauf der Migration.",
    ),
    "restore_point_too_old": (
        "Der Zeitpunkt vor der Migration liegt vor dem Wiederherstellungsfenster.",
        "Beheben Sie den Fehler vorwärts: mit einem neuen Abbild.",
    ),
}


def _range(evidence: Mapping[str, Any]) -> str:
    if evidence["minimum"] is None:
        return f"Klon: {evidence['live']}, der Code nennt keine Versionen"
    return f"Klon: {evidence['live']}, Code: {evidence['minimum']} bis {evidence['maximum']}"


_CHECKS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "clone_readable": ("Der Klon lässt sich lesen", lambda e: str(e["reason"])),
    "clone_has_rows": (
        "Der Klon enthält Zeilen",
        lambda e: f"{e['rows']} Zeilen in {e['tables']} Tabellen",
    ),
    "clone_ends_at_target": (
        "Der Klon endet am Zeitpunkt",
        lambda e: (
            f"neueste Zeile {e['newest'] or 'unbekannt'}"
            + (f", danach migriert: {', '.join(e['late'])}" if e["late"] else "")
        ),
    ),
    "clone_schema_understood": ("Der Code versteht das Schema des Klons", _range),
    "clone_extensions_same": (
        "Die Erweiterungen sind dieselben",
        lambda e: ", ".join(f"{name} {version}" for name, version in e["clone"].items()),
    ),
    "clone_indexes_valid": (
        "Alle Indexe sind gültig",
        lambda e: ", ".join(e["invalid"]) or "keiner ist ungültig",
    ),
    "clone_row_security_same": (
        "Row-Level Security gilt wie vorher",
        lambda e: ", ".join(e["unprotected"]) or "auf denselben Tabellen",
    ),
    "clone_roles_can_login": (
        "Die Rollen der Anwendung können sich anmelden",
        lambda e: ", ".join(e["missing"]) or "alle",
    ),
}
