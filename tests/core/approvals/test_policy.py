"""What an environment may say about approvals."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from leitstand.configuration import load_environment
from leitstand.core.approvals.policy import ApprovalPolicy, same_identity
from tests.fixtures.approving import People, account

PRODUCTION = Path(__file__).resolve().parents[3] / "config/environments/prod.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return People.met(tmp_path_factory.mktemp("keys")).policy.model_dump(mode="json")


def test_a_policy_is_the_same_after_it_was_written_down(data: dict[str, Any]) -> None:
    policy = ApprovalPolicy.model_validate(data)
    assert data == policy.model_dump(mode="json")
    assert (1, 2) == (policy.needed_of("release"), policy.needed_of("migrate"))
    able = [one.identity for one in policy.able("scale", account("karl"))]
    assert [account("erika"), account("dora")] == able


def test_the_example_for_production_becomes_a_policy_once_the_keys_are_filled_in(
    data: dict[str, Any],
) -> None:
    lines = PRODUCTION.read_text("utf-8").splitlines()
    begin = lines.index("# approvals:")
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("#"))
    example = "\n".join(line.removeprefix("# ") for line in lines[begin:end])
    with pytest.raises(ValidationError, match="public_key"):
        ApprovalPolicy.model_validate(yaml.safe_load(example)["approvals"])
    for approver in data["approvers"]:
        example = example.replace("MCowBQYDK2VwAyEA…", approver["public_key"], 1)
    policy = ApprovalPolicy.model_validate(yaml.safe_load(example)["approvals"])
    assert (1, 2) == (policy.needed_of("release"), policy.needed_of("migrate"))
    assert load_environment("prod").approvals is None


def test_every_rule_is_part_of_its_digest(data: dict[str, Any]) -> None:
    changed = {**data, "needed": 2}
    digests = [ApprovalPolicy.model_validate(one).digest for one in (data, dict(data), changed)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"needed": 0}, "needed", id="nobody is needed"),
        pytest.param({"needed_for": {"release": 3}}, "needs 3 approvals", id="more than there are"),
        pytest.param({"approvers": []}, "approvers", id="nobody may"),
        pytest.param({"valid_for": 0}, "valid_for", id="no time"),
        pytest.param({"directory": "approvals"}, "directory", id="a relative directory"),
        pytest.param({"surprise": 1}, "surprise", id="an unknown key"),
        pytest.param(
            {"break_glass": {"identities": [account("ole")], "runbooks": ["*"], "valid_for": 60}},
            "has no key", id="a stranger breaks glass",
        ),
    ],
)  # fmt: skip
def test_what_cannot_hold_is_refused(
    data: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        ApprovalPolicy.model_validate({**data, **change})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"public_key": "kein Base64"}, "no base64", id="no base64"),
        pytest.param({"public_key": "YWJj"}, "no Ed25519 key", id="too short"),
        pytest.param({"identity": "Erika"}, "identity", id="no account"),
        pytest.param({"identity": "ANNA@example.com"}, "same identity", id="a person twice"),
        pytest.param({"runbooks": ["Release!"]}, "runbooks", id="no runbook"),
    ],
)
def test_an_approver_is_one_account_with_one_key(
    data: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    first, second, *others = data["approvers"]
    changed = {**data, "approvers": [first, {**second, **change}, *others]}
    with pytest.raises(ValidationError, match=problem):
        ApprovalPolicy.model_validate(changed)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("Anna@Example.com", " anna@example.COM ", True, id="case and blanks"),
        pytest.param("ａnna@example.com", "anna@example.com", True, id="width"),
        pytest.param("anna@googlemail.com", "anna@gmail.com", True, id="both of Google's domains"),
        pytest.param("an.na@gmail.com", "anna@googlemail.com", True, id="dots"),
        pytest.param("anna+ops@gmail.com", "anna@gmail.com", True, id="what follows a plus"),
        pytest.param("an.na@example.com", "anna@example.com", False, id="dots elsewhere"),
        pytest.param("anna@example.com", "anna@example.org", False, id="another domain"),
        pytest.param("root", "root", True, id="an account of the machine"),
    ],
)
def test_a_person_is_the_same_however_the_account_is_written(
    one: str, other: str, *, same: bool
) -> None:
    assert same == same_identity(one, other)


def test_two_accounts_cannot_share_a_key(data: dict[str, Any]) -> None:
    first, second, *others = data["approvers"]
    shared = {**second, "public_key": first["public_key"]}
    with pytest.raises(ValidationError, match="same public_key"):
        ApprovalPolicy.model_validate({**data, "approvers": [first, shared, *others]})
