"""``run.approve`` where the environment needs a second person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.approvals import ApprovalStore
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.approvals.decision import Use
from leitstand.core.approvals.policy import ApprovalPolicy
from leitstand.core.gates import ApprovalMissing
from leitstand.core.plan import Approved, OtherPlanBegun, Plan, Withheld
from leitstand.core.run_over import RunOver
from leitstand.notebook.approving import ApprovalPending
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.template import find_template, read_template
from tests.fixtures.approving import PLAN, RUN, People, account, statement
from tests.fixtures.locks import locks_at

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
MINE = replace(PLAN, environment="sandbox")
NONCE = "ef" * 16
UNTIL = timedelta(hours=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


class Place:
    """A run of Anna's in an environment that needs a second person, without any cloud."""

    def __init__(self, home: Path, people: People) -> None:
        self.home = home
        self.people = people
        self.store = ApprovalStore(home / "approvals")
        self.directory = RunDirectory(home / "runs" / RUN)
        self.directory.path.mkdir(parents=True)

    def run(
        self, policy: ApprovalPolicy | None, *, apply: bool = True, second_person: bool = True
    ) -> Run:
        environment = load_environment("sandbox").model_copy(
            update={"requires_second_person": second_person, "approvals": policy}
        )
        return Run(
            self.directory,
            read_template(find_template("release", RUNBOOKS)),
            environment,
            {"apply": apply, "ticket": "OPS-7"},
            Connection(environment, "127.0.0.1:9", "http://127.0.0.1:9"),
            account("anna"),
        )

    def waiting(self) -> Run:
        update = {"deadline": 0.1, "interval": 0.02}
        return self.run(self.people.policy.model_copy(update=update))

    def give(self, name: str, plan: Plan = MINE, **changes: Any) -> None:
        now = datetime.now(UTC)
        said = statement(
            name, **{"digest": plan.digest, "environment": "sandbox", "at": now, **changes}
        )
        said = replace(said, expires_at=said.at + UNTIL)
        self.store.give(RUN, self.people.envelope(name, said))

    def check_free(self, target: str) -> None:
        """Fail if another run cannot have the lock on a target."""
        locks = locks_at(self.home)
        locks.acquire([target])
        locks.release()

    def events(self) -> list[object]:
        return [event["event"] for event in self.directory.journal]


def begin(place: Place) -> None:
    """Write into the journal that the plan is approved and begun."""
    journal = place.directory.journal
    journal.append("plan.made", plan=MINE.as_data(), digest=MINE.digest)
    expires_at = datetime.now(UTC) + UNTIL
    journal.append("approval.given", digest=MINE.digest, by=account("erika"), expires_at=expires_at)
    journal.append("action.intent", id="a")


@pytest.fixture
def place(tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    return Place(tmp_path, people)


def test_a_plan_with_a_second_persons_approval_may_be_applied(place: Place) -> None:
    place.give("erika")
    approved = place.waiting().approve(MINE)
    assert isinstance(approved, Approved)
    assert (MINE, account("erika")) == (approved.plan, approved.approval.by)
    assert ["step.started", "approval.given", "step.completed"] == place.events()


def test_a_run_that_waited_in_vain_pauses_and_keeps_nobody_out(place: Place) -> None:
    run = place.waiting()
    with pytest.raises(ApprovalPending):
        run.approve(MINE)
    expected = ["step.started", "approval.requested", "run.paused", "step.paused"]
    assert expected == place.events()
    place.check_free(MINE.target)
    place.give("erika")
    assert isinstance(run.approve(MINE), Approved)


def test_an_edited_journal_is_no_approval(place: Place) -> None:
    begin(place)
    run = place.waiting()
    assert run.earlier_plan(MINE.runbook) is not None
    with pytest.raises(ApprovalPending):
        run.approve(MINE)


def test_a_run_that_has_ended_has_no_plan_to_go_on_with(place: Place) -> None:
    begin(place)
    run = place.waiting()
    run.journal.append("run.completed")
    with pytest.raises(RunOver, match=RUN):
        run.earlier_plan(MINE.runbook)


def test_no_other_plan_takes_the_place_of_one_that_is_begun(place: Place) -> None:
    run, other = place.waiting(), replace(MINE, basis={"etag": "of then"})
    run.planned(other)
    begin(place)
    before = place.events()
    with pytest.raises(OtherPlanBegun, match=f"den Plan {MINE.digest[:12]} begonnen"):
        run.approve(other)
    assert before == place.events()
    place.check_free(MINE.target)


def test_a_plan_that_knows_what_was_begun_may_take_its_place(place: Place) -> None:
    begin(place)
    run, other = place.waiting(), replace(MINE, basis={"etag": "of now"})
    run.planned(other)
    place.give("erika", other)
    assert isinstance(run.approve(other), Approved)


def test_what_was_begun_with_an_approval_goes_on_after_it_has_expired(place: Place) -> None:
    place.give("erika", at=datetime.now(UTC) - 2 * UNTIL, nonce=NONCE)
    place.store.use([NONCE], Use(RUN, MINE.digest))
    begin(place)
    approved = place.waiting().approve(MINE)
    assert isinstance(approved, Approved)
    assert "approval.requested" not in place.events()


def test_what_was_not_begun_needs_another_approval_once_it_has_expired(place: Place) -> None:
    place.give("erika", at=datetime.now(UTC) - 2 * UNTIL, nonce=NONCE)
    place.store.use([NONCE], Use(RUN, MINE.digest))
    with pytest.raises(ApprovalPending, match="abgelaufen"):
        place.waiting().approve(MINE)


def test_ones_own_approval_is_given_anew_once_it_has_expired(place: Place) -> None:
    journal = place.directory.journal
    first = replace(MINE, runbook="release/before")
    for plan, end in ((first, UNTIL), (MINE, -UNTIL)):
        journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        expires_at = datetime.now(UTC) + end
        journal.append("approval.given", digest=plan.digest, by="anna", expires_at=expires_at)
    journal.append("action.intent", id="another")
    run = place.run(None, second_person=False)
    approved = run.approve(MINE)
    assert isinstance(approved, Approved)
    assert approved.approval.holds(datetime.now(UTC))
    run.finish()


def test_a_changed_plan_is_not_approved_with_the_one_before(place: Place) -> None:
    place.give("erika")
    run = place.waiting()
    run.approve(MINE)
    with pytest.raises(ApprovalPending):
        run.approve(replace(MINE, basis={"etag": "2"}))


def test_without_anybody_who_could_approve_nothing_is_changed(place: Place) -> None:
    with pytest.raises(ApprovalMissing):
        place.run(None).approve(MINE)
    assert [] == place.events()


def test_a_run_that_only_shows_its_plan_asks_nobody(place: Place) -> None:
    assert isinstance(place.run(place.people.policy, apply=False).approve(MINE), Withheld)
    assert [] == place.store.requests()
