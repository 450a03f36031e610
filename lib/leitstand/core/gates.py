"""Gates that need no observation: may this run be started, and may its plan be applied?"""

from leitstand.core.environment import Environment
from leitstand.core.errors import GateRefused

__all__ = ["ApprovalMissing", "TicketMissing", "check_approval", "check_ticket"]


class TicketMissing(GateRefused):
    """The environment needs a ticket for every run."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"Ein Lauf auf {environment} braucht ein Ticket.",
            "Nennen Sie es mit --ticket, zum Beispiel --ticket OPS-123; in JupyterLab setzen Sie"
            ' ticket: str = "OPS-123" in der Parameterzelle.',
        )
        self.environment = environment


class ApprovalMissing(GateRefused):
    """The environment needs a second person's approval, and names nobody who could give it."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"Auf {environment} wird ohne Freigabe einer zweiten Person nichts geändert.",
            f"Tragen Sie in config/environments/{environment}.yaml unter approvals ein, wer"
            " freigeben darf; ohne --apply zeigt das Runbook den Plan.",
        )
        self.environment = environment


def check_ticket(environment: Environment, ticket: str) -> None:
    """Raise ``TicketMissing`` if the environment needs a ticket and there is none."""
    if environment.requires_ticket and not ticket.strip():
        raise TicketMissing(environment.name)


def check_approval(environment: Environment, apply: bool) -> None:
    """Raise ``ApprovalMissing`` if a change needs a second person and nobody could approve it.

    Where somebody could, the run asks for the approval of its plan.
    """
    if apply and environment.requires_second_person and environment.approvals is None:
        raise ApprovalMissing(environment.name)
