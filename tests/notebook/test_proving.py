"""Taking a run back needs signatures; what its journal says is no proof."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.approvals import ApprovalStore
from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.approvals.decision import Use
from leitstand.core.approvals.policy import ApprovalPolicy
from leitstand.core.gates import ApprovalMissing
from leitstand.core.plan import Approval, Approved
from leitstand.notebook.operators import process_account
from leitstand.notebook.proving import ApprovalUnproven, check_proven
from tests.fixtures.approving import PLAN, RUN, People, account, emergency, statement

MINE = replace(PLAN, environment="sandbox")
NONCE = "cd" * 16
DAY = timedelta(days=1)


@dataclass
class Left:
    """A run that this process has left open, and whose journal says that Erika approved it."""

    people: People
    store: ApprovalStore
    journal: Journal

    def give(self, name: str, *, used: bool = True, ago: timedelta = DAY, **changes: Any) -> None:
        at = datetime.now(UTC) - ago
        said = statement(
            name, digest=MINE.digest, environment="sandbox", nonce=NONCE, at=at,
            expires_at=at + timedelta(hours=1),
        )  # fmt: skip
        self.store.give(RUN, self.people.envelope(name, replace(said, **changes)))
        if used:
            self.store.use([NONCE], Use(RUN, MINE.digest))

    def check(self, *, plan: Any = MINE, ask: bool = False, **environment: Any) -> None:
        changed = {"requires_second_person": True, "approvals": self.people.policy, **environment}
        loaded = load_environment("sandbox").model_copy(update=changed)
        connection = Connection(loaded, "127.0.0.1:9", "http://127.0.0.1:9")
        approved = Approved(plan, Approval(plan.digest, account("erika"), datetime.now(UTC) - DAY))
        check_proven(RUN, self.journal, connection, approved, ask=ask)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def left(tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> Left:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("run.started", run=RUN, runbook="release", env="sandbox", ticket="OPS-7")
    journal.append("plan.made", plan=MINE.as_data(), digest=MINE.digest)
    until = datetime.now(UTC) + DAY
    journal.append("approval.given", digest=MINE.digest, by=account("erika"), expires_at=until)
    journal.append("action.intent", id="a")
    return Left(people, ApprovalStore(tmp_path / "approvals"), journal)


def test_a_signed_approval_counts_though_it_has_expired_since(left: Left) -> None:
    left.give("erika")
    left.check()


def test_an_emergency_counts_too(left: Left) -> None:
    left.give("anna", **emergency())
    left.check()


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda left: None, id="only the journal says so"),
        pytest.param(lambda left: left.give("ole", identity=account("erika")), id="a strange key"),
        pytest.param(lambda left: left.give("erika", digest=PLAN.digest), id="another plan"),
        pytest.param(lambda left: left.give("erika", run=f"{RUN}0"), id="another run"),
        pytest.param(lambda left: left.give("erika", environment="prod"), id="elsewhere"),
        pytest.param(lambda left: left.give("dora"), id="who may not"),
        pytest.param(lambda left: left.give("erika", used=False), id="one that came too late"),
    ],
)
def test_without_a_signature_for_this_plan_nothing_is_taken_back(
    left: Left, given: Callable[[Left], None]
) -> None:
    given(left)
    with pytest.raises(ApprovalUnproven, match="nicht belegt") as caught:
        left.check()
    assert 3 == caught.value.exit_code
    assert f"leitstand approve {MINE.digest[:12]} --run {RUN}" in caught.value.advice
    assert [] == left.store.requests()


def test_oneself_is_no_second_person_on_the_way_back_either(left: Left, people: People) -> None:
    mine = people.policy.approvers[1].model_copy(update={"identity": process_account()})
    policy = people.policy.model_copy(
        update={"approvers": [people.policy.approvers[0], mine, *people.policy.approvers[2:]]}
    )
    left.give("erika", identity=process_account())
    with pytest.raises(ApprovalUnproven):
        left.check(approvals=policy)


def test_the_plan_then_waits_and_a_new_approval_counts(left: Left) -> None:
    with pytest.raises(ApprovalUnproven):
        left.check(ask=True)
    [request] = left.store.requests()
    assert (MINE.digest, "OPS-7") == (request.asked.plan.digest, request.ticket)
    left.give("karl", used=False, ago=timedelta())
    left.check()
    assert [] == left.store.requests()
    assert "approval.given" == left.journal.events()[-1]["event"]


def test_a_plan_of_another_environment_is_not_taken_back_in_this_one(left: Left) -> None:
    with pytest.raises(ApprovalUnproven):
        left.check(plan=PLAN, requires_second_person=False)


def test_where_nobody_is_named_nobody_can_have_approved(left: Left) -> None:
    with pytest.raises(ApprovalMissing):
        left.check(approvals=None)


def test_where_one_person_is_enough_the_journal_is(left: Left) -> None:
    left.check(requires_second_person=False, approvals=None)


def test_the_policy_can_name_the_directory(left: Left, tmp_path: Path, people: People) -> None:
    policy: ApprovalPolicy = people.policy.model_copy(
        update={"directory": str(tmp_path / "approvals")}
    )
    left.give("erika")
    left.check(approvals=policy)
    with pytest.raises(ApprovalUnproven):
        left.check(approvals=policy.model_copy(update={"directory": str(tmp_path / "other")}))
