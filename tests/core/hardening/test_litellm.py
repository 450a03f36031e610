"""Rules of LiteLLM: where each alone goes red, for ``test_rules``, and where none does."""

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import changed, chosen, red, with_variable

RED: list[tuple[str, Estate]] = [
    ("litellm-access-limited", changed("compute.backendServices/litellm-gui", "iap", {})),
    ("iap-groups-only", changed("iap.policy/litellm-gui", "bindings.0.members", ["allUsers"])),
    ("iap-groups-only", changed("iap.policy/litellm-gui", "bindings", [])),
    ("iap-in-one-place", changed("run.services/litellm", "iapEnabled", True)),
    (
        "litellm-logs-requests",
        changed("compute.backendServices/litellm-gui", "logConfig.enable", False),
    ),
    (
        "litellm-logs-requests",
        with_variable("run.services/litellm", {"name": "LITELLM_LOG_REQUESTS", "value": "false"}),
    ),
    (
        "litellm-rate-limited",
        with_variable("run.services/litellm", {"name": "AI_CORE_RATE_LIMIT_QUOTA"}),
    ),
]


def test_inside_the_vpc_only_no_backend_may_lead_to_litellm() -> None:
    assert {"litellm-access-limited"} == red(chosen(litellm_access="vpc_only"))
