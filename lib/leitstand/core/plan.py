"""Plans: an ordered list of actions as plain data, with stable ids and a digest over them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import GateRefused, RunFailed

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = [
    "Action",
    "Approval",
    "ApprovalExpired",
    "Approved",
    "DigestMismatch",
    "NotApproved",
    "OtherPlanBegun",
    "Plan",
    "UnknownAction",
    "Withheld",
    "concerns_bucket",
    "is_withheld",
]


class DigestMismatch(GateRefused):
    """An approval was given for another plan."""

    def __init__(self, approved: str, actual: str) -> None:
        super().__init__(
            f"Die Freigabe gilt für den Plan {approved[:12]}, nicht für {actual[:12]}.",
            "Prüfen Sie den neuen Plan, und geben Sie ihn frei.",
        )
        self.approved = approved
        self.actual = actual


class NotApproved(GateRefused):
    """Something is to be applied that no gate of this run has approved; nothing of it was done."""

    def __init__(self) -> None:
        super().__init__(
            "Was ausgeführt werden soll, hat kein Gate dieses Laufs freigegeben.",
            "Führen Sie die Zellen von der Vorprüfung bis zum Gate der Reihe nach aus.",
        )


class ApprovalExpired(RunFailed):
    """The approval of a plan ran out before its first action; nothing of the plan was done."""

    def __init__(self, approval: "Approval") -> None:
        super().__init__(
            f"Die Freigabe des Plans {approval.digest[:12]} ist seit"
            f" {approval.expires_at:%d.%m. %H:%M} UTC abgelaufen; er wurde nicht begonnen.",
            "Setzen Sie den Lauf mit leitstand resume fort; der Plan wird dann neu freigegeben.",
        )
        self.approval = approval


class OtherPlanBegun(GateRefused):
    """The run has begun another plan of the same name since this one was made."""

    def __init__(self, begun: "Plan") -> None:
        super().__init__(
            f"Der Lauf hat den Plan {begun.digest[:12]} begonnen; ein anderer tritt nicht mehr an"
            " seine Stelle.",
            "Führen Sie die Zellen von begin() an der Reihe nach aus; sie gehen mit ihm weiter.",
        )
        self.begun = begun


class UnknownAction(KeyError):
    """A plan has no action with this id."""


@dataclass(frozen=True)
class Action:
    """One change to one resource.

    Attributes:
        id: Stable within the plan, e.g. ``traffic-10``.
        kind: Names the handler that acts.
        target: Full resource name of what is changed.
        arguments: Everything the handler needs, as JSON values; never a secret.
    """

    id: str
    kind: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return the action as JSON values."""
        return {
            "id": self.id,
            "kind": self.kind,
            "target": self.target,
            "arguments": dict(self.arguments),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Action":
        """Return the action that ``as_data`` gave."""
        return cls(data["id"], data["kind"], data["target"], dict(data["arguments"]))


@dataclass(frozen=True)
class Plan:
    """What a run will do, in order, and how it takes that back.

    Attributes:
        runbook: Name of the runbook.
        environment: Name of the environment.
        target: Full name of the resource that the run is about.
        basis: What was observed and must still hold when the plan is applied (e.g. an etag).
        actions: In the order in which they are applied.
        way_back: Restores what was before; applied whole when something goes wrong.
        returns_by_itself: Whether a run that dies is taken back at once, or waits for its
            operator to resume or revert it.
        point_of_no_return: Id of the action after whose beginning there is no way back.
        restored: What holds after the way back, as a German sentence.
    """

    runbook: str
    environment: str
    target: str
    basis: Mapping[str, Any]
    actions: tuple[Action, ...]
    way_back: tuple[Action, ...] = ()
    returns_by_itself: bool = True
    point_of_no_return: str = ""
    restored: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON form, in hexadecimal."""
        text = json.dumps(self.as_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def action(self, id: str) -> Action:
        """Return the action with this id, from the plan or from its way back.

        Raises:
            UnknownAction: the plan has none.
        """
        for action in (*self.actions, *self.way_back):
            if action.id == id:
                return action
        raise UnknownAction(id)

    def as_data(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "runbook": self.runbook,
            "environment": self.environment,
            "target": self.target,
            "basis": dict(self.basis),
            "actions": [action.as_data() for action in self.actions],
            "way_back": [action.as_data() for action in self.way_back],
            "returns_by_itself": self.returns_by_itself,
            "point_of_no_return": self.point_of_no_return,
            # Plans of before it was stated keep their digest.
            **({"restored": self.restored} if self.restored else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Plan":
        """Return the plan that ``as_data`` gave."""
        return cls(
            runbook=data["runbook"],
            environment=data["environment"],
            target=data["target"],
            basis=dict(data["basis"]),
            actions=tuple(Action.from_data(action) for action in data["actions"]),
            way_back=tuple(Action.from_data(action) for action in data["way_back"]),
            returns_by_itself=data.get("returns_by_itself", True),
            point_of_no_return=data.get("point_of_no_return", ""),
            restored=data.get("restored", ""),
        )

    @property
    def targets(self) -> tuple[str, ...]:
        """Full names of everything that the plan changes, sorted; locks are taken on them."""
        return tuple(sorted({self.target, *(action.target for action in self.actions)}))


@dataclass(frozen=True)
class Approval:
    """A yes to exactly one plan.

    Attributes:
        digest: The plan's digest.
        by: Who said yes.
        expires_at: Until when the plan may be begun; what was begun may outlast it.
    """

    digest: str
    by: str
    expires_at: datetime

    def holds(self, now: datetime) -> bool:
        """Return whether the plan may still be begun."""
        return now < self.expires_at


@dataclass(frozen=True)
class Approved:
    """A plan with its approval; the only thing that mutating verbs take."""

    plan: Plan
    approval: Approval

    def __post_init__(self) -> None:
        if self.approval.digest != self.plan.digest:
            raise DigestMismatch(self.approval.digest, self.plan.digest)


@dataclass(frozen=True)
class Withheld:
    """A plan that is only shown: the run was started without ``apply``."""

    plan: Plan


def is_withheld(given: "Approved | Withheld") -> "TypeIs[Withheld]":
    """Return whether a gate held a plan back, so that nothing of it is applied.

    Raises:
        NotApproved: no gate gave this, neither approved nor held back.
    """
    if not isinstance(given, Approved | Withheld):
        raise NotApproved
    return isinstance(given, Withheld)


def concerns_bucket(plan: Plan, address: str) -> bool:
    """Return whether a plan makes or changes the bucket of an address ``gs://bucket/prefix``."""
    if not address.startswith("gs://"):
        return False
    bucket = address.removeprefix("gs://").partition("/")[0]
    return any(action.target.rsplit("/", 1)[-1] == bucket for action in plan.actions)
