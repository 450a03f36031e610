"""German words for what the core decides: checks, actions, verdicts."""

from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.errors import GateRefused
from leitstand.core.german import number
from leitstand.core.health import Finding, Verdict
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.core.traffic import Share

__all__ = [
    "STATUS",
    "VERDICTS",
    "CheckFailed",
    "action_text",
    "check_text",
    "finding_text",
    "number",
    "split_text",
]

STATUS: Mapping[str, str] = {
    "running": "läuft",
    "completed": "abgeschlossen",
    "finding": "mit Befund beendet",
    "refused": "abgelehnt",
    "failed": "gescheitert",
    "paused": "wartet",
    "rolled_back": "zurückgenommen",
    "interrupted": "angehalten",
    "crashed": "abgerissen",
    "open": "offen",
    "elsewhere": "anderswo",
}
"""What a run's status is called; see `leitstand.audit.index.RunEntry`."""

VERDICTS: Mapping[str, str] = {
    Verdict.HEALTHY: "gesund",
    Verdict.UNHEALTHY: "nicht gesund",
    Verdict.INCONCLUSIVE: "unklar",
}

_TITLES = {
    "image_exists": "Das Abbild liegt in der Registry",
    "image_signed": "Das Abbild ist signiert",
    "image_ran_on_reference": "Dasselbe Abbild lief auf Staging",
    "service_settled": "Der Dienst ist in Ruhe",
    "one_revision_serves": "Genau eine Revision bedient den Verkehr",
    "image_is_new": "Das Abbild ist neu",
    "secrets_pinned": "Alle Secret-Versionen sind fest und aktiv",
    "schema_understood": "Die neue Revision versteht das Schema der Datenbank",
    "way_back_understood": "Die laufende Revision versteht es auch: Der Rückweg ist offen",
}


class CheckFailed(GateRefused):
    """A check of the preflight is red; no plan is made.

    Attributes:
        check: Id of the first check that failed.
    """

    def __init__(self, check: Check) -> None:
        super().__init__(*_REFUSALS[check.id](check.evidence))
        self.check = check.id


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence, in German."""
    return _TITLES[check.id], _EVIDENCE[check.id](check.evidence)


def action_text(action: Action) -> str:
    """Return what an action does, as one German sentence."""
    split = [Share(**share) for share in action.arguments["traffic"]]
    if action.kind == "deploy_revision":
        tag = next((share.tag for share in split if share.tag), "")
        return (
            f"Legt die Revision {action.arguments['revision']} an, ohne Verkehr,"
            f" erreichbar unter dem Tag „{tag}“."
        )
    return f"Verteilt den Verkehr: {split_text(split)}."


def split_text(shares: list[Share]) -> str:
    """Return a split as text, e.g. ``90 % web-00001, 10 % web-00002``."""
    return ", ".join(
        f"{share.percent} % {share.revision or 'neueste Revision'}"
        + (f" (Tag „{share.tag}“)" if share.tag else "")
        for share in shares
    )


def finding_text(finding: Finding) -> tuple[str, str, str, str]:
    """Return metric, candidate, stable and limit of a finding, in German."""
    name, unit, scale = {
        "requests": ("Anfragen", "", 1),
        "error_rate": ("Fehlerrate", " %", 100),
        "latency_p95_ms": ("Latenz p95", " ms", 1),
    }[finding.metric]
    bound = "mindestens" if finding.metric == "requests" else "höchstens"

    def value(measured: float | None) -> str:
        return "–" if measured is None else f"{number(measured * scale)}{unit}"

    limit = f"{bound} {value(finding.limit)}"
    return name, value(finding.candidate), value(finding.stable), limit


def _short(digest: str) -> str:
    return digest[:19]


def _secrets(evidence: Mapping[str, Any]) -> str:
    if not evidence["secrets"]:
        return "Der Dienst liest keine Secrets."
    return "\n".join(
        f"{s['variable']}: {s['secret']} Version {s['version']}"
        + ("" if s["state"] == "ENABLED" else f" ({_STATES.get(s['state'], s['state'])})")
        for s in evidence["secrets"]
    )


def _range(evidence: Mapping[str, Any]) -> str:
    if evidence["minimum"] is None:
        return f"Datenbank: {evidence['live']}, das Abbild nennt keine Versionen"
    return f"Datenbank: {evidence['live']}, Code: {evidence['minimum']} bis {evidence['maximum']}"


def _serving(evidence: Mapping[str, Any]) -> str:
    parts = [f"{percent} % {revision}" for revision, percent in evidence["serving"].items()]
    return ", ".join(parts) or "keine Revision"


_STATES = {"DISABLED": "abgeschaltet", "DESTROYED": "zerstört", "MISSING": "fehlt"}

_EVIDENCE: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "image_exists": lambda e: _short(e["digest"]) if e["digest"] else "kein solcher Tag",
    "image_signed": lambda e: "nicht verlangt" if not e["required"] else "Signatur im Repository",
    "image_ran_on_reference": lambda e: (
        _short(e["digest"]) if e["digest"] in e["digests"] else "dort lief ein anderer Digest"
    ),
    "service_settled": lambda e: e["problem"] or "keine Änderung im Gang",
    "one_revision_serves": _serving,
    "image_is_new": lambda e: f"läuft noch nicht auf {e['revision']}" if e["revision"] else "–",
    "secrets_pinned": _secrets,
    "schema_understood": lambda e: _range(e),
    "way_back_understood": lambda e: _range(e),
}


def _bad_secret(evidence: Mapping[str, Any]) -> tuple[str, str]:
    bad = next(s for s in evidence["secrets"] if s["state"] != "ENABLED")
    state = _STATES.get(bad["state"], bad["state"])
    return (
        f"Version {bad['version']} des Secrets {bad['secret']} ist nicht lesbar ({state}).",
        "Tragen Sie in der Umgebungsdatei eine aktive Version ein.",
    )


_REFUSALS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "image_exists": lambda e: (
        f"Das Abbild {e['reference']} gibt es nicht.",
        f"Vorhandene Tags: {', '.join(e['known']) or 'keine'}.",
    ),
    "image_signed": lambda e: (
        f"Das Abbild {e['reference']} ist nicht signiert.",
        "Lassen Sie es von der Pipeline signieren, und starten Sie erneut.",
    ),
    "image_ran_on_reference": lambda e: (
        f"Das Abbild {e['reference']} lief mit diesem Digest nicht auf Staging.",
        "Rollen Sie es zuerst auf Staging aus, oder prüfen Sie, wer den Tag verschoben hat.",
    ),
    "service_settled": lambda e: (
        f"Der Dienst ist nicht in Ruhe: {e['problem'] or 'eine Änderung ist im Gang'}.".replace(
            "..", "."
        ),
        "Warten Sie, bis er sich beruhigt hat, oder beheben Sie die Ursache.",
    ),
    "one_revision_serves": lambda e: (
        f"Der Verkehr ist geteilt: {_serving(e)}.",
        "Setzen Sie den Lauf fort, der ihn teilt (resume), oder nehmen Sie ihn zurück (revert).",
    ),
    "image_is_new": lambda e: (
        f"Das Abbild {e['reference']} läuft schon, in der Revision {e['revision']}.",
        "Es gibt nichts auszurollen; wählen Sie ein anderes Abbild.",
    ),
    "secrets_pinned": _bad_secret,
    "schema_understood": lambda e: (
        (
            f"Das Abbild {e['reference']} versteht die Schema-Version {e['live']} nicht"
            f" ({_range(e)})."
        ),
        (
            "Führen Sie zuerst die Migration aus (Runbook migrate), oder wählen Sie ein anderes"
            " Abbild."
        ),
    ),
    "way_back_understood": lambda e: (
        (
            f"Die Revision {e['revision']} versteht die Schema-Version {e['live']} nicht; dieses"
            " Release hätte keinen Rückweg."
        ),
        "Teilen Sie die Migration auf zwei Releases auf: erst erweitern, dann entfernen.",
    ),
}
