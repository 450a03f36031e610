"""What a journal tells about a run."""

from pathlib import Path
from typing import Any

from leitstand.audit.journal import Journal
from leitstand.core.plan import Action, Plan
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Share, Split
from leitstand.execution.history import History, HistoryOf


def split(percent: int) -> list[dict[str, Any]]:
    return Split.of(Share("old", 100 - percent), Share("new", percent)).as_data()


PLAN = Plan(
    "release",
    "sandbox",
    "web",
    {"etag": "e0"},
    (
        Action("traffic-10", "set_traffic", "web", {"traffic": split(10)}),
        Action("traffic-50", "set_traffic", "web", {"traffic": split(50)}),
    ),
    (Action("back", "set_traffic", "web", {"traffic": split(0)}),),
)
APPROVED: list[dict[str, Any]] = [
    {"event": "run.started"},
    {"event": "plan.made", "plan": PLAN.as_data()},
    {"event": "approval.given", "digest": PLAN.digest},
]


def intent(id: str) -> dict[str, Any]:
    return {"event": "action.intent", "id": id}


def outcome(id: str, etag: str) -> dict[str, Any]:
    return {"event": "action.outcome", "id": id, "status": "done", "evidence": {"etag": etag}}


def service(percent: int) -> ServiceState:
    traffic = Split.from_data(split(percent))
    return ServiceState("web", "e", 1, True, traffic, (), "old")


def test_a_plan_that_nobody_approved_is_not_the_runs_plan() -> None:
    assert History.read(APPROVED[:2]).plan is None
    assert PLAN == History.read(APPROVED).plan


def test_an_approval_of_an_unknown_plan_counts_for_nothing() -> None:
    assert History.read([{"event": "approval.given", "digest": "f" * 64}]).plan is None


def test_the_etag_is_the_plans_and_then_the_last_outcomes() -> None:
    assert "e0" == History.read(APPROVED).etag("web")
    events = [*APPROVED, intent("traffic-10"), outcome("traffic-10", "e1")]
    assert "e1" == History.read(events).etag("web")
    assert "" == History.read(events).etag("worker")


def test_a_run_is_open_from_its_first_intent_to_its_end() -> None:
    assert not History.read(APPROVED).open
    begun = [*APPROVED, intent("traffic-10")]
    assert History.read(begun).open
    for end in ("run.completed", "run.rolled_back", "rollout.left"):
        assert not History.read([*begun, {"event": end}]).open
    assert not History.read([*begun, {"event": "run.failed", "exit_code": 6}]).open
    assert History.read([*begun, {"event": "run.failed", "exit_code": 4}]).open
    assert History.read([*begun, {"event": "run.paused"}]).open


def test_a_second_attempt_at_an_action_replaces_the_first() -> None:
    failed = {"event": "action.outcome", "id": "traffic-10", "status": "failed"}
    events = [*APPROVED, intent("traffic-10"), failed, intent("traffic-10")]
    action = History.read(events).action("traffic-10")
    assert (True, "", False) == (action.intended, action.status, action.done)


def test_traffic_is_as_the_run_left_it_when_it_matches_a_split_of_the_run() -> None:
    events = [*APPROVED, intent("traffic-10"), outcome("traffic-10", "e1"), intent("traffic-50")]
    history = History.read(events)
    assert [True, True, True, False] == [
        history.left_as_was(service(percent)) for percent in (0, 10, 50, 30)
    ]


def test_a_later_stage_that_was_never_begun_is_someone_elses_doing() -> None:
    history = History.read([*APPROVED, intent("traffic-10"), outcome("traffic-10", "e1")])
    assert not history.left_as_was(service(50))


def test_a_history_that_goes_on_tells_the_same_as_one_read_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    following = HistoryOf(journal)
    told = [
        *APPROVED,
        intent("traffic-10"),
        outcome("traffic-10", "e1"),
        {"event": "verdict", "stage": "10", "verdict": "healthy"},
        intent("traffic-50"),
        {"event": "run.completed"},
    ]
    for event in told:
        fields = {key: value for key, value in event.items() if key != "event"}
        journal.append(event["event"], **fields)
        assert History.read(journal) == following.now()
    assert following.now().ended
