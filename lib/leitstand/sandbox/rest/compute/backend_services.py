"""compute.backendServices: what the load balancer does before a Cloud Run service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.compute.refusals import invalid_value
from leitstand.sandbox.rest.compute.resource import Resource
from leitstand.sandbox.rest.iap_names import iap_resource

__all__ = ["BackendServices"]

# https://cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts#limitations
_UNFIT = {
    "healthChecks": "A backend service cannot have a healthcheck with Serverless network endpoint "
    "group backends.",
    "portName": "Port name is not supported for a backend service with Serverless network endpoint "
    "groups.",
    "timeoutSec": "Timeout sec is not supported for a backend service with Serverless network "
    "endpoint groups.",
}
_DEFAULT_TIMEOUT = 30


class BackendServices(Resource):
    """Backend services over serverless network endpoint groups, with IAP and Cloud Armor."""

    path = "backendServices"
    full_name = "projects/{project}/global/backendServices/{backendService}"
    kind = "compute#backendService"
    immutable = ("name", "loadBalancingScheme")
    versioned = "fingerprint"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """What a serverless backend cannot have is refused; so is IAP beside Cloud CDN."""
        scheme = body.get("loadBalancingScheme", "EXTERNAL")
        if scheme not in ("EXTERNAL", "EXTERNAL_MANAGED"):
            raise unimplemented(f"global backend services of the scheme {scheme}")
        super().check(name, body, before)
        backends = body.get("backends", ())
        if backends:
            self._check_serverless(body)
        regions = set()
        for index, backend in enumerate(backends):
            region = backend.get("group", "").rpartition("/networkEndpointGroups/")[0]
            if region in regions:
                why = "At most one serverless network endpoint group per region is allowed."
                raise invalid_value(f"backends[{index}].group", backend["group"], why)
            regions.add(region)
        iap = body.get("iap", {})
        if iap.get("enabled") and body.get("enableCDN"):
            raise invalid_value("iap", "", "IAP and Cloud CDN cannot be enabled together.")
        rate = float(body.get("logConfig", {}).get("sampleRate", 1.0))
        if not 0.0 <= rate <= 1.0:
            raise invalid_value("logConfig.sampleRate", rate, "Must be between 0.0 and 1.0.")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Defaults; the OAuth secret is kept as its hash only.

        The security policy is an output here: it is set by setSecurityPolicy.
        """
        body.pop("securityPolicy", None)
        if before and before.get("securityPolicy"):
            body["securityPolicy"] = before["securityPolicy"]
        super().complete(name, body, before)
        body.setdefault("loadBalancingScheme", "EXTERNAL")
        body.setdefault("protocol", "HTTP")
        body.setdefault("sessionAffinity", "NONE")
        body.setdefault("timeoutSec", _DEFAULT_TIMEOUT)
        body.setdefault("enableCDN", False)
        body.setdefault("connectionDraining", {"drainingTimeoutSec": 0})
        for backend in body.get("backends", ()):
            backend.setdefault("balancingMode", "UTILIZATION")
            backend.setdefault("capacityScaler", 1.0)
        if body.get("logConfig", {}).get("enable"):
            body["logConfig"].setdefault("sampleRate", 1.0)
        iap = body.get("iap", {})
        if secret := iap.pop("oauth2ClientSecret", ""):
            iap["oauth2ClientSecretSha256"] = hashlib.sha256(secret.encode()).hexdigest()

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The public listener answers accordingly."""
        self.table[name] = body
        chain.refresh(self.park)

    async def remove(self, name: str, body: Body) -> None:
        """Its policy of IAP goes with it."""
        await super().remove(name, body)
        self.park.policies.forget(iap_resource(name, body))

    def custom(self) -> Mapping[str, Custom]:
        """The Cloud Armor policy."""
        return {"setSecurityPolicy": self._set_security_policy}

    async def _set_security_policy(self, call: Call) -> Body:
        body = self.existing(call.name)
        given = call.body.get("securityPolicy", "")
        changed = {**body, "securityPolicy": given}
        self.check(call.name, changed, body)
        # `complete` keeps the policy that was there before.
        self.table[call.name] = changed
        return await self.change(call.name, {})

    @staticmethod
    def _check_serverless(body: Body) -> None:
        for field, why in _UNFIT.items():
            value = body.get(field)
            if value and not (field == "timeoutSec" and int(value) == _DEFAULT_TIMEOUT):
                shown = "" if field == "healthChecks" else value
                raise invalid_value(field, shown, why)
