"""The kinds of the Compute Engine API: what they accept, refuse and fill in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.rest.asking import (
    BACKEND,
    GLOBAL,
    LINKS,
    NETWORK,
    PROJECT_NAME,
    REGIONAL,
    SERVICE,
    SUBNETWORK,
    Asking,
    Refused,
    asking,
    make,
    url_of,
)


def test_a_reference_becomes_the_selflink_whatever_form_it_had(made: Asking) -> None:
    rule = made("GET", f"{GLOBAL}/forwardingRules/main")
    address = made("GET", f"{GLOBAL}/addresses/web")
    service = made("GET", f"{GLOBAL}/backendServices/web")

    assert url_of("targetHttpsProxies/main") == rule["target"]
    assert address["address"] == rule["IPAddress"]
    assert [rule["selfLink"]] == address["users"]
    assert f"{LINKS}/{BACKEND['group']}" == service["backends"][0]["group"]


USED = (
    f"{GLOBAL}/networks/main",
    f"{REGIONAL}/networkEndpointGroups/web",
    f"{GLOBAL}/backendServices/web",
    f"{GLOBAL}/urlMaps/main",
    f"{GLOBAL}/sslCertificates/main",
    f"{GLOBAL}/targetHttpsProxies/main",
    f"{GLOBAL}/addresses/web",
)


@pytest.mark.parametrize("name", USED)
def test_what_another_resource_names_cannot_be_deleted(made: Asking, name: str) -> None:
    with pytest.raises(Refused) as refused:
        made("DELETE", name)

    assert (400, "resourceInUseByAnotherResource") == (refused.value.status, refused.value.reason)


def test_all_of_it_can_be_taken_down_from_the_front(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        make(ask)
        for name in (
            f"{GLOBAL}/forwardingRules/main",
            f"{GLOBAL}/targetHttpsProxies/main",
            f"{GLOBAL}/sslCertificates/main",
            f"{GLOBAL}/urlMaps/main",
            f"{GLOBAL}/backendServices/web",
            f"{REGIONAL}/networkEndpointGroups/web",
            f"{GLOBAL}/securityPolicies/armor",
            f"{GLOBAL}/addresses/web",
            f"{REGIONAL}/subnetworks/services",
            f"{GLOBAL}/networks/main",
        ):
            ask("DELETE", name)

        assert {} == {k: n for k, n in ask.park.counts().items() if k.startswith("compute") and n}
        assert {} == ask.routes


def test_a_range_for_private_services_keeps_clear_of_the_subnetworks(made: Asking) -> None:
    body = {
        "name": "private-services",
        "addressType": "INTERNAL",
        "purpose": "VPC_PEERING",
        "prefixLength": 16,
        "network": url_of("networks/main"),
    }
    made("POST", f"{GLOBAL}/addresses", body)
    address = made("GET", f"{GLOBAL}/addresses/private-services")

    assert ("10.0.0.0", "RESERVED") == (address["address"], address["status"])
    with pytest.raises(Refused, match="conflicts with allocated range 'private-services'"):
        made(
            "POST",
            f"{REGIONAL}/subnetworks",
            {**SUBNETWORK, "name": "x", "ipCidrRange": "10.0.4.0/24"},
        )


def test_a_range_can_only_get_wider(made: Asking) -> None:
    body = {**SUBNETWORK, "name": "wide", "ipCidrRange": "10.40.4.0/24"}
    made("POST", f"{REGIONAL}/subnetworks", body)
    expand = f"{REGIONAL}/subnetworks/wide/expandIpCidrRange"
    for text in ("10.40.4.0/25", "10.41.0.0/16", "10.40.4.0/24"):
        with pytest.raises(Refused):
            made("POST", expand, {"ipCidrRange": text})
    made("POST", expand, {"ipCidrRange": "10.40.0.0/20"})

    assert "10.40.0.1" == made("GET", f"{REGIONAL}/subnetworks/wide")["gatewayAddress"]


def test_a_change_based_on_an_old_fingerprint_is_refused(made: Asking) -> None:
    url = f"{GLOBAL}/backendServices/web"
    old = made("GET", url)["fingerprint"]
    change = {"fingerprint": old, "logConfig": {"enable": True}}
    made("PATCH", url, change)

    with pytest.raises(Refused) as refused:
        made("PATCH", url, change)
    assert (412, "conditionNotMet") == (refused.value.status, refused.value.reason)
    assert {"enable": True, "sampleRate": 1.0} == made("GET", url)["logConfig"]


def test_a_reference_may_be_sent_back_in_another_form_but_not_changed(made: Asking) -> None:
    url = f"{REGIONAL}/subnetworks/services"
    made("PATCH", url, {"network": "global/networks/main", "enableFlowLogs": True})
    made("POST", f"{GLOBAL}/networks", {**NETWORK, "name": "other"})

    with pytest.raises(Refused, match="network"):
        made("PATCH", url, {"network": "global/networks/other"})


def test_a_kind_without_patch_cannot_be_changed(made: Asking) -> None:
    with pytest.raises(Refused) as refused:
        made("PATCH", f"{REGIONAL}/networkEndpointGroups/web", {"cloudRun": {"service": "b"}})

    assert 404 == refused.value.status


def test_the_security_policy_of_a_backend_is_set_by_its_own_method_only(made: Asking) -> None:
    url = f"{GLOBAL}/backendServices/web"
    policy = {"securityPolicy": url_of("securityPolicies/armor")}
    made("PATCH", url, policy)
    before = made("GET", url).get("securityPolicy")
    made("POST", f"{url}/setSecurityPolicy", policy)
    made("PATCH", url, {"description": "bleibt"})

    assert (None, policy["securityPolicy"]) == (before, made("GET", url)["securityPolicy"])
    with pytest.raises(Refused, match="already being used"):
        made("DELETE", f"{GLOBAL}/securityPolicies/armor")
    made("POST", f"{url}/setSecurityPolicy", {})
    assert "securityPolicy" not in made("GET", url)


OWN_METHODS = (
    f"{GLOBAL}/addresses/none/setLabels",
    f"{GLOBAL}/forwardingRules/none/setTarget",
    f"{GLOBAL}/backendServices/none/setSecurityPolicy",
    f"{REGIONAL}/subnetworks/none/setPrivateIpGoogleAccess",
    f"{GLOBAL}/securityPolicies/none/removeRule",
)


@pytest.mark.parametrize("url", OWN_METHODS)
def test_a_method_of_a_kinds_own_does_not_find_what_is_not_there(made: Asking, url: str) -> None:
    with pytest.raises(Refused) as refused:
        made("POST", url, None if url.endswith("removeRule") else {})

    assert (404, "notFound") == (refused.value.status, refused.value.reason)


def test_rules_of_cloud_armor_are_changed_one_by_one(made: Asking) -> None:
    url = f"{GLOBAL}/securityPolicies/armor"
    rule = {
        "priority": 100,
        "action": "deny(403)",
        "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["192.0.2.0/24"]}},
    }
    made("POST", f"{url}/addRule", rule)
    made("POST", f"{url}/patchRule?priority=100", {"action": "deny(404)"})

    assert [100, 2147483647] == [one["priority"] for one in made("GET", url)["rules"]]
    assert "deny(404)" == made("GET", f"{url}/getRule?priority=100")["action"]
    with pytest.raises(Refused, match="addRule"):
        made("PATCH", url, {"rules": [rule]})
    made("POST", f"{url}/removeRule?priority=100")
    with pytest.raises(Refused, match="default rule"):
        made("POST", f"{url}/removeRule?priority=2147483647")


def test_a_psc_endpoint_needs_an_internal_address_of_its_network(made: Asking) -> None:
    attachment = "projects/tenant/regions/europe-west3/serviceAttachments/sql"
    rule = {"name": "sql", "network": "global/networks/main", "target": attachment}
    with pytest.raises(Refused, match="IPAddress"):
        made("POST", f"{REGIONAL}/forwardingRules", rule)
    made("POST", f"{REGIONAL}/addresses", {"name": "outside"})
    outside = f"{PROJECT_NAME}/regions/europe-west3/addresses/outside"
    with pytest.raises(Refused, match="must be internal"):
        made("POST", f"{REGIONAL}/forwardingRules", {**rule, "IPAddress": outside})
    subnetwork = f"{PROJECT_NAME}/regions/europe-west3/subnetworks/services"
    address = {"name": "sql", "addressType": "INTERNAL", "subnetwork": subnetwork}
    made("POST", f"{REGIONAL}/addresses", address)
    inside = f"{LINKS}/{PROJECT_NAME}/regions/europe-west3/addresses/sql"
    made("POST", f"{REGIONAL}/forwardingRules", {**rule, "IPAddress": inside})
    endpoint = made("GET", f"{REGIONAL}/forwardingRules/sql")

    assert ("10.20.0.2", "ACCEPTED") == (endpoint["IPAddress"], endpoint["pscConnectionStatus"])
    assert "IN_USE" == made("GET", f"{REGIONAL}/addresses/sql")["status"]
    made("DELETE", f"{REGIONAL}/forwardingRules/sql")
    assert "RESERVED" == made("GET", f"{REGIONAL}/addresses/sql")["status"]


def test_the_oauth_secret_of_iap_is_kept_as_a_hash_only(made: Asking) -> None:
    iap = {"enabled": True, "oauth2ClientId": "c", "oauth2ClientSecret": "geheim"}
    made("POST", f"{GLOBAL}/backendServices", {**SERVICE, "name": "gui", "iap": iap})
    shown = made("GET", f"{GLOBAL}/backendServices/gui")["iap"]

    assert {"enabled", "oauth2ClientId", "oauth2ClientSecretSha256"} == set(shown)
