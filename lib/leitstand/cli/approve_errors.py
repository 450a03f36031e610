"""Why ``leitstand approve`` did not approve anything.

::

    InputError
    └── NoSuchRequest
    GateRefused
    ├── NoKey
    ├── NotAsked
    └── ApprovalRefused
"""

from pathlib import Path

from leitstand.core.approvals.refusals import Refusal
from leitstand.core.errors import GateRefused, InputError

__all__ = ["ApprovalRefused", "NoKey", "NoSuchRequest", "NotAsked"]


class NoKey(GateRefused):
    """The approver has no private key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Sie haben keinen Schlüssel zum Unterschreiben: {path} fehlt.",
            "Legen Sie ihn mit leitstand approve --new-key an.",
        )
        self.path = path


class NoSuchRequest(InputError):
    """Nothing that waits has this digest, or more than one thing has."""

    def __init__(self, digest: str, found: int) -> None:
        super().__init__(
            f"Auf eine Freigabe wartet kein Plan, der mit „{digest}“ beginnt."
            if not found
            else f"Mit „{digest}“ beginnen {found} wartende Pläne.",
            "leitstand approve --list zeigt, was wartet; --run wählt einen Lauf.",
        )
        self.digest = digest


class NotAsked(GateRefused):
    """The environment asks for no approvals."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"Auf {environment} gibt es keine Freigaben.",
            "Tragen Sie unter approvals ein, wer freigeben darf.",
        )
        self.environment = environment


class ApprovalRefused(GateRefused):
    """The approval would not count, and was not given.

    Attributes:
        refusal: Why.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal), "Es wurde nichts freigegeben.")
        self.refusal = refusal
