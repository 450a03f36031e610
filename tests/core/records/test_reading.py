"""The facts of a run, told from its journal."""

import json
from typing import Any

import pytest

from leitstand.core import plan as plans
from leitstand.core.records.facts import (
    Action,
    ApiCall,
    Approval,
    ClockStep,
    Plan,
    Resumption,
    RunFacts,
)
from leitstand.core.records.journal_text import JournalText, read_journal
from leitstand.core.records.reading import NoStart, facts_of

PLAN = plans.Plan(
    "release", "prod", "services/web", {}, (plans.Action("t10", "k", "services/web"),)
)
START: dict[str, Any] = {"event": "run.started", "run": "r"}


def at(second: int) -> str:
    return f"2026-11-26T07:00:{second:02}Z"


def told(*events: dict[str, Any]) -> RunFacts:
    """Facts of a journal with these events, a second apart."""
    numbered = [{"seq": i, "at": at(i), **event} for i, event in enumerate((START, *events), 1)]
    return facts_of(JournalText(tuple(numbered)))


def test_the_start_tells_what_was_run_by_whom_and_from_where():
    facts = facts_of(
        JournalText(
            (
                {
                    "seq": 1, "at": at(1), "event": "run.started", "run": "r", "runbook": "release",
                    "env": "prod", "operator": "a@example.com", "ticket": "OPS-1",
                    "parameters": {"percent": 10}, "template_digest": "sha256:1",
                    "git": {"commit": "c0ffee", "dirty": False},
                    "library": {"version": "0.1.0", "lock_digest": "sha256:2"},
                    "incident": "inc-1", "started_by": "x/y",
                },
            )
        ),
        ["link"],
    )  # fmt: skip
    assert facts == RunFacts(
        run="r", runbook="release", env="prod", operator="a@example.com", ticket="OPS-1",
        parameters={"percent": 10}, template_digest="sha256:1", git_commit="c0ffee",
        git_dirty=False, leitstand_version="0.1.0", lock_digest="sha256:2", started_at=at(1),
        status="crashed", incident="inc-1", started_by="x/y", events=1, left_out=("link",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [
        ([{"event": "run.completed"}], "completed", 0),
        ([{"event": "run.failed", "exit_code": 4}], "failed", 4),
        ([{"event": "run.failed", "exit_code": 1}], "failed", 1),
        ([{"event": "run.failed", "exit_code": 2}], "refused", 2),
        ([{"event": "run.failed", "exit_code": 3}], "refused", 3),
        ([{"event": "run.failed", "exit_code": 5}], "rolled_back", 5),
        ([{"event": "run.failed", "exit_code": 6}], "finding", 6),
        ([{"event": "run.failed", "exit_code": 130}], "interrupted", 130),
        ([{"event": "run.paused"}], "paused", 4),
        ([{"event": "run.rolled_back"}, {"event": "cell.completed"}], "rolled_back", 5),
        ([{"event": "cell.started"}], "crashed", None),
        ([{"event": "run.failed", "exit_code": 4}, {"event": "run.resumed"}], "crashed", None),
        ([{"event": "run.paused"}, {"event": "run.resumed"}, {"event": "run.completed"}],
         "completed", 0),
    ],
)  # fmt: skip
def test_the_last_end_counts(ends: list[dict[str, Any]], status: str, code: int | None):
    facts = told(*ends)
    assert (status, code) == (facts.status, facts.exit_code)


def test_a_failure_tells_why():
    facts = told({"event": "run.failed", "error": "E", "message": "Warum.", "exit_code": 4})
    assert ("E", "Warum.", at(2)) == (facts.error, facts.message, facts.ended_at)


def test_plans_are_named_by_the_digest_of_what_was_journalled():
    facts = told({"event": "plan.made", "plan": PLAN.as_data(), "digest": "a lie"})
    assert (Plan(PLAN.digest, "release", "services/web", ("t10",)),) == facts.plans


def test_a_plan_of_another_version_keeps_the_digest_it_was_told():
    assert (Plan("d"),) == told({"event": "plan.made", "plan": {"new": 1}, "digest": "d"}).plans


def test_approvals_and_broken_glass_are_told_apart():
    facts = told(
        {"event": "approval.given", "digest": "d", "by": "b", "expires_at": at(9)},
        {"event": "approval.broken_glass", "digest": "d", "by": "a", "reason": "Ausfall"},
    )
    assert facts.approvals == (
        Approval("d", "b", at(2), at(9)),
        Approval("d", "a", at(3), broken_glass=True, reason="Ausfall"),
    )


def test_an_action_is_told_from_intent_to_outcome():
    facts = told(
        {"event": "action.intent", "id": "a", "kind": "k", "target": "t"},
        {"event": "action.operation", "id": "a", "operation": "operations/1"},
        {"event": "action.outcome", "id": "a", "status": "failed"},
        {"event": "action.intent", "id": "a", "kind": "k"},
        {"event": "action.outcome", "id": "a", "status": "found_done"},
        {"event": "action.intent", "id": "b", "kind": "k", "target": "u"},
    )
    assert facts.actions == (
        Action("a", "k", "t", "operations/1", "found_done", at(2), at(6)),
        Action("b", "k", "u", started_at=at(7)),
    )


def test_calls_are_counted_by_method_and_resource():
    call = {"method": "run.get", "resource": "services/web"}
    facts = told(
        {"event": "action.intent", "id": "a", "api_calls": [call, call]},
        {"event": "observation", "calls": 7, "api_calls": [{**call, "operation": "o"}]},
    )
    assert (
        ApiCall("run.get", "services/web", count=2),
        ApiCall("run.get", "services/web", "o"),
    ) == (facts.calls)
    assert 7 == facts.read_calls


def test_the_last_verdict_of_each_stage_is_told():
    facts = told(
        {"event": "verdict", "stage": "10", "verdict": "inconclusive"},
        {"event": "verdict", "stage": "10", "verdict": "healthy"},
        {"event": "verdict", "stage": "50", "verdict": "unhealthy"},
    )
    assert ({"10": "healthy", "50": "unhealthy"}, "unhealthy") == (facts.verdicts, facts.verdict)


def test_resumptions_and_masked_values_are_told():
    facts = told(
        {"event": "redaction", "masked": {"password": 2}},
        {"event": "run.resumed", "operator": "b", "template_digest": "sha256:3"},
        {"event": "redaction", "masked": {"password": 1, "token": 1}},
    )
    assert (Resumption(at(3), "b", "sha256:3"),) == facts.resumptions
    assert {"password": 3, "token": 1} == facts.masked


def test_a_clock_that_went_back_and_missing_events_are_told():
    events = (
        {"seq": 1, "at": at(5), **START},
        {"seq": 3, "at": at(6), "event": "x"},
        {"seq": 4, "at": at(2), "event": "x"},
        {"seq": 5, "at": "rubbish", "event": "x"},
        {"event": "x"},
    )
    facts = facts_of(JournalText(events))
    assert ((3, 0), (ClockStep(4, 4.0),)) == (facts.sequence_breaks, facts.clock_steps)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "plan.made"},
        {"event": "plan.made", "plan": 7},
        {"event": "approval.given"},
        {"event": "action.outcome"},
        {"event": "verdict"},
        {"event": "observation", "calls": "many"},
        {"event": "redaction", "masked": [1]},
        {"event": "run.failed", "exit_code": "x"},
        {"event": 7},
    ],
)
def test_an_event_without_its_fields_stops_nothing(event: dict[str, Any]):
    assert 2 == told(event).events


def test_a_journal_without_a_start_is_no_run():
    with pytest.raises(NoStart):
        facts_of(JournalText(({"seq": 1, "event": "x"},)))


def test_facts_read_back_from_json():
    facts = told(
        {"event": "plan.made", "plan": PLAN.as_data()},
        {"event": "approval.given", "digest": "d", "by": "b"},
        {"event": "action.intent", "id": "a", "api_calls": [{"method": "m"}]},
        {"event": "run.resumed", "operator": "b"},
        {"seq": 99, "at": at(0), "event": "run.completed"},
    )
    assert facts == RunFacts.from_data(json.loads(json.dumps({**facts.as_data(), "later": 1})))


@pytest.mark.parametrize(
    ("content", "events", "torn"),
    [
        (b"", 0, ()),
        (b'{"event":"a"}\n', 1, ()),
        (b'{"event":"a"}\n{"ev', 1, (14,)),
        (b'{"event":"a"}\n{"ev\n{"event":"b"}\n', 2, (14,)),
        (b'\n \n{"event":"a"}', 1, ()),
        (b"[]\n7\n{}\n\xff\n", 0, (0, 3, 5, 8)),
    ],
)
def test_torn_lines_are_read_over_and_named(content: bytes, events: int, torn: tuple[int, ...]):
    text = read_journal(content)
    assert (events, torn) == (len(text.events), text.torn_lines)
