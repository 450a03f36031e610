"""compute.sslCertificates: certificates that Google gets and renews itself."""

from __future__ import annotations

import re

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.compute.refusals import invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["SslCertificates"]

_DOMAIN = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?\.?")
_MOST_DOMAINS = 100


class SslCertificates(Resource):
    """Managed certificates: PROVISIONING until every domain leads to the load balancer."""

    path = "sslCertificates"
    full_name = "projects/{project}/global/sslCertificates/{sslCertificate}"
    kind = "compute#sslCertificate"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """1 to 100 domains, none with a wildcard."""
        super().check(name, body, before)
        if body.get("type", "SELF_MANAGED") != "MANAGED":
            raise unimplemented("SSL certificates that are not managed by Google")
        domains = body.get("managed", {}).get("domains")
        if not domains:
            raise required("managed.domains")
        if len(domains) > _MOST_DOMAINS:
            why = f"At most {_MOST_DOMAINS} domains are allowed."
            raise invalid_value("managed.domains", len(domains), why)
        for index, domain in enumerate(domains):
            if not _DOMAIN.fullmatch(domain):
                why = "A managed certificate needs a domain name without a wildcard."
                raise invalid_value(f"managed.domains[{index}]", domain, why)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """It begins without a certificate."""
        super().complete(name, body, before)
        if before is None:
            managed = body["managed"]
            managed["status"] = "PROVISIONING"
            managed["domainStatus"] = dict.fromkeys(managed["domains"], "PROVISIONING")

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """Provisioning begins; it ends when the domains are visible (chain.refresh)."""
        self.table[name] = body
        chain.refresh(self.park)
