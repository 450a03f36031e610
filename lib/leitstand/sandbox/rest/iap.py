"""iap.v1: who may pass Identity-Aware Proxy to a backend service."""

from __future__ import annotations

from collections.abc import Mapping

from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.iap_names import canonical

__all__ = ["IapPolicies"]


class IapPolicies(Collection):
    """IAM policies of `projects/{number}/iap_web/compute/services/{id}` and of what is above."""

    api = "iap"
    path = "v1"
    full_name = "projects/{project}/iap_web/compute/services/{service}"

    def custom(self) -> Mapping[str, Custom]:
        """The three methods for IAM; a new policy holds from the next request on."""
        methods = self.park.policies.methods(self._resource)

        async def set_policy(call: Call) -> Body:
            policy = await methods["setIamPolicy"](call)
            chain.refresh(self.park)
            return policy

        return {**methods, "setIamPolicy": set_policy}

    def _resource(self, call: Call) -> str:
        return canonical(self.park, call.params["resource"])
