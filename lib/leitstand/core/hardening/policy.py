"""What an environment file says about names and choices, as the rules need it."""

from leitstand.core.environment import Environment
from leitstand.core.hardening.estate import Policy

__all__ = ["policy_of"]

_PIPELINE = "pipeline"


def policy_of(environment: Environment) -> Policy:
    """Return the policy of an environment; thresholds come from the rules, not from here."""
    balancer = environment.load_balancer
    return Policy(
        domain=balancer.domain,
        gui_domain=balancer.gui_domain if environment.litellm.access == "iap_group" else "",
        repository=environment.artifact_registry.repository,
        pipeline=f"{_PIPELINE}@{environment.project}.iam.gserviceaccount.com",
        litellm_access=environment.litellm.access,
        snapshot_export=environment.memorystore.snapshot_export,
        tenant_sampling=environment.langfuse.sampling_rate_by_tenant,
    )
