"""The chain from a forwarding rule to a service decides what the public listener answers."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from leitstand.sandbox.balancer import Backend, Balancer, refusal
from leitstand.sandbox.rest.compute import chain
from tests.sandbox.rest.asking import (
    CERTIFICATE,
    GLOBAL,
    GROUP,
    PROXY,
    REGIONAL,
    RULE,
    SERVICE,
    ZONES,
    Asking,
)
from tests.sandbox.running import DOMAIN, Running, running, web

APP, GUI = "app.example.com", "gui.example.com"
EVA, ACCESSOR = "user:eva@example.com", "roles/iap.httpsResourceAccessor"
PRINCIPAL, ADDRESS = "X-Sandbox-Iap-Principal", "X-Sandbox-Client-Address"


class Site:
    """A sandbox with a service, and what the Internet gets to see of it."""

    def __init__(self, sandbox: Running, ask: Asking) -> None:
        self.sandbox, self.ask = sandbox, ask

    def get(self, host: str, path: str = "/healthz", **headers: str) -> tuple[int, str]:
        parts = urlsplit(self.sandbox.door.public)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("GET", path, headers={"Host": host, **named})
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        finally:
            connection.close()

    def status(self, host: str, path: str = "/healthz", **headers: str) -> int:
        return self.get(host, path, **headers)[0]

    def point(self, host: str, address: str) -> None:
        """Have DNS name an address for a host."""
        body = {"name": f"{host}.", "type": "A", "ttl": 300, "rrdatas": [address]}
        self.ask("POST", f"{ZONES}/main/rrsets", body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with _site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def unlisted(tmp_path: Path) -> Iterator[Site]:
    """A site of a test's own, without a forwarding rule."""
    with _site(tmp_path) as made:
        yield made


@contextmanager
def _site(directory: Path) -> Iterator[Site]:
    with running(directory, web("1.0.0", "web-00001-aaa")) as sandbox:
        ask = Asking(sandbox.call)
        ask.run(ask.start(directory, sandbox.store, sandbox._rpc, sandbox.door))
        found = Site(sandbox, ask)
        _prepare(found)
        yield found
        ask.run(ask.engine.close())


def _prepare(site: Site) -> None:
    """All but the forwarding rule: /private is behind IAP, the GUI host has no backend."""
    ask = site.ask
    ask("POST", f"{REGIONAL}/networkEndpointGroups", GROUP)
    ask("POST", f"{GLOBAL}/backendServices", SERVICE)
    ask("POST", f"{GLOBAL}/backendServices", {**SERVICE, "name": "iap", "iap": {"enabled": True}})
    ask("POST", f"{GLOBAL}/backendServices", {**SERVICE, "name": "empty", "backends": []})
    service = "global/backendServices/{}".format
    private = {"paths": ["/private", "/private/*"], "service": service("iap")}
    ask(
        "POST",
        f"{GLOBAL}/urlMaps",
        {
            "name": "main",
            "defaultService": service("web"),
            "hostRules": [
                {"hosts": [APP], "pathMatcher": "app"},
                {"hosts": ["*.example.com"], "pathMatcher": "others"},
            ],
            "pathMatchers": [
                {"name": "app", "defaultService": service("web"), "pathRules": [private]},
                {"name": "others", "defaultService": service("empty")},
            ],
        },
    )
    ask("POST", f"{GLOBAL}/sslCertificates", CERTIFICATE)
    ask("POST", f"{GLOBAL}/addresses", {"name": "web"})
    zone = {"name": "main", "dnsName": "example.com.", "description": ""}
    ask("POST", ZONES, zone)
    ask("POST", f"{GLOBAL}/targetHttpsProxies", PROXY)


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """The host has its certificate."""
    site.ask("POST", f"{GLOBAL}/forwardingRules", RULE)
    site.point(APP, site.ask("GET", f"{GLOBAL}/addresses/web")["address"])
    return site


def test_the_listener_follows_the_resources_step_by_step(unlisted: Site) -> None:
    ask, seen = unlisted.ask, []
    address = ask("GET", f"{GLOBAL}/addresses/web")["address"]
    certificate = f"{GLOBAL}/sslCertificates/main"

    def look() -> None:
        state = ask("GET", certificate)["managed"]
        seen.append((unlisted.status(APP), unlisted.status(DOMAIN), state["status"]))

    look()  # the seed's load balancer answers every host
    ask("POST", f"{GLOBAL}/forwardingRules", RULE)
    look()  # no DNS record yet
    unlisted.point(APP, "192.0.2.1")
    wrong = ask("GET", certificate)["managed"]["domainStatus"]
    ask("PATCH", f"{ZONES}/main/rrsets/{APP}./A", {"rrdatas": [address]})
    look()
    ask("DELETE", f"{ZONES}/main/rrsets/{APP}./A")
    ask("DELETE", f"{GLOBAL}/forwardingRules/main")
    look()  # the seed's again, and a certificate stays what it is

    assert {APP: "FAILED_NOT_VISIBLE"} == wrong
    assert [
        (200, 200, "PROVISIONING"),
        (525, 525, "PROVISIONING"),
        (200, 525, "ACTIVE"),
        (200, 200, "ACTIVE"),
    ] == seen


def test_paths_and_hosts_choose_the_backend(served: Site) -> None:
    paths = ("/healthz", "/private", "/private/x", "/privateer")

    assert [200, 401, 401, 404] == [served.status(APP, path) for path in paths]


def test_a_second_certificate_brings_a_second_host(served: Site) -> None:
    ask = served.ask
    managed = {"type": "MANAGED", "managed": {"domains": [GUI]}}
    ask("POST", f"{GLOBAL}/sslCertificates", {"name": "gui", **managed})
    both = ["global/sslCertificates/main", "global/sslCertificates/gui"]
    path = "compute/compute/v1/projects/leitstand-sandbox/targetHttpsProxies/main"
    ask("POST", f"{path}/setSslCertificates", {"sslCertificates": both})
    before = served.get(GUI)
    served.point(GUI, ask("GET", f"{GLOBAL}/addresses/web")["address"])

    assert (525, True) == (before[0], "no ACTIVE certificate" in before[1])
    assert (503, "no healthy upstream") == served.get(GUI)
    assert 200 == served.status(APP)


def test_a_certificate_is_renewed_or_else_served_until_its_end(served: Site) -> None:
    ask = served.ask
    address = ask("GET", f"{GLOBAL}/addresses/web")["address"]
    record, certificate = f"{ZONES}/main/rrsets/{APP}./A", f"{GLOBAL}/sslCertificates/main"
    renewed = chain.age(ask.park, "main", timedelta(days=3))
    ask("PATCH", record, {"rrdatas": ["192.0.2.1"]})
    fails = chain.age(ask.park, "main", timedelta(days=3))
    near = served.status(APP)
    chain.age(ask.park, "main", timedelta(seconds=-1))
    over = served.status(APP)
    ask("PATCH", record, {"rrdatas": [address]})
    again = ask("GET", certificate)

    soon = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    assert [True, False, True] == [c["expireTime"] > soon for c in (renewed, fails, again)]
    assert ["ACTIVE", "RENEWAL_FAILED", "ACTIVE"] == [
        c["managed"]["status"] for c in (renewed, fails, again)
    ]
    assert (200, 525, 200) == (near, over, served.status(APP))


def test_only_a_certificate_that_was_issued_can_age(served: Site) -> None:
    with pytest.raises(ValueError, match="no certificate nobody"):
        chain.age(served.ask.park, "nobody", timedelta(days=3))


def test_iap_lets_in_only_who_holds_the_role(served: Site) -> None:
    def asked(principal: str) -> int:
        return served.status(APP, "/private/healthz", **{PRINCIPAL: principal})

    nobody = served.get(APP, "/private/healthz")
    before = asked(EVA)
    number = served.ask.park.project_number
    members = [EVA, "group:betrieb@example.com", "domain:example.org"]
    policy = {"policy": {"bindings": [{"role": ACCESSOR, "members": members}]}}
    url = f"iap/v1/projects/{number}/iap_web/compute/services/iap"
    served.ask("POST", f"{url}:setIamPolicy", policy)
    who = (
        EVA,
        "user:max@example.com",
        "user:max@example.com, group:betrieb@example.com",
        "user:ute@example.org",
        "",
    )

    assert (401, "Invalid IAP credentials: empty token") == nobody
    # The application has no such path: its own 404 says that it was asked.
    assert [403, 404, 403, 404, 404, 401] == [before, *(asked(name) for name in who)]


def test_cloud_armor_turns_clients_away_by_their_address(served: Site) -> None:
    ask, url = served.ask, f"{GLOBAL}/backendServices/web"
    ask("POST", f"{GLOBAL}/securityPolicies", {"name": "armor"})
    rules = f"{GLOBAL}/securityPolicies/armor"
    for priority, action, text, preview in (
        (100, "allow", "192.0.2.7/32", False),
        (200, "deny(403)", "192.0.2.0/24", False),
        (300, "deny(502)", "198.51.100.0/24", True),
    ):
        match = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": [text]}}
        rule = {"priority": priority, "action": action, "match": match, "preview": preview}
        ask("POST", f"{rules}/addRule", rule)
    policy = "global/securityPolicies/armor"
    ask("POST", f"{url}/setSecurityPolicy", {"securityPolicy": policy})
    addresses = ("192.0.2.7", "192.0.2.8", "198.51.100.1", "127.0.0.1")

    found = [served.status(APP, **{ADDRESS: text}) for text in addresses]
    ask("POST", f"{rules}/patchRule?priority=2147483647", {"action": "deny(404)"})
    everybody = served.get(APP)
    ask("POST", f"{url}/setSecurityPolicy", {})

    assert [200, 403, 200, 200] == found
    assert (404, "404 Not Found") == everybody
    assert 200 == served.status(APP)


def test_nothing_in_flight_is_lost_while_the_routes_change(served: Site) -> None:
    statuses: list[int] = []

    def ask_on() -> None:
        statuses.extend(served.status(APP, "/") for _ in range(40))

    threads = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(12):
        served.ask("PATCH", f"{GLOBAL}/backendServices/web", {"description": str(number)})
    for thread in threads:
        thread.join()

    assert [200] * 80 == statuses


def test_a_sandbox_that_starts_again_serves_the_same(served: Site) -> None:
    async def forget() -> None:
        served.sandbox.door.balance({})

    again = Asking(served.sandbox.call)
    sandbox = served.sandbox
    again.run(forget())
    before = served.status("other.example.com")
    again.run(again.start(sandbox._directory, sandbox.store, sandbox._rpc, sandbox.door))

    assert (200, 525, 200) == (before, served.status("other.example.com"), served.status(APP))


ROUTES = {"h/*": Backend("all"), "h/a/*": Backend("a"), "h/a/b": Backend("b")}
FOUND = {"/": "all", "/a": "all", "/a/": "a", "/a/b": "b", "/a/b/c": "a", "/ab": "all"}


@pytest.mark.parametrize("path", FOUND)
def test_the_longest_pattern_wins(path: str) -> None:
    found = Balancer(ROUTES).find("h", path)

    assert FOUND[path] == (found.service if found else None)


def test_a_host_without_a_certificate_is_refused_and_the_connection_ends() -> None:
    backends: list[Any] = [Balancer(ROUTES).find("x", "/"), Backend("a", certified=False)]
    refused = [refusal("x", backend, {}) for backend in backends]

    assert [(525, True)] * 2 == [(one.status, one.closes) for one in refused if one]
