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

    A run may have several plans, one after the other, each with a name (its ``runbook``) of its
    own; action ids are unique within a run.

    Attributes:
        plan: The plan that was approved last, if any.
        plans: Every approved plan by its name; approving another under the same name replaces it.
        actions: By action id, for those plans.
        verdicts: By stage, the last verdict; a stage that was started again has none.
        started: Whether any action was announced.
        ended: Whether the run is over for good: completed or rolled back.
        etags: By full resource name, the etag that the last outcome left behind.
    """

    plan: Plan | None
    plans: Mapping[str, Plan]
    actions: Mapping[str, ActionHistory]
    verdicts: Mapping[str, str]
    started: bool
    ended: bool
    etags: Mapping[str, str]

    @classmethod
    def read(cls, events: Iterable[Event]) -> "History":
        """Return the history that these events tell."""
        made: dict[str, Plan] = {}
        plans: dict[str, Plan] = {}
        plan: Plan | None = None
        actions: dict[str, ActionHistory] = {}
        verdicts: dict[str, str] = {}
        etags: dict[str, str] = {}
        ended = False
        for event in events:
            kind = event["event"]
            if kind == "plan.made":
                new = Plan.from_data(event["plan"])
                made[new.digest] = new
            elif kind == "approval.given" and event["digest"] in made:
                plan = made[event["digest"]]
                before = plans.get(plan.runbook)
                if before is None or before.digest != plan.digest:
                    for action in (*before.actions, *before.way_back) if before else ():
                        actions.pop(action.id, None)
                    verdicts = {}
                    etags[plan.target] = str(plan.basis.get("etag", ""))
                plans[plan.runbook] = plan
            elif kind == "action.intent":
                actions[event["id"]] = ActionHistory(intended=True)
            elif kind == "action.operation":
                actions[event["id"]] = ActionHistory(True, event["operation"])
            elif kind == "action.outcome":
                evidence = event.get("evidence") or {}
                actions[event["id"]] = ActionHistory(
                    True,
                    actions.get(event["id"], ActionHistory()).operation,
                    event["status"],
                    evidence,
                )
                if plan is not None and evidence.get("etag"):
                    etags[plan.action(event["id"]).target] = evidence["etag"]
            elif kind == "verdict":
                verdicts[event["stage"]] = event["verdict"]
            elif kind in _ENDS:
                ended = True
        return cls(plan, plans, actions, verdicts, bool(actions), ended, etags)

    @property
    def open(self) -> bool:
        """Whether something was begun that is neither finished nor taken back."""
        return self.started and not self.ended

    @property
    def can_return(self) -> bool:
        """Whether the way back of the last plan is still open."""
        return self.plan is not None and (
            not self.plan.point_of_no_return
            or not self.action(self.plan.point_of_no_return).intended
        )

    def etag(self, target: str) -> str:
        """Return the etag that this run last saw of a resource; empty when it saw none."""
        return self.etags.get(target, "")

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
