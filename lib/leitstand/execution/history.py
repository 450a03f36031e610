"""What a run has already done, read from its journal."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leitstand.audit.journal import Follower, Journal
from leitstand.core.errors import ExitCode
from leitstand.core.plan import Approval, ApprovalExpired, NotApproved, OtherPlanBegun, Plan
from leitstand.core.run_over import RunOver
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Split

__all__ = ["GATE_REFUSALS", "ActionHistory", "History", "HistoryOf"]

GATE_REFUSALS = (NotApproved, ApprovalExpired, RunOver)
"""What ``History.check_gate`` raises: nothing of a plan may be done, not even its way back."""

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
        ended: Whether the run is over for good: completed, with a finding or not, or rolled back.
        etags: By full resource name, the etag that the last outcome left behind.
        approvals: By the digest of the plan, the event of its last approval.
        fresh: Digests of the plans that were made since an action was last announced.
    """

    plan: Plan | None
    plans: Mapping[str, Plan]
    actions: Mapping[str, ActionHistory]
    verdicts: Mapping[str, str]
    started: bool
    ended: bool
    etags: Mapping[str, str]
    approvals: Mapping[str, Event]
    fresh: frozenset[str]

    @classmethod
    def read(cls, events: Iterable[Event]) -> "History":
        """Return the history that these events tell."""
        reader = _Reader()
        reader.take(events)
        return reader.history()

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

    def approval(self, plan: Plan) -> Approval | None:
        """Return the approval of a plan; None when it has none, or another has taken its place."""
        given = self.approvals.get(plan.digest)
        if given is None or self.plans.get(plan.runbook, plan).digest != plan.digest:
            return None
        until = datetime.fromisoformat(str(given["expires_at"]))
        return Approval(plan.digest, str(given["by"]), until)

    def begun(self, plan: Plan) -> bool:
        """Return whether any action of a plan was announced."""
        return any(self.action(action.id).intended for action in plan.actions)

    def check_gate(self, plan: Plan, run: str, now: datetime) -> None:
        """Raise unless the run is open and a gate of it has approved a plan.

        A plan that is begun may outlast its approval.

        Args:
            plan: Of which something is to be done or taken back.
            run: Id of the run.
            now: The time, in UTC.

        Raises:
            RunOver: the run has ended.
            NotApproved: there is no approval of the plan, or a later one of another.
            ApprovalExpired: nothing of the plan was begun, and its approval holds no more.
        """
        if self.ended:
            raise RunOver(run)
        approval = self.approval(plan)
        if approval is None:
            raise NotApproved
        if not self.begun(plan) and not approval.holds(now):
            raise ApprovalExpired(approval)

    def goes_on_with(self, plan: Plan) -> bool:
        """Return whether a plan is begun, and may be gone on with.

        Raises:
            OtherPlanBegun: another of its name is, of whose actions it does not know.
        """
        before = self.plans.get(plan.runbook, plan)
        if self.begun(before) and plan.digest not in {before.digest, *self.fresh}:
            raise OtherPlanBegun(before)
        return self.begun(plan)

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


class HistoryOf:
    """The history of a journal that grows; what was read once is not read again.

    Args:
        journal: Of the run.
    """

    def __init__(self, journal: Journal) -> None:
        self._new = Follower(journal.path)
        self._reader = _Reader()
        self._lock = threading.Lock()

    def now(self) -> History:
        """Return what the journal tells now; any thread may ask."""
        with self._lock:
            self._reader.take(self._new.events())
            return self._reader.history()


class _Reader:
    """Puts a history together, event by event."""

    def __init__(self) -> None:
        self._made: dict[str, Plan] = {}
        self._plans: dict[str, Plan] = {}
        self._plan: Plan | None = None
        self._actions: dict[str, ActionHistory] = {}
        self._verdicts: dict[str, str] = {}
        self._etags: dict[str, str] = {}
        self._approvals: dict[str, Event] = {}
        self._fresh: set[str] = set()
        self._ended = False

    def history(self) -> History:
        """Return the history so far."""
        return History(
            self._plan,
            dict(self._plans),
            dict(self._actions),
            dict(self._verdicts),
            bool(self._actions),
            self._ended,
            dict(self._etags),
            dict(self._approvals),
            frozenset(self._fresh),
        )

    def take(self, events: Iterable[Event]) -> None:
        """Add events, oldest first."""
        for event in events:
            kind = event["event"]
            if kind == "plan.made":
                new = Plan.from_data(event["plan"])
                self._made[new.digest] = new
                self._fresh.add(new.digest)
            elif kind == "approval.given":
                self._approvals[event["digest"]] = event
                if event["digest"] in self._made:
                    self._approve(self._made[event["digest"]])
            elif kind == "action.intent":
                self._actions[event["id"]] = ActionHistory(intended=True)
                self._fresh.clear()
            elif kind == "action.operation":
                self._actions[event["id"]] = ActionHistory(True, event["operation"])
            elif kind == "action.outcome":
                self._end(event)
            elif kind == "verdict":
                self._verdicts[event["stage"]] = event["verdict"]
            elif kind in _ENDS or _found_something(event):
                self._ended = True

    def _approve(self, plan: Plan) -> None:
        before = self._plans.get(plan.runbook)
        if before is None or before.digest != plan.digest:
            for action in (*before.actions, *before.way_back) if before else ():
                self._actions.pop(action.id, None)
            self._verdicts = {}
            self._etags[plan.target] = str(plan.basis.get("etag", ""))
        self._plan = self._plans[plan.runbook] = plan

    def _end(self, event: Event) -> None:
        evidence = event.get("evidence") or {}
        before = self._actions.get(event["id"], ActionHistory())
        self._actions[event["id"]] = ActionHistory(
            True, before.operation, event["status"], evidence
        )
        if self._plan is not None and evidence.get("etag"):
            self._etags[self._plan.action(event["id"]).target] = evidence["etag"]


def _found_something(event: Event) -> bool:
    return event["event"] == "run.failed" and event.get("exit_code") == ExitCode.FINDING
