"""German words of the runbooks about queue and workers."""

from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.errors import GateRefused, RunFailed
from leitstand.core.names import short_name
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.core.scaling.decision import Bound, Decision, Reason
from leitstand.core.scaling.stated import instances_of, is_manual

__all__ = [
    "CheckFailed",
    "NotReached",
    "action_text",
    "action_title",
    "check_text",
    "decision_text",
    "instances_text",
    "scaling_text",
    "seconds_text",
]


class CheckFailed(GateRefused):
    """A check of the preflight is red; no plan is made.

    Attributes:
        check: Its id.
    """

    def __init__(self, check: Check) -> None:
        super().__init__(*_REFUSALS[check.id](check.evidence))
        self.check = check.id


class NotReached(RunFailed):
    """What was applied did not bring what it was for."""

    def __init__(self, reason: str, run: str) -> None:
        super().__init__(
            reason,
            "Suchen Sie die Ursache in den Logs der Dienste; zurück führt:"
            f" leitstand revert {run}.",
        )


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    title, evidence = _CHECKS[check.id]
    return title, evidence(check.evidence)


def action_title(action: Action) -> str:
    """Return a short title of an action."""
    name = short_name(action.target)
    if action.kind == "queue_drain":
        return "Warteschlange leeren"
    scaling = action.arguments["scaling"]
    if is_manual(scaling) and not instances_of(scaling):
        return f"{name} anhalten"
    return f"{name} skalieren"


def action_text(action: Action) -> str:
    """Return what an action does, as one sentence."""
    name = short_name(action.target)
    if action.kind == "queue_drain":
        deadline = seconds_text(float(action.arguments["deadline_seconds"]))
        return f"Wartet bis zu {deadline}, bis keine Aufgabe mehr wartet oder in Arbeit ist."
    return f"{name}: {scaling_text(action.arguments['scaling'])}."


def scaling_text(scaling: Mapping[str, Any]) -> str:
    """Return a scaling as a half sentence."""
    least, most = instances_of(scaling), int(scaling.get("max_instance_count") or 0)
    if is_manual(scaling):
        return f"von Hand, genau {instances_text(least)}" if least else "von Hand angehalten"
    return f"automatisch, mindestens {least}" + (f", höchstens {most}" if most else "")


def instances_text(count: int) -> str:
    """Return a number of instances."""
    return "eine Instanz" if count == 1 else f"{count} Instanzen"


def seconds_text(seconds: float | None) -> str:
    """Return a duration: seconds up to two minutes, then minutes, then hours."""
    if seconds is None:
        return "unbekannt"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def decision_text(decision: Decision) -> str:
    """Return how many instances are wanted, and why."""
    reason = _REASONS[decision.reason]
    bound = _BOUNDS[decision.bound].format(needed=decision.needed)
    return f"Gewünscht: {instances_text(decision.instances)}. {reason}{bound}"


_REASONS = {
    Reason.ASKED: "So wurde es verlangt.",
    Reason.EMPTY: "Die Warteschlange ist leer.",
    Reason.THROUGHPUT: "Das folgt aus Zulauf, Rückstand und gemessenem Durchsatz.",
    Reason.LENGTH: "Das folgt aus der Länge; der Durchsatz ist nicht messbar.",
    Reason.KEPT: "Es bleibt dabei: Weniger würden nur knapp reichen.",
}
_BOUNDS = {
    Bound.NONE: "",
    Bound.MAXIMUM: " Nötig wären {needed}; mehr erlaubt die Umgebungsdatei nicht.",
    Bound.CONNECTIONS: " Nötig wären {needed}; für mehr fehlen der Datenbank Verbindungen.",
}

_Text = Callable[[Mapping[str, Any]], str]
_CHECKS: dict[str, tuple[str, _Text]] = {
    "service_settled": (
        "Der Dienst ist in Ruhe",
        lambda e: f"{e['service']}: {e['problem'] or 'keine Änderung im Gang'}",
    ),
    "connections_suffice": (
        "Die Verbindungen zur Datenbank reichen",
        lambda e: (
            f"{e['used']} belegt, {e['more']} kämen hinzu, {e['reserve']} bleiben frei,"
            f" {e['maximum']} sind erlaubt"
        ),
    ),
    "worker_works": ("Der Worker läuft", lambda e: instances_text(e["instances"])),
    "beat_is_one": (
        "Beat läuft genau einmal",
        lambda e: (
            f"Umgebungsdatei: {e['minimum']} bis {e['maximum']}, gemessen:"
            f" {'nicht messbar' if e['running'] is None else e['running']}"
        ),
    ),
}
_REFUSALS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "service_settled": lambda e: (
        f"{e['service']} ist nicht in Ruhe: {e['problem'] or 'eine Änderung ist im Gang'}.".replace(
            "..", "."
        ),
        "Warten Sie, bis der Dienst sich beruhigt hat, oder beheben Sie die Ursache.",
    ),
    "connections_suffice": lambda e: (
        (
            f"Für so viele Instanzen von {e['service']} fehlen der Datenbank Verbindungen:"
            f" {e['used']} von {e['maximum']} sind belegt, {e['more']} kämen hinzu, und"
            f" {e['reserve']} müssen frei bleiben."
        ),
        (f"Wählen Sie höchstens {e['affordable']}, oder erhöhen Sie max_connections der Instanz."),
    ),
    "worker_works": lambda e: (
        "Der Worker steht; so wird die Warteschlange nicht leer.",
        "Nehmen Sie zuerst die Arbeit wieder auf (action=resume), oder halten Sie nur an (pause).",
    ),
    "beat_is_one": lambda e: (
        "Beat liefe nicht genau einmal; jede geplante Aufgabe käme dann mehrfach.",
        (
            "Setzen Sie services.beat.scaling in der Umgebungsdatei auf eine Instanz, und warten"
            " Sie, bis höchstens eine läuft."
        ),
    ),
}
