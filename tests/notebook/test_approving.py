"""A run asks a second person, waits, and never takes anything else for an approval."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.approvals import ApprovalStore
from leitstand.audit.journal import Journal
from leitstand.cloud.errors import CloudUnreachable
from leitstand.core.approvals.decision import Asked, Use
from leitstand.core.approvals.statement import Statement
from leitstand.core.plan import Approval
from leitstand.notebook.approving import (
    ApprovalImpossible,
    ApprovalPending,
    SecondPerson,
    approval_notice,
    emergencies,
    was_approved,
)
from tests.fixtures.approving import EMERGENCY, PLAN, RUN, People, account, asked, emergency
from tests.fixtures.approving import statement as stated

NONCE = "ab" * 16
CHANGED = replace(PLAN, basis={"etag": "2"})
NEXT = replace(PLAN, runbook="release/clean-up")


class Waiting:
    """A run of Anna's that waits for 0.3 s at most."""

    def __init__(self, directory: Path, people: People) -> None:
        self.people = people
        self.store = ApprovalStore(directory / "approvals")
        self.journal = Journal(directory / "journal.jsonl")
        self.announced: list[Statement] = []
        self.shown: list[str] = []
        policy = people.policy.model_copy(update={"deadline": 0.3, "interval": 0.02})
        self.second = SecondPerson(self.store, policy, self.journal, self.announced.append)

    def give(self, name: str, **changes: Any) -> None:
        now = datetime.now(UTC)
        said = stated(name, **{"at": now, "expires_at": now + timedelta(hours=1), **changes})
        self.store.give(RUN, self.people.envelope(name, said))

    def approval(self, what: Asked | None = None) -> Approval:
        return self.second.approval(what or asked(), "OPS-1", self.shown.append)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.journal if event["event"] == name]

    @property
    def names(self) -> list[object]:
        return [event["event"] for event in self.journal]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def waiting(tmp_path: Path, people: People) -> Waiting:
    return Waiting(tmp_path, people)


def test_a_run_goes_on_as_soon_as_the_approval_is_there(waiting: Waiting) -> None:
    timer = threading.Timer(0.1, waiting.give, ["erika"])
    timer.start()
    approval = waiting.approval()
    timer.join()
    assert (PLAN.digest, account("erika")) == (approval.digest, approval.by)
    assert ["approval.requested", "approval.given"] == waiting.names
    [given] = waiting.events("approval.given")
    [there] = waiting.store.given(RUN)
    assert [there.content.decode()] == given["envelopes"]
    assert waiting.second.policy.digest == given["policy"]
    assert [] == waiting.store.requests()
    assert any(f"leitstand approve {PLAN.digest[:12]} --run {RUN}" in one for one in waiting.shown)


def test_at_the_deadline_the_run_pauses_and_can_go_on_later(waiting: Waiting) -> None:
    with pytest.raises(ApprovalPending, match="fehlt noch eine Freigabe") as caught:
        waiting.approval()
    assert (4, 1) == (caught.value.exit_code, caught.value.missing)
    assert f"leitstand resume {RUN}" in caught.value.advice
    assert ["approval.requested", "run.paused"] == waiting.names
    assert [PLAN.digest] == [one.asked.plan.digest for one in waiting.store.requests()]
    waiting.give("erika")
    assert account("erika") == waiting.approval().by
    assert 1 == waiting.names.count("approval.requested")


def test_any_change_of_the_plan_needs_another_approval(waiting: Waiting) -> None:
    waiting.give("erika")
    waiting.approval()
    with pytest.raises(ApprovalPending):
        waiting.approval(asked(CHANGED))
    assert [CHANGED.digest] == [one.asked.plan.digest for one in waiting.store.requests()]
    assert 1 == len(waiting.events("approval.given"))


def test_an_approval_for_a_plan_that_has_changed_meanwhile_is_named(waiting: Waiting) -> None:
    waiting.give("erika")
    with pytest.raises(ApprovalPending, match=f"gilt für den Plan {PLAN.digest[:12]}, nicht"):
        waiting.approval(asked(CHANGED))
    [refused] = waiting.events("approval.refused")
    assert ("other-plan", account("erika")) == (refused["reason"], refused["by"])


def test_each_plan_of_a_run_has_its_own_approval(waiting: Waiting) -> None:
    waiting.give("erika")
    waiting.approval()
    waiting.give("karl", digest=NEXT.digest)
    assert account("karl") == waiting.approval(asked(NEXT)).by
    assert [] == waiting.events("approval.refused")


def test_what_stands_in_the_journal_approves_nothing(waiting: Waiting) -> None:
    waiting.give("erika", digest=CHANGED.digest)
    [envelope] = waiting.store.given(RUN)
    waiting.journal.append("plan.made", plan=PLAN.as_data(), digest=PLAN.digest)
    waiting.journal.append(
        "approval.given", digest=PLAN.digest, by=account("erika"),
        expires_at=datetime.now(UTC) + timedelta(hours=1), envelopes=[envelope.content.decode()],
    )  # fmt: skip
    waiting.journal.append("action.intent", id="a")
    with pytest.raises(ApprovalPending):
        waiting.approval()


def test_ones_own_approval_is_refused_once_and_waited_on(waiting: Waiting) -> None:
    waiting.give("anna")
    with pytest.raises(ApprovalPending, match="kann ihn nicht selbst freigeben"):
        waiting.approval()
    assert 1 == len(waiting.events("approval.refused"))


def test_nobody_waits_where_nobody_could_approve(waiting: Waiting) -> None:
    with pytest.raises(ApprovalImpossible, match="ist nicht bekannt"):
        waiting.approval(asked(operator="unbekannt"))
    assert ["approval.refused"] == waiting.names
    assert [] == waiting.store.requests()


def test_an_expired_approval_does_not_let_a_run_go_on(waiting: Waiting) -> None:
    now = datetime.now(UTC)
    end = now + timedelta(minutes=5)
    waiting.give("erika", expires_at=end)
    assert end == waiting.approval().expires_at
    waiting.give("karl", digest=CHANGED.digest, at=now - timedelta(hours=2), expires_at=now)
    with pytest.raises(ApprovalPending, match="abgelaufen"):
        waiting.approval(asked(CHANGED))


def test_breaking_the_glass_is_announced_and_loud(waiting: Waiting) -> None:
    waiting.give("anna", **emergency())
    approval = waiting.approval()
    [said] = waiting.announced
    assert (account("anna"), EMERGENCY) == (said.identity, said.reason)
    assert ["approval.requested", "approval.broken_glass", "approval.given"][1:] == waiting.names
    [broken] = waiting.events("approval.broken_glass")
    assert (EMERGENCY, account("anna")) == (broken["reason"], broken["by"])
    notice = repr(approval_notice(approval, waiting.journal))
    assert "NOTFALL" in notice
    assert EMERGENCY in notice
    assert [PLAN.digest] == list(emergencies(waiting.journal))


def test_a_later_approval_of_the_same_plan_is_no_emergency_any_more(waiting: Waiting) -> None:
    waiting.give("anna", **emergency())
    waiting.approval()
    waiting.give("erika")
    assert "NOTFALL" not in repr(approval_notice(waiting.approval(), waiting.journal))


def test_another_plan_of_the_run_is_not_called_an_emergency(waiting: Waiting) -> None:
    waiting.give("anna", **emergency())
    first = waiting.approval()
    waiting.give("karl", digest=NEXT.digest)
    second = waiting.approval(asked(NEXT))
    notices = [repr(approval_notice(one, waiting.journal)) for one in (first, second)]
    assert [True, False] == ["NOTFALL" in notice for notice in notices]


def test_an_emergency_is_not_held_up_by_a_log_that_does_not_answer(waiting: Waiting) -> None:
    def fails(said: Statement) -> None:
        raise CloudUnreachable("Cloud Logging", "keine Antwort")

    waiting.second = replace(waiting.second, announce=fails)
    waiting.give("anna", **emergency())
    waiting.approval()
    expected = ["approval.broken_glass", "approval.unannounced", "approval.given"]
    assert expected == waiting.names


def test_an_ordinary_approval_is_said_plainly(waiting: Waiting) -> None:
    waiting.give("erika")
    approval = waiting.approval()
    assert account("erika") in repr(approval_notice(approval, waiting.journal))
    assert [] == waiting.announced


def test_a_way_back_needs_a_plan_that_was_approved_and_not_a_journal(waiting: Waiting) -> None:
    at = datetime.now(UTC) - timedelta(days=2)
    waiting.give("erika", at=at, expires_at=at + timedelta(hours=1), nonce=NONCE)
    policy = waiting.people.policy
    assert not was_approved(waiting.store, policy, asked())  # the run never took it up
    waiting.store.use([NONCE], Use(RUN, PLAN.digest))
    assert was_approved(waiting.store, policy, asked())
    assert not was_approved(waiting.store, policy, asked(CHANGED))
    assert not was_approved(waiting.store, policy, asked(operator=account("erika")))
