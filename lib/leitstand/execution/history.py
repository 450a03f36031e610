"""What a run has already done, read from its journal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.plan import Plan
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Split

__all__ = ["ActionHistory", "History"]

Event = Mapping[str, Any]

_ENDS = {"run.completed", "run.rolled_back", "rollout.left"}


@dataclass(frozen=True)
class ActionHistory:
    """How far one action came.

    Attributes:
        intended: It was announced, so it may have been started.
        operation: Name of the long-running operation, once known.
        status: ``done``, ``found_done`` or ``failed``; empty while the outcome is open.
        evidence: What the outcome recorded.
    """

    intended: bool = False
    operation: str = ""
    status: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether the action reached its goal."""
        return self.status in {"done", "found_done"}


@dataclass(frozen=True)
class History:
    """The part of a journal that matters for going on.

    Attributes:
        plan: The plan that was approved, if any; a later approval replaces an earlier one.
        actions: By action id, for that plan.
        verdicts: By stage, the last verdict; a stage that was started again has none.
        started: Whether any action was announced.
        ended: Whether the run is over for good: completed or rolled back.
        etag: The etag that the last outcome left behind, else the plan's.
    """

    plan: Plan | None
    actions: Mapping[str, ActionHistory]
    verdicts: Mapping[str, str]
    started: bool
    ended: bool
    etag: str

    @classmethod
    def read(cls, events: Iterable[Event]) -> "History":
        """Return the history that these events tell."""
        plans: dict[str, Plan] = {}
        plan: Plan | None = None
        actions: dict[str, ActionHistory] = {}
        verdicts: dict[str, str] = {}
        ended, etag = False, ""
        for event in events:
            kind = event["event"]
            if kind == "plan.made":
                made = Plan.from_data(event["plan"])
                plans[made.digest] = made
            elif kind == "approval.given" and event["digest"] in plans:
                approved = plans[event["digest"]]
                if plan is None or approved.digest != plan.digest:
                    plan, actions, verdicts = approved, {}, {}
                    etag = str(plan.basis.get("etag", ""))
            elif kind == "action.intent":
                actions[event["id"]] = ActionHistory(intended=True)
            elif kind == "action.operation":
                actions[event["id"]] = ActionHistory(True, event["operation"])
            elif kind == "action.outcome":
                before = actions.get(event["id"], ActionHistory())
                evidence = event.get("evidence") or {}
                actions[event["id"]] = ActionHistory(
                    True, before.operation, event["status"], evidence
                )
                etag = evidence.get("etag") or etag
            elif kind == "verdict":
                verdicts[event["stage"]] = event["verdict"]
            elif kind in _ENDS:
                ended = True
        return cls(plan, actions, verdicts, bool(actions), ended, etag)

    @property
    def open(self) -> bool:
        """Whether something was begun that is neither finished nor taken back."""
        return self.started and not self.ended

    def action(self, id: str) -> ActionHistory:
        """Return how far an action came; an empty history if it was never announced."""
        return self.actions.get(id, ActionHistory())

    def left_as_was(self, service: ServiceState) -> bool:
        """Return whether a service's traffic is what this run made of it, or what it found.

        A split that the run has begun but not confirmed counts too.
        """
        if self.plan is None:
            return True
        found = service.traffic.pinned(service.latest_ready_revision)
        actions = [a for a in self.plan.actions if "traffic" in a.arguments]
        done = [a for a in actions if self.action(a.id).done]
        begun = [a for a in actions if self.action(a.id).intended and not self.action(a.id).done]
        mine = [*self.plan.way_back, *done[-1:], *begun[-1:]]
        return any(found.equivalent(Split.from_data(a.arguments["traffic"])) for a in mine)
