"""A plan is begun with an approval that the journal shows and that holds, and never without."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.plan import (
    Action,
    Approval,
    ApprovalExpired,
    Approved,
    NotApproved,
    Plan,
    is_withheld,
)
from leitstand.core.run_over import RunOver
from leitstand.execution.executor import Executor, Watch
from leitstand.execution.recovery import give_back
from leitstand.execution.rollout import take_back

PLAN = Plan(
    "release", "sandbox", "services/web", {},
    (Action("one", "set", "services/web"), Action("two", "set", "services/web")),
)  # fmt: skip
LATER = replace(PLAN, runbook="release/tags", actions=(Action("tags", "set", "services/web"),))
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ONE_OCLOCK = NOON + timedelta(hours=1)


class World:
    """Counts what was started in it, and has a clock that can be moved."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory / "journal.jsonl")
        self.started: list[str] = []
        self.clock = NOON

    def executor(self, plan: Plan = PLAN, until: datetime = ONE_OCLOCK) -> Executor:
        approval = Approval(plan.digest, "erika@example.com", until)
        self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        self.journal.append("approval.given", digest=plan.digest, by="", expires_at=until)
        return Executor(Approved(plan, approval), self.journal, {"set": self}, lambda: self.clock)

    def reached(self, action: Action) -> bool:
        return False

    def start(self, action: Action, etag: str) -> str:
        self.started.append(action.id)
        return "operation"

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return {}

    def at(self, **later: float) -> None:
        self.clock = NOON + timedelta(**later)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("later", "begins"),
    [
        pytest.param({"minutes": 59, "seconds": 59}, True, id="in the last second"),
        pytest.param({"hours": 1}, False, id="to the second"),
        pytest.param({"days": 3}, False, id="days later"),
    ],
)
def test_a_plan_is_begun_while_its_approval_holds(
    world: World, later: dict[str, float], *, begins: bool
) -> None:
    executor = world.executor()
    world.at(**later)
    if begins:
        executor.apply_all()
    else:
        with pytest.raises(ApprovalExpired, match=r"seit 26\.11\. 13:00 UTC abgelaufen"):
            executor.apply_all()
    assert (["one", "two"] if begins else []) == world.started
    assert begins == ("action.intent" in [event["event"] for event in world.journal])


def test_what_was_begun_may_outlast_its_approval_and_be_resumed(world: World) -> None:
    world.executor().apply("one")
    world.at(days=1)
    world.executor().apply("two")
    assert ["one", "two"] == world.started


def test_each_plan_of_a_run_is_begun_with_an_approval_that_holds(world: World) -> None:
    world.executor().apply_all()
    world.at(hours=2)
    with pytest.raises(ApprovalExpired):
        world.executor(LATER).apply_all()
    world.executor(LATER, until=NOON + timedelta(hours=3)).apply_all()
    assert ["one", "two", "tags"] == world.started


def test_the_way_back_of_what_was_not_begun_is_not_applied(world: World) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    world.executor(until=past)
    approved = Approved(PLAN, Approval(PLAN.digest, "erika@example.com", past))
    environment = load_environment("sandbox")
    connection = Connection(environment, "127.0.0.1:9", "http://127.0.0.1:9")
    with pytest.raises(ApprovalExpired) as caught:
        give_back("r1", approved, world.journal, connection, KeyboardInterrupt())
    assert (4, []) == (caught.value.exit_code, world.started)


BY_HAND = Approval(PLAN.digest, "ich", NOON + timedelta(days=365))


def test_a_plan_that_was_approved_by_hand_alone_is_not_begun(world: World) -> None:
    executor = Executor(Approved(PLAN, BY_HAND), world.journal, {"set": world}, lambda: NOON)
    with pytest.raises(NotApproved, match="kein Gate dieses Laufs") as caught:
        executor.apply_all()
    environment = load_environment("sandbox")
    connection = Connection(environment, "127.0.0.1:9", "http://127.0.0.1:9")
    with pytest.raises(NotApproved):  # so its way back is none either
        give_back("r1", Approved(PLAN, BY_HAND), world.journal, connection, caught.value)
    assert [] == world.started
    assert [] == world.journal.events()


def test_the_way_back_of_a_plan_by_hand_is_not_applied(world: World) -> None:
    world.executor().apply("one")
    changed = replace(PLAN, way_back=(Action("back", "set", "services/web", {"to": "nothing"}),))
    by_hand = Approved(changed, replace(BY_HAND, digest=changed.digest))
    executor = Executor(by_hand, world.journal, {"set": world}, lambda: NOON)
    with pytest.raises(NotApproved):
        take_back(executor, world.journal, "Ein Smoke-Test ist fehlgeschlagen.", "")
    assert ["one"] == world.started
    assert "run.rolled_back" not in [event["event"] for event in world.journal]


def test_nothing_is_taken_back_once_the_run_has_ended(world: World) -> None:
    executor = world.executor(replace(PLAN, way_back=(Action("back", "set", "services/web"),)))
    executor.apply_all()
    world.journal.append("run.completed")
    with pytest.raises(RunOver):
        executor.take_back()
    assert ["one", "two"] == world.started


def test_the_end_of_an_approval_is_the_one_that_was_journalled(world: World) -> None:
    world.executor()
    executor = Executor(
        Approved(PLAN, BY_HAND), world.journal, {"set": world}, lambda: NOON + timedelta(days=1)
    )
    with pytest.raises(ApprovalExpired):
        executor.apply_all()
    assert [] == world.started


def test_a_plan_changed_by_hand_is_not_gone_on_with(world: World) -> None:
    world.executor().apply("one")
    other = Action("two", "set", "services/web", {"to": "nothing"})
    changed = replace(PLAN, actions=(PLAN.actions[0], other))
    by_hand = replace(BY_HAND, digest=changed.digest)
    executor = Executor(Approved(changed, by_hand), world.journal, {"set": world}, lambda: NOON)
    with pytest.raises(NotApproved):
        executor.apply("two")
    assert ["one"] == world.started


def test_an_announced_action_is_not_taken_up_as_another_by_hand(world: World) -> None:
    world.executor()
    world.journal.append("action.intent", id="one", kind="set")
    other = Action("one", "set", "services/web", {"to": "nothing"})
    changed = replace(PLAN, actions=(other, PLAN.actions[1]))
    by_hand = replace(BY_HAND, digest=changed.digest)
    executor = Executor(Approved(changed, by_hand), world.journal, {"set": world}, lambda: NOON)
    with pytest.raises(NotApproved):
        executor.apply("one")
    assert [] == world.started


def test_an_announced_action_is_taken_up_after_its_approval_has_ended(world: World) -> None:
    world.executor()
    world.journal.append("action.intent", id="one", kind="set")
    world.at(days=1)
    world.executor(until=ONE_OCLOCK).apply("one")
    assert ["one"] == world.started


def test_a_plan_in_whose_place_another_was_approved_is_not_begun(world: World) -> None:
    before = world.executor()
    world.executor(replace(PLAN, basis={"etag": "new"}))
    with pytest.raises(NotApproved):
        before.apply_all()
    assert [] == world.started


@pytest.mark.parametrize("given", [PLAN, SimpleNamespace(plan=PLAN, approval=None), None])
def test_what_is_no_approved_plan_is_refused(world: World, given: Any) -> None:
    with pytest.raises(NotApproved):
        Executor(given, world.journal, {"set": world})
    with pytest.raises(NotApproved):
        is_withheld(given)
