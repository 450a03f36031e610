"""What waits for an approval: the whole plan, and whose run it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.core.approvals.decision import Asked
from leitstand.core.plan import Plan

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """A run's request for an approval; nobody has signed it.

    An approver computes the digest from the plan that is shown, and signs that one.

    Attributes:
        asked: The plan, and its run.
        ticket: The run's ticket, or empty.
        at: When it was asked for, UTC.
        until: Until when the run waits for it; later it can be resumed.
    """

    asked: Asked
    ticket: str
    at: datetime
    until: datetime

    def as_data(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        asked = self.asked
        return {
            "run": asked.run,
            "runbook": asked.runbook,
            "environment": asked.environment,
            "operator": asked.operator,
            "ticket": self.ticket,
            "at": self.at.isoformat(),
            "until": self.until.isoformat(),
            "plan": asked.plan.as_data(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Request":
        """Return the request that ``as_data`` gave.

        Raises:
            KeyError, TypeError, ValueError: the data is no request.
        """
        plan = Plan.from_data(data["plan"])
        names = (str(data[name]) for name in ("run", "runbook", "environment", "operator"))
        at, until = (datetime.fromisoformat(data[name]) for name in ("at", "until"))
        if at.tzinfo is None or until.tzinfo is None:
            raise ValueError("a time without its zone")
        return cls(Asked(plan, *names), str(data["ticket"]), at, until)
