"""All rules together: green over a healthy estate, each with a case in which it is red."""

import importlib
import re
from collections import Counter

import pytest

from leitstand.configuration import load_environment
from leitstand.core.hardening import RULES, Estate, policy_of
from tests.core.hardening.estate import healthy, red

AREAS = dict.fromkeys(rule.look.__module__.rpartition(".")[2] for rule in RULES)
CASES: dict[str, list[tuple[str, Estate]]] = {
    area: importlib.import_module(f"tests.core.hardening.test_{area}").RED for area in AREAS
}


def test_a_healthy_estate_breaks_no_rule() -> None:
    assert set() == red(healthy())


def test_every_rule_has_a_case_in_which_it_alone_is_red() -> None:
    assert {rule.id for rule in RULES} == {rule for cases in CASES.values() for rule, _ in cases}


@pytest.mark.parametrize(
    ("rule", "estate"),
    [
        pytest.param(rule, estate, id=f"{area}-{number}-{rule}")
        for area, cases in CASES.items()
        for number, (rule, estate) in enumerate(cases)
    ],
)
def test_exactly_this_rule_goes_red(rule: str, estate: Estate) -> None:
    assert {rule} == red(estate)


def test_ids_are_unique_and_readable() -> None:
    counted = Counter(rule.id for rule in RULES)
    assert [] == [name for name, count in counted.items() if count > 1]
    assert [] == [name for name in counted if not re.fullmatch(r"[a-z]+(-[a-z]+)+", name)]


def test_every_rule_says_what_why_and_where_from() -> None:
    for rule in RULES:
        assert rule.title
        assert not rule.title.endswith(".")
        assert rule.why.endswith(".")
        assert rule.source.startswith(("Produktion, ", "Google Cloud, "))


def test_the_policy_is_read_from_the_environment_file() -> None:
    policy = policy_of(load_environment("prod"))
    assert ("app.example.com", "llm.example.com") == policy.domains
    assert "pipeline@leitstand-prod.iam.gserviceaccount.com" == policy.pipeline


def test_what_an_environment_excuses_are_rules_that_exist() -> None:
    known = {rule.id for rule in RULES}
    for name in ("sandbox", "staging", "prod"):
        excused = {rule for entry in load_environment(name).deviations for rule in entry.excuses}
        assert set() == excused - known
