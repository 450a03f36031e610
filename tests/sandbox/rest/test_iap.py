"""Identity-Aware Proxy: whose policy a name means."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.rest.asking import GLOBAL, Asking, Refused, asking

ROLE = "roles/iap.httpsResourceAccessor"
EVA = "user:eva@example.com"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with asking(tmp_path_factory.mktemp("iap")) as started:
        body = {"name": "gui", "loadBalancingScheme": "EXTERNAL_MANAGED", "iap": {"enabled": True}}
        started("POST", f"{GLOBAL}/backendServices", body)
        yield started


def test_a_service_is_named_by_id_or_name_and_its_project_by_id_or_number(ask: Asking) -> None:
    number = ask.park.project_number
    identity = ask("GET", f"{GLOBAL}/backendServices/gui")["id"]
    policy = {"policy": {"bindings": [{"role": ROLE, "members": [EVA]}]}}
    above = f"iap/v1/projects/{number}/iap_web/compute/services"
    ask("POST", f"{above}/{identity}:setIamPolicy", policy)
    names = (
        f"{above}/gui",
        f"iap/v1/projects/leitstand-sandbox/iap_web/compute/services/{identity}",
    )

    found = [ask("POST", f"{name}:getIamPolicy", {})["bindings"][0]["members"] for name in names]
    assert [[EVA], [EVA]] == found


@pytest.mark.parametrize("rest", ["iap_web/compute/services/none", "iap_web/appengine-x/y"])
def test_what_is_not_there_has_no_policy(ask: Asking, rest: str) -> None:
    with pytest.raises(Refused) as refused:
        ask("POST", f"iap/v1/projects/{ask.park.project_number}/{rest}:getIamPolicy", {})

    assert 404 == refused.value.status


def test_an_old_etag_is_refused(ask: Asking) -> None:
    url = f"iap/v1/projects/{ask.park.project_number}/iap_web"
    policy = ask("POST", f"{url}:getIamPolicy", {})
    changed = {**policy, "bindings": [{"role": ROLE, "members": [EVA]}]}
    ask("POST", f"{url}:setIamPolicy", {"policy": changed})

    with pytest.raises(Refused) as refused:
        ask("POST", f"{url}:setIamPolicy", {"policy": changed})
    assert 409 == refused.value.status


def test_the_policy_goes_with_its_service(ask: Asking) -> None:
    body = {"name": "short", "loadBalancingScheme": "EXTERNAL_MANAGED"}
    url = f"iap/v1/projects/{ask.park.project_number}/iap_web/compute/services/short"
    policy = {"policy": {"bindings": [{"role": ROLE, "members": [EVA]}]}}
    for _ in range(2):
        ask("POST", f"{GLOBAL}/backendServices", body)
        before = ask("POST", f"{url}:getIamPolicy", {})
        ask("POST", f"{url}:setIamPolicy", policy)
        ask("DELETE", f"{GLOBAL}/backendServices/short")
        assert "bindings" not in before
