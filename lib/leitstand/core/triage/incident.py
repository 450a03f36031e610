"""A declared incident: its id, how bad it is, and who does what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from leitstand.core.errors import InputError

__all__ = ["ROLES", "Incident", "InvalidIncident", "Severity", "incident_id"]

ROLES: Mapping[str, str] = {
    "leitung": "Leitung",
    "technik": "Technik",
    "kommunikation": "Kommunikation",
}
"""Who does what in an incident: one leads, one repairs, one speaks."""

_ID = re.compile(r"inc-(\d{8})-[0-9a-f]{4}")
_LONGEST = 120


class Severity(StrEnum):
    """How bad it is, the worst first."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"

    @property
    def meaning(self) -> str:
        """What it means, in German."""
        return {
            Severity.SEV1: "Ausfall oder Gefahr für Daten",
            Severity.SEV2: "stark gestört",
            Severity.SEV3: "teilweise gestört",
            Severity.SEV4: "noch ohne Wirkung für Kunden",
        }[self]


class InvalidIncident(InputError):
    """An incident cannot be declared like that.

    Attributes:
        field: What is wrong: ``id``, ``severity``, ``title``, ``declared_at`` or ``roles``.
    """

    def __init__(self, field: str, message: str, advice: str) -> None:
        super().__init__(message, advice)
        self.field = field


@dataclass(frozen=True)
class Incident:
    """A declared incident.

    Attributes:
        id: For example ``inc-20261126-3f9a``: the day in UTC on which it was declared, and four
            hexadecimal digits that tell incidents of one day apart.
        title: One German line.
        declared_at: Timezone-aware.
        roles: Name of the person by key of ``ROLES``; ``leitung`` is never empty.

    Raises:
        InvalidIncident: a value does not fit.
    """

    id: str
    severity: Severity
    title: str
    declared_at: datetime
    roles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.declared_at.utcoffset() is None:
            raise InvalidIncident(
                "declared_at",
                "Dem Beginn des Vorfalls fehlt die Zeitzone.",
                "Geben Sie sie an, zum Beispiel 2026-11-26T04:40:00+01:00.",
            )
        found = _ID.fullmatch(self.id)
        if found is None or found[1] != self.declared_at.astimezone(UTC).strftime("%Y%m%d"):
            raise InvalidIncident(
                "id",
                f"„{self.id}“ ist keine Kennung dieses Vorfalls.",
                "Sie heißt inc-, Tag in UTC und vier Zeichen: inc-20261126-3f9a.",
            )
        title = self.title.strip()
        if not title or "\n" in title or len(title) > _LONGEST:
            raise InvalidIncident(
                "title",
                "Der Titel des Vorfalls ist leer oder keine kurze Zeile.",
                f"Beschreiben Sie in höchstens {_LONGEST} Zeichen, was gestört ist.",
            )
        self._check_roles()

    def _check_roles(self) -> None:
        unknown = sorted(set(self.roles) - set(ROLES))
        if unknown:
            raise InvalidIncident(
                "roles",
                f"Die Rolle „{unknown[0]}“ gibt es nicht.",
                f"Vorhanden sind: {', '.join(ROLES)}.",
            )
        if any("\n" in person for person in self.roles.values()):
            raise InvalidIncident(
                "roles", "Ein Name geht über mehrere Zeilen.", "Nennen Sie je Rolle eine Person."
            )
        if not self.roles.get("leitung", "").strip():
            raise InvalidIncident(
                "roles",
                "Niemand leitet den Vorfall.",
                "Nennen Sie, wer entscheidet; das kann auch die Bereitschaft selbst sein.",
            )

    def as_data(self) -> dict[str, object]:
        """Return the incident as JSON values."""
        return {
            "id": self.id,
            "severity": self.severity.value,
            "title": self.title,
            "declared_at": self.declared_at.astimezone(UTC).isoformat(),
            "roles": dict(self.roles),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> "Incident":
        """Return the incident that ``as_data`` gave.

        Raises:
            InvalidIncident: the data is no incident.
        """
        roles = data.get("roles")
        try:
            severity = Severity(str(data.get("severity")))
            declared_at = datetime.fromisoformat(str(data.get("declared_at")))
        except ValueError as error:
            raise InvalidIncident(
                "severity",
                "Schwere oder Beginn des Vorfalls sind nicht lesbar.",
                f"Die Schwere ist eine von {', '.join(Severity)}.",
            ) from error
        people = {str(k): str(v) for k, v in roles.items()} if isinstance(roles, Mapping) else {}
        return cls(str(data.get("id")), severity, str(data.get("title", "")), declared_at, people)


def incident_id(declared_at: datetime, token: str) -> str:
    """Return the id of an incident that was declared then.

    Args:
        declared_at: Timezone-aware.
        token: Four hexadecimal digits that tell it from others of the day.
    """
    return f"inc-{declared_at.astimezone(UTC):%Y%m%d}-{token}"
