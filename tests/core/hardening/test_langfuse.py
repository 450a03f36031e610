"""Rules of Langfuse: where each alone goes red, for ``test_rules``, and where none does."""

from dataclasses import replace

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


def test_a_documented_tenant_may_be_recorded_more() -> None:
    estate = _by_tenant('{"acme": 0.5}')
    policy = chosen(tenant_sampling={"acme": 0.5}).policy
    assert set() == red(replace(estate, policy=policy))
