"""Plan against outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from leitstand.audit.record_page.outcome import ActionOutcome, PlanOutcome, State, outcomes_of
from leitstand.core.plan import Action
from leitstand.core.records.journal_text import read_journal
from leitstand.core.records.reading import facts_of
from tests.audit.record_page.sample import PLAN, STARTED, WEB, journal_of

MADE = {"event": "plan.made", "plan": PLAN.as_data()}
GIVEN = {"event": "approval.given", "digest": PLAN.digest, "by": "erika",
         "expires_at": "2026-11-26T03:14:10Z"}  # fmt: skip
OTHER = replace(PLAN, basis={"etag": "2"})


def intent(name: str) -> dict[str, Any]:
    return {"event": "action.intent", "id": name, "kind": "set_traffic", "target": WEB}


def outcome(name: str, status: str = "done", **more: Any) -> dict[str, Any]:
    return {"event": "action.outcome", "id": name, "status": status, **more}


def plans_of(*events: Mapping[str, Any], told: bool = True) -> list[PlanOutcome]:
    journal = read_journal(journal_of([dict(STARTED), *events]))
    return outcomes_of(facts_of(journal), journal.events if told else ())


def states(actions: Iterable[ActionOutcome]) -> list[tuple[str, State]]:
    return [(action.id, action.state) for action in actions]


def test_what_was_planned_and_never_begun_is_shown_with_its_target():
    (plan,) = plans_of(MADE, GIVEN)
    assert [State.NOT_BEGUN] * 3 == [action.state for action in plan.actions]
    assert [WEB] * 3 == [action.target for action in plan.actions]
    assert 1 == plan.spared


def test_a_plan_that_nobody_approved_was_only_planned():
    (plan,) = plans_of(MADE)
    assert [State.NOT_APPROVED] * 3 == [action.state for action in plan.actions]


def test_an_action_that_failed_and_was_begun_again_counts_its_attempts():
    (plan,) = plans_of(
        MADE, GIVEN, intent("candidate"), outcome("candidate", "failed", error="Kein Platz."),
        intent("candidate"), outcome("candidate", "found_done"),
    )  # fmt: skip
    action = plan.actions[0]
    assert (State.FOUND_DONE, 2, "") == (action.state, action.attempts, action.error)


def test_a_later_plan_with_the_same_actions_takes_only_what_came_after_it():
    events = [
        MADE, GIVEN, intent("candidate"), outcome("candidate"), intent("traffic-10"),
        outcome("traffic-10", "failed"), {"event": "plan.made", "plan": OTHER.as_data()},
        {**GIVEN, "digest": OTHER.digest}, intent("traffic-10"), outcome("traffic-10"),
    ]  # fmt: skip
    first, second = plans_of(*events)
    assert states(first.actions) == [
        ("candidate", State.DONE), ("traffic-10", State.FAILED), ("traffic-100", State.NOT_BEGUN),
    ]  # fmt: skip
    assert states(second.actions) == [
        ("candidate", State.DONE_BEFORE), ("traffic-10", State.DONE),
        ("traffic-100", State.NOT_BEGUN),
    ]  # fmt: skip


def test_an_action_that_no_plan_names_stands_apart():
    plan, outside = plans_of(MADE, GIVEN, intent("sonst"), outcome("sonst"))
    assert ("", [("sonst", State.DONE)]) == (outside.digest, states(outside.actions))
    assert "sonst" not in [action.id for action in plan.actions]


def test_the_way_back_is_shown_when_it_was_begun_and_needs_no_approval_that_still_holds():
    (plan,) = plans_of(MADE, GIVEN, intent("candidate"), *[{"event": "load"}] * 5, intent("back"))
    back = plan.actions[-1]
    assert ("back", True, False, State.UNKNOWN) == (back.id, back.way_back, back.late, back.state)


def test_an_action_that_began_after_its_approval_had_expired_is_marked():
    (plan,) = plans_of(
        MADE, GIVEN, intent("candidate"), *[{"event": "load"}] * 5, intent("traffic-10")
    )
    assert [False, True, False] == [action.late for action in plan.actions]


def test_without_the_journal_the_sealed_facts_tell_it():
    (plan,) = plans_of(MADE, GIVEN, intent("candidate"), outcome("candidate"), told=False)
    assert states(plan.actions) == [
        ("candidate", State.DONE), ("traffic-10", State.NOT_BEGUN),
        ("traffic-100", State.NOT_BEGUN),
    ]  # fmt: skip


def test_a_plan_with_no_actions_has_none():
    nothing = replace(PLAN, actions=(), way_back=())
    (plan,) = plans_of({"event": "plan.made", "plan": nothing.as_data()})
    assert () == plan.actions


def test_an_unknown_status_is_no_success():
    (plan,) = plans_of(MADE, GIVEN, intent("candidate"), outcome("candidate", "maybe"))
    assert State.UNKNOWN == plan.actions[0].state


def test_a_plan_in_a_form_of_its_own_is_passed_over():
    assert [] == [
        action
        for plan in plans_of({"event": "plan.made", "plan": {"actions": [1]}, "digest": "d"})
        for action in plan.actions
    ]


def test_two_plans_of_a_run_each_have_their_own_actions():
    other = replace(PLAN, runbook="zweites", actions=(Action("x", "k", WEB),), way_back=())
    first, second = plans_of(MADE, GIVEN, {"event": "plan.made", "plan": other.as_data()},
                             intent("candidate"), outcome("candidate"))  # fmt: skip
    assert ("candidate", State.DONE) == states(first.actions)[0]
    assert [("x", State.NOT_APPROVED)] == states(second.actions)
