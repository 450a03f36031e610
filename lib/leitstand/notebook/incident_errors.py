"""What may be wrong when somebody answers an incident."""

from collections.abc import Iterable

from leitstand.core.errors import Finding, InputError

__all__ = ["IncidentUnknown", "NoSuchHypothesis", "NotOver", "NotSeen", "RankingChanged"]


class IncidentUnknown(InputError):
    """No run on this machine declared that incident."""

    def __init__(self, incident: str) -> None:
        super().__init__(
            f"Den Vorfall {incident} hat auf diesem Rechner niemand ausgerufen.",
            "Lassen Sie incident leer, um einen neuen auszurufen.",
        )
        self.incident = incident


class NoSuchHypothesis(InputError):
    """There is no hypothesis of that number, or no runbook for it."""

    def __init__(self, number: int, found: int) -> None:
        super().__init__(
            f"Für Hypothese {number} gibt es kein Runbook; gefunden: {found}.",
            "Sehen Sie die Liste an, und wählen Sie eine ihrer Nummern; 0 startet nichts.",
        )
        self.number = number


class NotOver(Finding):
    """After the treatment the same cause is still there."""

    def __init__(self, title: str, behind: str = "") -> None:
        follows = f" Sie folgt aus: {behind}." if behind else ""
        super().__init__(
            f"Nach der Behandlung besteht die Ursache noch: {title}.{follows}",
            "Warten Sie, bis die Messwerte nachkommen, und lassen Sie das Runbook noch einmal"
            " laufen; bleibt es dabei, behandeln Sie die nächste Ursache.",
        )


class NotSeen(Finding):
    """After the treatment nobody can tell whether the cause is still there."""

    def __init__(self, title: str, sources: Iterable[str]) -> None:
        super().__init__(
            f"Ob die Ursache weg ist, lässt sich nicht sagen: {title}. Es antwortet nicht:"
            f" {', '.join(sources)}.",
            "Lassen Sie das Runbook für diesen Vorfall noch einmal laufen, sobald die Quelle"
            " wieder antwortet.",
        )


class RankingChanged(InputError):
    """By that number there stands another hypothesis than the operator read."""

    def __init__(self, number: int, before: str, now: str, place: int) -> None:
        told = f"hat jetzt Nummer {place}" if place else "ist nicht mehr dabei"
        super().__init__(
            f"Hypothese {number} hieß zuletzt „{before}“; jetzt steht dort"
            f" {f'„{now}“' if now else 'keine'}.",
            f"Sehen Sie die Liste noch einmal an: „{before}“ {told}.",
        )
        self.number = number
