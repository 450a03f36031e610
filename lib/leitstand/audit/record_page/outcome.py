"""Plan against outcome: what became of each action that a run planned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from leitstand.audit.record_page.words import moment
from leitstand.core import plan as plan_types
from leitstand.core.records.facts import Action, Approval, RunFacts

__all__ = ["ActionOutcome", "PlanOutcome", "State", "outcomes_of"]


class State(StrEnum):
    """What became of an action."""

    DONE = "done"
    FOUND_DONE = "found_done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_BEGUN = "not_begun"
    NOT_APPROVED = "not_approved"
    DONE_BEFORE = "done_before"


@dataclass(frozen=True)
class ActionOutcome:
    """An action and what became of it.

    Attributes:
        id: Within its plan.
        kind: What was to be done.
        target: Full name of the resource.
        state: What became of it.
        operation: Name of the long-running operation, or empty.
        started_at: When it was announced last, or empty.
        ended_at: When its outcome was known, or empty.
        attempts: How often it was announced.
        error: Why it failed, or empty.
        way_back: Whether it belongs to the plan's way back.
        late: Whether it began when no approval of its plan held any more.
    """

    id: str
    kind: str = ""
    target: str = ""
    state: State = State.NOT_BEGUN
    operation: str = ""
    started_at: str = ""
    ended_at: str = ""
    attempts: int = 0
    error: str = ""
    way_back: bool = False
    late: bool = False


@dataclass(frozen=True)
class PlanOutcome:
    """A plan and what became of it.

    Attributes:
        digest: Of the plan; empty for actions that no plan names.
        runbook: Its name.
        target: What it is about.
        approvals: That were given for exactly this plan.
        actions: In the plan's order; of its way back those that were begun.
        spared: How many actions of the way back were not begun.
    """

    digest: str
    runbook: str = ""
    target: str = ""
    approvals: tuple[Approval, ...] = ()
    actions: tuple[ActionOutcome, ...] = ()
    spared: int = 0


@dataclass
class _Plan:
    digest: str
    runbook: str
    target: str
    actions: dict[str, ActionOutcome] = field(default_factory=dict)


def outcomes_of(facts: RunFacts, events: Iterable[Mapping[str, Any]]) -> list[PlanOutcome]:
    """Return every plan of a run with what became of it, in the order in which they were made.

    Args:
        facts: As they were sealed.
        events: Of the journal, where it is the one that was sealed. They tell the plans' actions
            that were never begun, and which of several plans an action belongs to.
    """
    plans = {p.digest: _Plan(p.digest, p.runbook, p.target) for p in facts.plans}
    for made in facts.plans:
        plans[made.digest].actions = {name: ActionOutcome(name) for name in made.actions}
    outside = _Plan("", "", "")
    current: list[_Plan] = []
    for event in events:
        match event.get("event"):
            case "plan.made":
                _made(event, plans, current)
            case "action.intent" | "action.operation" | "action.outcome":
                _happened(event, current, outside)
    for action in facts.actions:
        _told(action, [*plans.values()], outside)
    shown = [*plans.values(), *([outside] if outside.actions else [])]
    return [_result(plan, shown, facts.approvals) for plan in shown]


def _made(event: Mapping[str, Any], plans: Mapping[str, _Plan], current: list[_Plan]) -> None:
    try:
        made = plan_types.Plan.from_data(event["plan"])
        plan = plans.get(made.digest)
    except (AttributeError, KeyError, TypeError, ValueError):
        return  # in a form that this version does not know
    if plan is None:
        return
    if plan in current:
        current.remove(plan)
    current.append(plan)
    for actions, way_back in ((made.actions, False), (made.way_back, True)):
        for item in actions:
            known = plan.actions.get(item.id, ActionOutcome(item.id, way_back=way_back))
            plan.actions[item.id] = replace(known, kind=str(item.kind), target=str(item.target))


def _happened(event: Mapping[str, Any], current: Sequence[_Plan], outside: _Plan) -> None:
    name = _text(event, "id")
    plan = next((plan for plan in reversed(current) if name in plan.actions), outside)
    known = plan.actions.get(name, ActionOutcome(name))
    match event["event"]:
        case "action.intent":
            plan.actions[name] = replace(
                known,
                kind=_text(event, "kind") or known.kind,
                target=_text(event, "target") or known.target,
                state=State.UNKNOWN,
                started_at=_text(event, "at"),
                ended_at="",
                error="",
                attempts=known.attempts + 1,
            )
        case "action.operation":
            plan.actions[name] = replace(known, operation=_text(event, "operation"))
        case _:
            plan.actions[name] = replace(
                known,
                state=_state(_text(event, "status")),
                ended_at=_text(event, "at"),
                error=_text(event, "error"),
            )


def _told(action: Action, plans: Sequence[_Plan], outside: _Plan) -> None:
    """Take from the facts what the journal did not tell."""
    holders = [plan for plan in (*plans, outside) if action.id in plan.actions]
    if any(plan.actions[action.id].attempts for plan in holders):
        return
    plan = holders[-1] if holders else outside
    plan.actions[action.id] = replace(
        plan.actions.get(action.id, ActionOutcome(action.id)),
        kind=action.kind,
        target=action.target,
        state=_state(action.status),
        operation=action.operation,
        started_at=action.started_at,
        ended_at=action.ended_at,
        attempts=1,
    )


def _result(plan: _Plan, plans: Sequence[_Plan], approvals: Sequence[Approval]) -> PlanOutcome:
    given = tuple(a for a in approvals if plan.digest and a.digest == plan.digest)
    actions = []
    for action in plan.actions.values():
        if action.state is State.NOT_BEGUN and not action.way_back:
            elsewhere = [p.actions[action.id] for p in plans if action.id in p.actions]
            if any(a.state in {State.DONE, State.FOUND_DONE} for a in elsewhere):
                action = replace(action, state=State.DONE_BEFORE)
            elif not given:
                action = replace(action, state=State.NOT_APPROVED)
        actions.append(replace(action, late=_late(action, given)))
    shown = tuple(a for a in actions if a.state is not State.NOT_BEGUN or not a.way_back)
    return PlanOutcome(
        plan.digest, plan.runbook, plan.target, given, shown, len(actions) - len(shown)
    )


def _late(action: ActionOutcome, given: Sequence[Approval]) -> bool:
    started = moment(action.started_at)
    ends = [end for approval in given if (end := moment(approval.expires_at))]
    if started is None or not ends or action.way_back:
        return False
    return started > max(ends)


def _state(status: str) -> State:
    known = {"done": State.DONE, "found_done": State.FOUND_DONE, "failed": State.FAILED}
    return known.get(status, State.UNKNOWN)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)
