"""Why an approval does not count, or why none could; each with its German sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Reason", "Refusal"]


class Reason(StrEnum):
    """Why something does not count."""

    UNREADABLE = "unreadable"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    OTHER_IDENTITY = "other-identity"
    OTHER_ENVIRONMENT = "other-environment"
    OTHER_RUNBOOK = "other-runbook"
    OTHER_RUN = "other-run"
    OTHER_PLAN = "other-plan"
    FROM_THE_FUTURE = "from-the-future"
    EXPIRED = "expired"
    BY_ONESELF = "by-oneself"
    NOT_ALLOWED = "not-allowed"
    NO_BREAK_GLASS = "no-break-glass"
    NO_REASON = "no-reason"
    REPLAYED = "replayed"
    OPERATOR_UNKNOWN = "operator-unknown"
    PLAN_OF_ANOTHER_ENVIRONMENT = "plan-of-another-environment"
    NOBODY_ABLE = "nobody-able"


_TEXTS: Final[Mapping[Reason, str]] = {
    Reason.UNREADABLE: "Die Datei {source} ist keine Freigabe.",
    Reason.UNKNOWN_KEY: "Den Schlüssel der Freigabe {source} kennt die Umgebung nicht.",
    Reason.BAD_SIGNATURE: "Die Unterschrift der Freigabe {source} stimmt nicht.",
    Reason.OTHER_IDENTITY: "Die Freigabe nennt {named}, unterschrieben hat {signer}.",
    Reason.OTHER_ENVIRONMENT: "Die Freigabe von {signer} gilt für {named}, nicht für {expected}.",
    Reason.OTHER_RUNBOOK: "Die Freigabe von {signer} gilt für das Runbook {named}, nicht für"
    " {expected}.",
    Reason.OTHER_RUN: "Die Freigabe von {signer} gilt für den Lauf {named}, nicht für {expected}.",
    Reason.OTHER_PLAN: "Die Freigabe von {signer} gilt für den Plan {named}, nicht für {expected}.",
    Reason.FROM_THE_FUTURE: "Die Freigabe von {signer} wurde erst um {named} UTC gegeben; eine der"
    " Uhren geht falsch.",
    Reason.EXPIRED: "Die Freigabe von {signer} ist seit {named} UTC abgelaufen.",
    Reason.BY_ONESELF: "{signer} bedient den Lauf und kann ihn nicht selbst freigeben.",
    Reason.NOT_ALLOWED: "{signer} darf {expected} hier nicht freigeben.",
    Reason.NO_BREAK_GLASS: "{signer} darf {expected} hier auch im Notfall nicht ohne Freigabe"
    " ausführen.",
    Reason.NO_REASON: "Der Notfall-Freigabe von {signer} fehlt eine Begründung von mindestens"
    " {expected} Zeichen.",
    Reason.REPLAYED: "Die Freigabe von {signer} wurde schon einmal verwendet.",
    Reason.OPERATOR_UNKNOWN: "Wer den Lauf bedient, ist nicht bekannt; so lässt sich nicht prüfen,"
    " ob eine zweite Person freigibt.",
    Reason.PLAN_OF_ANOTHER_ENVIRONMENT: "Der Plan gilt für {named}, der Lauf für {expected}.",
    Reason.NOBODY_ABLE: "{expected} braucht Freigaben von {named} weiteren Personen; so viele"
    " dürfen sie hier nicht geben.",
}


@dataclass(frozen=True)
class Refusal:
    """One reason, with what it is about.

    Attributes:
        reason: Why.
        source: Name of the approval's file, empty where there is none.
        signer: Whose key signed it, empty where that is not proven.
        named: What the approval names.
        expected: What it would have to name.
    """

    reason: Reason
    source: str = ""
    signer: str = ""
    named: str = ""
    expected: str = ""

    def __str__(self) -> str:
        return _TEXTS[self.reason].format(
            source=self.source,
            signer=self.signer,
            named=self.named,
            expected=self.expected,
        )
