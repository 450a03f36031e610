"""German words of the rotation runbook."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from leitstand.core.errors import Finding, GateRefused, RunFailed
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check

__all__ = [
    "ChangedSincePlan",
    "NotAdopted",
    "RotationDue",
    "RotationRefused",
    "action_text",
    "action_title",
    "check_text",
    "need_text",
    "time_text",
]


class RotationRefused(GateRefused):
    """A check of the rotation is red; there will be no plan.

    Attributes:
        check: Id of the first check that failed.
    """

    def __init__(self, check: Check) -> None:
        title, evidence = check_text(check)
        super().__init__(f"„{title}“ trifft nicht zu: {evidence}.", _ADVICE[check.id])
        self.check = check.id


class ChangedSincePlan(GateRefused):
    """A service was changed since the plan was made; nothing was done."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"Der Dienst {service} wurde geändert, seit der Plan entstand.",
            "Prüfen Sie, wer ihn geändert hat, und starten Sie das Runbook neu.",
        )
        self.service = service


class NotAdopted(RunFailed):
    """Something does not work with the new version."""

    def __init__(self, what: str) -> None:
        super().__init__(
            what,
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort, oder nehmen Sie ihn zurück.",
        )


class RotationDue(Finding):
    """Secrets are due for rotation.

    Attributes:
        secrets: Short names.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(
            f"Fällig für die Rotation: {', '.join(secrets)}.",
            "Starten Sie dieses Runbook für jedes davon mit seinem Namen.",
        )
        self.secrets = tuple(secrets)


def action_title(action: Action) -> str:
    """Return an action as a short German title for a step."""
    name, version = action.target.rsplit("/", 1)[-1], action.arguments.get("version", "")
    login = action.arguments.get("login", "")
    return _TITLES[action.kind].format(name=name, version=version, login=login)


def action_text(action: Action) -> str:
    """Return what an action does, as one German sentence."""
    arguments, name = action.arguments, action.target.rsplit("/", 1)[-1]
    match action.kind:
        case "secret_add":
            source = "mit neuer Adresse" if "url" in arguments else "mit neuem Wert"
            return f"Legt Version {arguments['version']} von {name} an, {source}."
        case "secret_try":
            return f"Liest Version {arguments['version']} von {name} und probiert sie aus."
        case "secret_state":
            verb = "Deaktiviert" if arguments["state"] == "DISABLED" else "Aktiviert"
            return f"{verb} Version {arguments['version']} von {name}."
        case "secret_login":
            other = arguments["login"] != arguments["role"]
            works = f"; er arbeitet als {arguments['role']}" if other else ""
            return f"Gibt dem Datenbanknutzer {arguments['login']} das neue Kennwort{works}."
        case "secret_close_login":
            return f"Gibt {arguments['login']} ein Kennwort, das niemand kennt."
        case "secret_probe":
            paths = ", ".join(arguments["paths"]) or "keine Seite, nur die Bereitschaft"
            return f"Fragt die neue Revision von {name}: {paths}."
        case "restore_template":
            return f"Lässt die nächste Revision von {name} wieder die alte Version lesen."
        case "update_job":
            return f"Stellt den Job {name} um."
        case "deploy_revision":
            whole = any(share["percent"] == 100 and share["revision"] == arguments["revision"]
                        for share in arguments["traffic"])  # fmt: skip
            return (
                f"Legt {arguments['revision']} an, {'mit dem ganzen' if whole else 'ohne'} Verkehr."
            )
        case _:
            revision = next(s["revision"] for s in arguments["traffic"] if s["percent"])
            return f"Gibt {revision} den ganzen Verkehr."


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    title, evidence = _CHECKS[check.id]
    return title, evidence(check.evidence)


def need_text(need: Sequence[Any]) -> tuple[str, str, str, str]:
    """Return a need of a plan's basis as version, holder, reason and end."""
    secret, version, holder, reason, until = need
    end = time_text(datetime.fromisoformat(until)) if until else _ENDS[reason]
    return f"{secret}/{version}", holder, _REASONS[reason], end


def time_text(moment: datetime | None) -> str:
    """Return a time for a table."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "–"


_TITLES = {
    "secret_add": "{name}: Version {version} anlegen",
    "secret_try": "{name}: Version {version} prüfen",
    "secret_state": "{name}: Version {version} umstellen",
    "secret_login": "Datenbanknutzer {login} vorbereiten",
    "secret_close_login": "Datenbanknutzer {login} schließen",
    "secret_probe": "{name}: neue Revision prüfen",
    "restore_template": "{name}: alte Version vorsehen",
    "update_job": "Job {name} umstellen",
    "deploy_revision": "{name}: neue Revision",
    "set_traffic": "{name}: Verkehr umstellen",
}

_REASONS = {
    "traffic": "hat Verkehr",
    "tag": "hat einen Tag",
    "rollback": "dorthin ginge ein Rollback",
    "kept": "lässt sich noch zurückholen",
    "job": "die nächste Ausführung liest sie",
    "file": "die Umgebungsdatei nennt sie",
}

_ENDS = {
    "traffic": "bis eine andere Revision den Verkehr hat",
    "tag": "bis der Tag entfernt ist",
    "rollback": "bis zum nächsten Release",
    "job": "bis der Job umgestellt ist",
    "file": "bis die Umgebungsdatei die neue nennt",
}

_ADVICE = {
    "value_can_be_made": "Legen Sie den neuen Wert als Version an, und wählen Sie source=pending.",
    "value_from_person": "Wählen Sie source=generated; Leitstand setzt das Kennwort mit.",
    "version_pending": "Legen Sie den neuen Wert als Version an; er bleibt bis zum Lauf unbenutzt.",
    "auth_changed": "Ändern Sie zuerst den AUTH-Schlüssel in Memorystore; danach stellt dieses"
    " Runbook die Dienste um.",
    "value_readable": "Klären Sie, ob die Version aktiv ist und Sie sie lesen dürfen.",
    "version_in_use": "Aktivieren Sie sie wieder, bevor Sie rotieren.",
    "service_settled": "Warten Sie, bis er zur Ruhe kommt, oder beheben Sie das Problem.",
    "one_revision_serves": "Schließen Sie zuerst das Release ab, oder nehmen Sie es zurück.",
    "versions_pinned": "Geben Sie dort zuerst eine Versionsnummer an: Wer „latest“ liest, bekäme"
    " den neuen Wert ungeprüft, und auf dem Weg zurück keinen.",
    "login_free": "Deaktivieren Sie zuerst die alte Version; der Plan eines Laufs mit"
    " disable_old=True nennt, wer sie noch braucht.",
    "login_known": "Ergänzen Sie in der Umgebungsdatei, welches Secret die Adresse enthält.",
}


def _shares(evidence: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{percent} % {name}" for name, percent in evidence["serving"].items())
    return f"{evidence['service']}: {shares or 'keine'}"


_CHECKS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "value_can_be_made": (
        "Leitstand kann den Wert erzeugen",
        lambda e: f"{e['root']} nach der Umgebungsdatei",
    ),
    "value_from_person": ("Der Wert kommt allein von einer Person", lambda e: str(e["root"])),
    "version_pending": (
        "Eine neue Version wartet",
        lambda e: f"Version {e['version']}" if e["version"] else f"keine von {e['root']}",
    ),
    "auth_changed": (
        "Der AUTH-Schlüssel ist ein anderer",
        lambda e: f"verglichen mit der neuesten Version von {e['root']}",
    ),
    "value_readable": (
        "Alle Werte sind lesbar, mit richtiger Prüfsumme",
        lambda e: str(e["problem"]).rstrip(".") or "CRC32C",
    ),
    "version_in_use": (
        "Die Version in Gebrauch ist aktiv",
        lambda e: f"Version {e['version']} von {e['secret']}",
    ),
    "service_settled": (
        "Der Dienst ist in Ruhe",
        lambda e: f"{e['service']} {str(e['problem']).rstrip('.')}".strip(),
    ),
    "one_revision_serves": ("Genau eine Revision bedient den Verkehr", _shares),
    "versions_pinned": (
        "Alle lesen eine feste Version",
        lambda e: f"{e['secret']} ohne Versionsnummer: {', '.join(e['holders'])}",
    ),
    "login_free": (
        "Der andere Datenbanknutzer ist frei",
        lambda e: f"{e['login']}, gebraucht von {', '.join(e['holders']) or 'niemandem'}",
    ),
    "login_known": ("Die Adresse zum Kennwort ist bekannt", lambda e: str(e["secret"])),
}
