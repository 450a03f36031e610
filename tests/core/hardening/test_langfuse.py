"""Each rule of Langfuse goes red alone when the one thing it looks at is changed."""

from dataclasses import replace

import pytest

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import chosen, red, with_variable


def _rate(value: str) -> Estate:
    return with_variable("run.services/web", {"name": "LANGFUSE_SAMPLE_RATE", "value": value})


def _by_tenant(value: str) -> Estate:
    variable = {"name": "LANGFUSE_SAMPLE_RATE_BY_TENANT", "value": value}
    return with_variable("run.services/web", variable)


RED: list[tuple[str, Estate]] = [
    (
        "langfuse-keys-from-secret-manager",
        with_variable("run.services/web", {"name": "LANGFUSE_PUBLIC_KEY", "value": "pk-lf-1"}),
    ),
    ("langfuse-sampling", _rate("0.2")),
    ("langfuse-sampling", _rate("")),
    ("langfuse-sampling", _by_tenant('{"acme": 0.5}')),
    ("langfuse-sampling", _by_tenant("everything")),
    (
        "langfuse-masking-on",
        with_variable("run.services/worker", {"name": "LANGFUSE_MASKING", "value": "false"}),
    ),
]


@pytest.mark.parametrize(("rule", "estate"), RED, ids=[f"{n}-{r}" for n, (r, _) in enumerate(RED)])
def test_exactly_this_rule_goes_red(rule: str, estate: Estate) -> None:
    assert {rule} == red(estate)


def test_a_documented_tenant_may_be_recorded_more() -> None:
    estate = _by_tenant('{"acme": 0.5}')
    policy = chosen(tenant_sampling={"acme": 0.5}).policy
    assert set() == red(replace(estate, policy=policy))
