"""Whether approvals are enough: a table of what was given and what follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leitstand.audit.approval_envelopes import examine
from leitstand.audit.approvals import Given
from leitstand.core.approvals.decision import Outcome, Use, decide, decide_as_given
from leitstand.core.approvals.refusals import Reason, Refusal
from tests.fixtures.approving import (
    EMERGENCY,
    NOW,
    PLAN,
    RUN,
    People,
    account,
    asked,
    emergency,
    statement,
)

OTHER = replace(PLAN, basis={"etag": "2"})
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    ("runbook", "given", "outcome", "missing", "by"),
    [
        pytest.param("release", [], Outcome.WAITING, 1, "", id="nobody yet"),
        pytest.param("release", ["erika"], Outcome.GRANTED, 0, "erika", id="one is enough"),
        pytest.param("migrate", ["erika"], Outcome.WAITING, 1, "erika", id="one of two"),
        pytest.param("migrate", ["erika", "karl"], Outcome.GRANTED, 0, "erika karl", id="both"),
        pytest.param("migrate", ["erika"] * 2, Outcome.WAITING, 1, "erika", id="one person twice"),
        pytest.param("scale", ["dora"], Outcome.GRANTED, 0, "dora", id="who may only this runbook"),
    ],
)
def test_it_takes_as_many_people_as_the_runbook_needs(
    people: People, runbook: str, given: list[str], outcome: Outcome, missing: int, by: str
) -> None:
    signed = [people.signed(name, runbook=runbook) for name in given]
    decision = decide(asked(runbook=runbook), people.policy, signed, NOW)
    assert (outcome, missing, ()) == (decision.outcome, decision.missing, decision.refusals)
    assert ", ".join(account(name) for name in by.split()) == decision.by


@pytest.mark.parametrize(
    ("name", "changes", "later", "reason"),
    [
        pytest.param("anna", {}, 0, Reason.BY_ONESELF, id="by oneself"),
        pytest.param("ole", {}, 0, Reason.UNKNOWN_KEY, id="with an unknown key"),
        pytest.param("ole", {"identity": account("erika")}, 0, Reason.UNKNOWN_KEY, id="as another"),
        pytest.param(
            "karl", {"identity": account("erika")}, 0, Reason.OTHER_IDENTITY, id="in another's name"
        ),
        pytest.param("erika", {"digest": OTHER.digest}, 0, Reason.OTHER_PLAN, id="another plan"),
        pytest.param("erika", {"run": f"{RUN}0"}, 0, Reason.OTHER_RUN, id="another run"),
        pytest.param("erika", {"runbook": "scale"}, 0, Reason.OTHER_RUNBOOK, id="another runbook"),
        pytest.param("erika", {"environment": "staging"}, 0, Reason.OTHER_ENVIRONMENT, id="else"),
        pytest.param("erika", {}, 3600, Reason.EXPIRED, id="to the second when it expires"),
        pytest.param(
            "erika", {"expires_at": NOW + 900 * HOUR}, 4 * 3600, Reason.EXPIRED,
            id="longer than the policy allows",
        ),
        pytest.param(
            "erika", {"expires_at": NOW - HOUR}, 0, Reason.EXPIRED, id="expired when it was signed"
        ),
        pytest.param("erika", {}, -300, Reason.FROM_THE_FUTURE, id="a clock was moved back"),
        pytest.param("dora", {}, 0, Reason.NOT_ALLOWED, id="not for this runbook"),
        pytest.param("erika", emergency(), 0, Reason.NO_BREAK_GLASS, id="who may not break glass"),
        pytest.param("anna", emergency(reason="eilt"), 0, Reason.NO_REASON, id="without a reason"),
        pytest.param("anna", emergency(), 1800, Reason.EXPIRED, id="an emergency that is over"),
    ],
)  # fmt: skip
def test_what_does_not_count_is_refused_and_says_why(
    people: People, name: str, changes: dict[str, Any], later: int, reason: Reason
) -> None:
    now = NOW + timedelta(seconds=later)
    decision = decide(asked(), people.policy, [people.signed(name, **changes)], now)
    assert (Outcome.REFUSED, 1, False) == (decision.outcome, decision.missing, decision.final)
    assert [reason] == [refusal.reason for refusal in decision.refusals]
    assert () == decision.counted


def test_what_does_not_count_takes_nothing_from_what_does(people: People) -> None:
    given = [people.signed("anna"), people.signed("ole"), people.signed("erika")]
    decision = decide(asked(), people.policy, given, NOW)
    assert (True, 2, account("erika")) == (decision.granted, len(decision.refusals), decision.by)


@pytest.mark.parametrize("operator", ["", "unbekannt", " "])
def test_who_is_unknown_cannot_be_told_from_a_second_person(people: People, operator: str) -> None:
    decision = decide(asked(operator=operator), people.policy, [people.signed("erika")], NOW)
    assert (False, True) == (decision.granted, decision.final)


def test_an_operator_is_the_same_person_however_the_account_is_written(people: People) -> None:
    decision = decide(
        asked(operator=" Erika@Example.COM"), people.policy, [people.signed("erika")], NOW
    )
    assert [Reason.BY_ONESELF] == [refusal.reason for refusal in decision.refusals]


def test_oneself_is_recognised_under_the_other_name_of_google_mail(people: People) -> None:
    dora = people.policy.approvers[3].model_copy(
        update={"identity": "do.ra@googlemail.com", "runbooks": ["*"]}
    )
    policy = people.policy.model_copy(update={"approvers": [*people.policy.approvers[:3], dora]})
    said = people.envelope("dora", statement("dora", identity="do.ra@googlemail.com"))
    signed = examine(Given("dora.json", said), policy)
    by_dora = decide(asked(operator="Dora@gmail.com"), policy, [signed], NOW)
    assert [Reason.BY_ONESELF] == [refusal.reason for refusal in by_dora.refusals]
    assert decide(asked(), policy, [signed], NOW).granted


def test_a_plan_of_another_environment_is_not_waited_for(people: People) -> None:
    decision = decide(asked(replace(PLAN, environment="staging")), people.policy, [], NOW)
    assert [Reason.PLAN_OF_ANOTHER_ENVIRONMENT] == [one.reason for one in decision.refusals]
    assert decision.final


def test_nobody_waits_for_more_people_than_there_are(people: People) -> None:
    policy = people.policy.model_copy(update={"break_glass": None})
    by_erika = asked(runbook="migrate", operator=account("erika"))
    decision = decide(by_erika, policy, [people.signed("karl", runbook="migrate")], NOW)
    assert [Reason.NOBODY_ABLE] == [one.reason for one in decision.refusals]
    assert decision.final
    assert not decide(by_erika, people.policy, [], NOW).final


def test_breaking_the_glass_needs_no_second_person_and_is_told_apart(people: People) -> None:
    decision = decide(asked(), people.policy, [people.signed("anna", **emergency())], NOW)
    assert (True, True) == (decision.granted, decision.broken_glass)
    assert (account("anna"), EMERGENCY) == (decision.by, decision.counted[0].reason)
    assert NOW + timedelta(minutes=30) == decision.expires_at


def test_a_second_person_makes_an_emergency_an_ordinary_approval(people: People) -> None:
    given = [people.signed("anna", **emergency()), people.signed("erika")]
    decision = decide(asked(), people.policy, given, NOW)
    assert (True, False, account("erika")) == (decision.granted, decision.broken_glass, decision.by)


def test_an_approval_holds_until_too_few_hold(people: People) -> None:
    ends = {"erika": NOW + 3 * HOUR, "karl": NOW + 2 * HOUR}
    for runbook, end in (("migrate", ends["karl"]), ("release", ends["erika"])):
        given = [
            people.signed(name, runbook=runbook, expires_at=until) for name, until in ends.items()
        ]
        assert end == decide(asked(runbook=runbook), people.policy, given, NOW).expires_at


@pytest.mark.parametrize(
    ("used", "outcome"),
    [
        pytest.param(Use(RUN, PLAN.digest), Outcome.GRANTED, id="the same run goes on"),
        pytest.param(Use(RUN, OTHER.digest), Outcome.REFUSED, id="for another plan"),
        pytest.param(Use("another", PLAN.digest), Outcome.REFUSED, id="in another run"),
        pytest.param(Use("", ""), Outcome.REFUSED, id="for nobody knows what"),
    ],
)
def test_a_nonce_is_used_for_one_plan_of_one_run(
    people: People, used: Use, outcome: Outcome
) -> None:
    signed = people.signed("erika", nonce="ab" * 16)
    decision = decide(asked(), people.policy, [signed], NOW, {"ab" * 16: used})
    assert outcome == decision.outcome
    expected = [Reason.REPLAYED] if outcome is Outcome.REFUSED else []
    assert expected == [refusal.reason for refusal in decision.refusals]


def test_two_statements_cannot_share_a_nonce(people: People) -> None:
    given = [people.signed(name, runbook="migrate", nonce="ab" * 16) for name in ("erika", "karl")]
    decision = decide(asked(runbook="migrate"), people.policy, given, NOW)
    assert [Reason.REPLAYED] == [refusal.reason for refusal in decision.refusals]
    assert 1 == decision.missing


@pytest.mark.parametrize(
    ("given", "proven"),
    [
        pytest.param(lambda people: [people.signed("erika")], True, id="approved, and long ago"),
        pytest.param(lambda people: [people.signed("anna")], False, id="by oneself"),
        pytest.param(lambda people: [people.signed("erika", run="another")], False, id="elsewhere"),
        pytest.param(lambda people: [], False, id="never"),
    ],
)
def test_a_way_back_needs_what_was_once_enough(
    people: People, given: Callable[[People], list[Any]], proven: bool
) -> None:
    assert proven == decide_as_given(asked(), people.policy, given(people))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_german_sentence(reason: Reason) -> None:
    refusal = Refusal(reason, "abc.json", account("erika"), "das eine", "das andere")
    assert str(refusal).endswith(".")
    assert "{" not in str(refusal)


def test_a_decision_names_the_statements_that_count_oldest_first(people: People) -> None:
    given = [
        people.signed("karl", runbook="migrate"),
        people.signed("erika", runbook="migrate", at=NOW - HOUR),
    ]
    decision = decide(asked(runbook="migrate"), people.policy, given, NOW - HOUR / 2)
    assert not decision.granted  # Karl's is from the future
    decision = decide(asked(runbook="migrate"), people.policy, given, NOW)
    assert [account("erika"), account("karl")] == [one.identity for one in decision.counted]


def test_the_last_of_a_persons_approvals_counts(people: People) -> None:
    given = [people.signed("erika"), people.signed("erika", expires_at=NOW + 2 * HOUR)]
    decision = decide(asked(), people.policy, given, NOW)
    assert NOW + 2 * HOUR == decision.expires_at
    assert 1 == len(decision.counted)


def test_what_was_not_proven_says_nothing(people: People) -> None:
    unproven = replace(people.signed("erika"), statement=None)
    decision = decide(asked(), people.policy, [unproven], NOW)
    assert [Reason.UNREADABLE] == [refusal.reason for refusal in decision.refusals]
    assert statement("erika").nonce != statement("erika").nonce
