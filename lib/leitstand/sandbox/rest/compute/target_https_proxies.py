"""compute.targetHttpsProxies: where TLS ends, and which URL map decides then."""

from __future__ import annotations

from collections.abc import Mapping

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.compute.refusals import invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["TargetHttpsProxies"]

_MOST_CERTIFICATES = 15


class TargetHttpsProxies(Resource):
    """HTTPS proxies with certificates of Compute Engine."""

    path = "targetHttpsProxies"
    full_name = "projects/{project}/global/targetHttpsProxies/{targetHttpsProxy}"
    kind = "compute#targetHttpsProxy"
    immutable = ("name", "description")
    versioned = "fingerprint"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """It has a URL map, and 1 to 15 certificates."""
        for field in ("certificateMap", "serverTlsPolicy", "sslPolicy"):
            if field in body:
                raise unimplemented(f"{field} of target HTTPS proxies")
        for field in ("urlMap", "sslCertificates"):
            if not body.get(field):
                raise required(field)
        if len(body["sslCertificates"]) > _MOST_CERTIFICATES:
            why = f"At most {_MOST_CERTIFICATES} SSL certificates are allowed."
            raise invalid_value("sslCertificates", len(body["sslCertificates"]), why)
        super().check(name, body, before)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Defaults."""
        super().complete(name, body, before)
        body.setdefault("quicOverride", "NONE")
        body.setdefault("tlsEarlyData", "DISABLED")

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The public listener answers accordingly."""
        self.table[name] = body
        chain.refresh(self.park)

    def custom(self) -> Mapping[str, Custom]:
        """Another URL map, other certificates."""
        return {
            "setUrlMap": self._set("urlMap"),
            "setSslCertificates": self._set("sslCertificates"),
        }

    def _set(self, field: str) -> Custom:
        async def change(call: Call) -> Body:
            # The paths of these two methods lack "global", so the call has no name.
            project, proxy = call.params["project"], call.params["targetHttpsProxy"]
            name = f"projects/{project}/global/targetHttpsProxies/{proxy}"
            return await self.change(name, {field: call.body.get(field)})

        return change
