"""All rules together: green over a healthy estate, each with a case in which it is red."""

import re
from collections import Counter

from leitstand.configuration import load_environment
from leitstand.core.hardening import RULES, policy_of
from tests.core.hardening import (
    test_database,
    test_identity,
    test_langfuse,
    test_litellm,
    test_logging,
    test_network,
    test_redis,
    test_secrets,
    test_services,
)
from tests.core.hardening.estate import healthy, red

CASES = (
    test_database,
    test_identity,
    test_langfuse,
    test_litellm,
    test_logging,
    test_network,
    test_redis,
    test_secrets,
    test_services,
)


def test_a_healthy_estate_breaks_no_rule() -> None:
    assert set() == red(healthy())


def test_every_rule_has_a_case_in_which_it_alone_is_red() -> None:
    assert {rule.id for rule in RULES} == {rule for module in CASES for rule, _ in module.RED}


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
