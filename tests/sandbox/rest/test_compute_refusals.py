"""What the Compute Engine API refuses, the sandbox refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.rest.asking import (
    BACKEND,
    CERTIFICATE,
    GLOBAL,
    GROUP,
    NETWORK,
    REGIONAL,
    RULE,
    SERVICE,
    SUBNETWORK,
    Asking,
    Refused,
    url_of,
)

REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a name with capitals": ("networks", GLOBAL, {**NETWORK, "name": "Main"}, "invalid"),
    "a legacy network": ("networks", GLOBAL, {"name": "old"}, "invalid"),
    "a network twice": ("networks", GLOBAL, NETWORK, "alreadyExists"),
    "a subnetwork of no network": (
        "subnetworks",
        REGIONAL,
        {**SUBNETWORK, "name": "x", "network": "global/networks/none"},
        "invalid",
    ),
    "a subnetwork that overlaps": (
        "subnetworks",
        REGIONAL,
        {**SUBNETWORK, "name": "x", "ipCidrRange": "10.20.3.0/24"},
        "invalid",
    ),
    "a range with host bits": (
        "subnetworks",
        REGIONAL,
        {**SUBNETWORK, "name": "x", "ipCidrRange": "10.30.0.1/24"},
        "invalid",
    ),
    "a prohibited range": (
        "subnetworks",
        REGIONAL,
        {**SUBNETWORK, "name": "x", "ipCidrRange": "169.254.0.0/24"},
        "invalid",
    ),
    "an endpoint group of machines": (
        "networkEndpointGroups",
        REGIONAL,
        {**GROUP, "name": "x", "networkEndpointType": "GCE_VM_IP_PORT"},
        "notImplemented",
    ),
    "a health check before a serverless group": (
        "backendServices",
        GLOBAL,
        {**SERVICE, "name": "x", "healthChecks": [url_of("healthChecks/web")]},
        "invalid",
    ),
    "a timeout before a serverless group": (
        "backendServices",
        GLOBAL,
        {**SERVICE, "name": "x", "timeoutSec": 120},
        "invalid",
    ),
    "a backend that is not there": (
        "backendServices",
        GLOBAL,
        {**SERVICE, "name": "x", "backends": [{"group": f"{BACKEND['group']}-2"}]},
        "invalid",
    ),
    "a host rule without its path matcher": (
        "urlMaps",
        GLOBAL,
        {
            "name": "x",
            "defaultService": url_of("backendServices/web"),
            "hostRules": [{"hosts": ["a.example.com"], "pathMatcher": "none"}],
        },
        "invalid",
    ),
    "a URL map whose test fails": (
        "urlMaps",
        GLOBAL,
        {
            "name": "x",
            "defaultService": url_of("backendServices/web"),
            "tests": [
                {"host": "a.example.com", "path": "/", "service": url_of("backendServices/b")}
            ],
        },
        "invalid",
    ),
    "a proxy without a certificate": (
        "targetHttpsProxies",
        GLOBAL,
        {"name": "x", "urlMap": "global/urlMaps/main"},
        "required",
    ),
    "a certificate for a wildcard": (
        "sslCertificates",
        GLOBAL,
        {**CERTIFICATE, "name": "x", "managed": {"domains": ["*.example.com"]}},
        "invalid",
    ),
    "a rule of another scheme than its backend": (
        "forwardingRules",
        GLOBAL,
        {**RULE, "name": "x", "loadBalancingScheme": "EXTERNAL"},
        "invalid",
    ),
    "a second rule at one address and port": (
        "forwardingRules",
        GLOBAL,
        {**RULE, "name": "x"},
        "invalid",
    ),
    "an action that Cloud Armor has not": (
        "securityPolicies",
        GLOBAL,
        {
            "name": "x",
            "rules": [
                {"priority": 1, "action": "deny(500)", "match": {"versionedExpr": "SRC_IPS_V1"}}
            ],
        },
        "invalid",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_google_refuses_is_refused(made: Asking, case: str) -> None:
    path, scope, body, reason = REFUSED[case]

    with pytest.raises(Refused) as refused:
        made("POST", f"{scope}/{path}", body)

    assert reason == refused.value.reason
