"""Which runbooks an account could run, and what it lacks."""

from pathlib import Path

import pytest

from leitstand.core.doctor.answers import Answer, SignIn, Unreached
from leitstand.core.doctor.needs import NEEDS, ROLES, Need, permissions_of
from leitstand.core.doctor.people import judge_approvals, judge_sign_in
from leitstand.core.doctor.rights import judge_project, judge_rights, judge_secrets
from leitstand.core.doctor.target import Target

ROOT = Path(__file__).resolve().parents[3]
STAGING = Target("staging", "a-project", "europe-west3")
TWO = {
    "look": Need(frozenset({"run.services.get"})),
    "do": Need(frozenset({"run.services.update"})),
}


def test_every_runbook_says_what_it_needs() -> None:
    assert {path.stem for path in (ROOT / "runbooks").glob("*.ipynb")} == set(NEEDS)


def test_every_permission_is_asked_in_one_request_and_has_a_role_that_holds_it() -> None:
    assert len(permissions_of()) <= 100
    assert {one.partition(".")[0] for one in permissions_of()} <= set(ROLES)


@pytest.mark.parametrize(
    ("held", "state", "words"),
    [
        (["run.services.get", "run.services.update"], "good", "für alle 2 Runbooks"),
        (["run.services.get"], "warn", "reichen nicht für do; es fehlt run.services.update"),
        ([], "bad", "für kein Runbook"),
    ],
)
def test_missing_permissions_name_the_runbooks_that_they_bar(
    held: list[str], state: str, words: str
) -> None:
    finding = judge_rights(Answer(200, {"permissions": held}), TWO)
    assert finding is not None
    assert (state, words) == (finding.state, finding.detail)
    assert ("roles/run.developer" in finding.advice) == (state != "good")


def test_rights_that_could_not_be_asked_are_no_reason_to_stop() -> None:
    refused = Answer(400, {"error": {"message": "Permission x is not valid."}})
    finding = judge_rights(refused)
    assert finding is not None
    assert ("warn", "nicht prüfbar: Permission x is not valid") == (finding.state, finding.detail)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(200), "good", "a-project"),
        (Answer(403), "bad", "kein Zugriff, oder es gibt das Projekt nicht"),
        (Answer(404), "bad", "kein Zugriff, oder es gibt das Projekt nicht"),
        (Unreached("kein Weg dorthin"), "bad", "kein Weg dorthin"),
    ],
)
def test_a_project_that_cannot_be_reached_is_told_from_one_without_access(
    answer: Answer | Unreached, state: str, words: str
) -> None:
    finding = judge_project(STAGING, answer)
    assert state == finding.state
    assert finding.detail.endswith(words)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(200, {"permissions": ["secretmanager.versions.access"]}), "good", "lesbar: a"),
        (Answer(200), "warn", "nicht lesbar: a"),
        (Answer(403), "warn", "nicht lesbar: a"),
        (Answer(404), "warn", "a gibt es nicht"),
        (Unreached("x"), "warn", "keine Antwort zu a"),
    ],
)
def test_secrets_are_asked_about_and_never_read(
    answer: Answer | Unreached, state: str, words: str
) -> None:
    finding = judge_secrets({"a": answer})
    assert finding is not None
    assert (state, words) == (finding.state, finding.detail)


@pytest.mark.parametrize(
    ("signed", "state", "words"),
    [
        (SignIn("authorized_user", "erika@example.com"), "good", "erika@example.com (Person)"),
        (SignIn("authorized_user"), "warn", "gilt, das Konto ist unbekannt (Person)"),
        (SignIn(problem="none"), "bad", "keine gefunden"),
        (SignIn(problem="unreadable", detail="/a.json"), "bad", "/a.json ist keine Anmeldung"),
        (
            SignIn("service_account", problem="refused", detail="invalid_grant"),
            "bad",
            "abgelaufen oder widerrufen (Dienstkonto): invalid_grant",
        ),
        (
            SignIn("service_account", problem="unreached", detail="kein Weg dorthin"),
            "bad",
            "vorhanden (Dienstkonto), Google: kein Weg dorthin",
        ),
    ],
)
def test_the_sign_in_says_who_and_why_not(signed: SignIn, state: str, words: str) -> None:
    finding = judge_sign_in(signed)
    assert (state, words) == (finding.state, finding.detail)


APPROVERS = [{"identity": "erika@example.com"}, {"identity": "karl@example.com"}]


@pytest.mark.parametrize(
    ("policy", "operator", "state"),
    [
        (None, "", "bad"),
        ({"approvers": APPROVERS}, "", "good"),
        ({"approvers": APPROVERS[:1]}, "Erika@example.com", "bad"),
        ({"approvers": APPROVERS}, "erika@example.com", "good"),
        ({"approvers": APPROVERS, "needed_for": {"migrate": 2}}, "erika@example.com", "bad"),
    ],
)
def test_enough_others_than_the_operator_must_be_able_to_approve(
    policy: dict[str, object] | None, operator: str, state: str
) -> None:
    target = Target("prod", "a", "b", second_person=True, approvals=policy)
    finding = judge_approvals(target, operator)
    assert finding is not None
    assert state == finding.state
    assert judge_approvals(Target("staging", "a", "b", approvals=policy), operator) is None
