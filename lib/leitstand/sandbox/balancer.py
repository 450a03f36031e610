"""What the load balancer does with a request from outside: who gets in, and to which service.

Pure: the routes come from the resources behind the Compute API (rest/compute/chain.py), the
answers are given by the front door.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

__all__ = [
    "ADDRESS_HEADER",
    "PRINCIPAL_HEADER",
    "Backend",
    "Balancer",
    "Network",
    "Refusal",
    "SourceRule",
    "refusal",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What stands in the sandbox for a sign-in with Google, and for the address a client comes from:
# nobody signs in here, and every client comes from loopback.
PRINCIPAL_HEADER = "X-Sandbox-Iap-Principal"
ADDRESS_HEADER = "X-Sandbox-Client-Address"

_BY_IAP = {"X-Goog-IAP-Generated-Response": "true"}


@dataclass(frozen=True)
class SourceRule:
    """One rule of a Cloud Armor policy that looks at the client's address (`SRC_IPS_V1`).

    Attributes:
        ranges: Where the client must come from for the rule to decide; empty is everywhere.
        status: The answer's HTTP status; 0 lets the request pass.
    """

    ranges: tuple[Network, ...]
    status: int = 0


@dataclass(frozen=True)
class Backend:
    """A backend service: what is behind it and who may reach it.

    Attributes:
        service: Full name of the Cloud Run service; "" where it has no backend.
        tag: The traffic tag it is asked under, or "".
        rules: The rules of its Cloud Armor policy, the first one that matches decides.
        members: Who holds `roles/iap.httpsResourceAccessor`; None where IAP is off.
        certified: Whether the host name has a certificate that is ACTIVE.
    """

    service: str
    tag: str = ""
    rules: tuple[SourceRule, ...] = ()
    members: frozenset[str] | None = None
    certified: bool = True


@dataclass(frozen=True)
class Refusal:
    """The load balancer's own answer.

    Attributes:
        status: HTTP status.
        text: What the client reads.
        headers: Further headers.
        closes: Whether the connection ends with it.
    """

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False


class Balancer:
    """Finds the backend of a request.

    Args:
        routes: Backends by host name and path pattern (`app.example.com/api/*`); a pattern ends
            with `/*` or names one path.
    """

    def __init__(self, routes: Mapping[str, Backend]) -> None:
        self._exact = {key: backend for key, backend in routes.items() if not key.endswith("/*")}
        prefixes = ((key[:-1], backend) for key, backend in routes.items() if key.endswith("/*"))
        # The longest match wins: https://cloud.google.com/load-balancing/docs/url-map-concepts
        self._prefixes = sorted(prefixes, key=_length, reverse=True)

    def find(self, host: str, path: str) -> Backend | None:
        """The backend for a path of a host, or None where no certificate names the host."""
        wanted = host + path
        if wanted in self._exact:
            return self._exact[wanted]
        matching = (backend for prefix, backend in self._prefixes if wanted.startswith(prefix))
        return next(matching, None)


def refusal(host: str, backend: Backend | None, headers: Mapping[str, str]) -> Refusal | None:
    """Why a request is not let in; None if it is.

    In the order of Google's edge: TLS, Cloud Armor, IAP. A client without a valid certificate
    would not get beyond the TLS handshake; over plain HTTP that is answered with 525 and the end
    of the connection.
    """
    if backend is None or not backend.certified:
        text = f"SSL handshake failed: the load balancer has no ACTIVE certificate for '{host}'."
        return Refusal(525, text, closes=True)
    status = _armor(backend.rules, headers.get(ADDRESS_HEADER, "127.0.0.1"))
    if status:
        return Refusal(status, f"{status} {HTTPStatus(status).phrase}")
    if backend.members is not None:
        names = _names(headers.get(PRINCIPAL_HEADER, ""))
        if not names:
            return Refusal(401, "Invalid IAP credentials: empty token", _BY_IAP)
        if not backend.members & names:
            return Refusal(403, "You don't have access.", _BY_IAP)
    if not backend.service:
        return Refusal(503, "no healthy upstream")
    return None


def _armor(rules: Iterable[SourceRule], text: str) -> int:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return 400
    for rule in rules:
        if not rule.ranges or any(address in network for network in rule.ranges):
            return rule.status
    return 0


def _names(principal: str) -> set[str]:
    """All members that the principal counts as: itself, its groups, its domain, everybody."""
    given = {part.strip() for part in principal.split(",") if part.strip()}
    domains = {f"domain:{name.partition('@')[2]}" for name in given if name.startswith("user:")}
    return given | domains | {"allUsers", "allAuthenticatedUsers"} if given else set()


def _length(entry: tuple[str, Backend]) -> int:
    return len(entry[0])
