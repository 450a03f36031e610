"""The REST side of a sandbox in this process, asked as a client asks it: by method and path."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from leitstand.sandbox.balancer import Backend
from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.http_errors import as_json
from leitstand.sandbox.rest.engine import Engine, Request
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store
from tests.sandbox.loops import Loop

PROJECT = "leitstand-sandbox"
REGION = "europe-west3"
GLOBAL = f"compute/compute/v1/projects/{PROJECT}/global"
REGIONAL = f"compute/compute/v1/projects/{PROJECT}/regions/{REGION}"
ZONES = f"dns/dns/v1/projects/{PROJECT}/managedZones"
# The parts of a load balancer before the service web.
GROUP = {"name": "web", "networkEndpointType": "SERVERLESS", "cloudRun": {"service": "web"}}
PROJECT_NAME = "projects/leitstand-sandbox"
LINKS = "https://www.googleapis.com/compute/v1"
BACKEND = {"group": f"{PROJECT_NAME}/regions/europe-west3/networkEndpointGroups/web"}
SERVICE = {"name": "web", "loadBalancingScheme": "EXTERNAL_MANAGED", "backends": [BACKEND]}
CERTIFICATE = {"name": "main", "type": "MANAGED", "managed": {"domains": ["app.example.com"]}}
PROXY = {
    "name": "main",
    "urlMap": "global/urlMaps/main",
    "sslCertificates": ["global/sslCertificates/main"],
}
RULE = {
    "name": "main",
    "target": "global/targetHttpsProxies/main",
    "IPAddress": f"{PROJECT_NAME}/global/addresses/web",
    "portRange": "443",
    "loadBalancingScheme": "EXTERNAL_MANAGED",
}
NETWORK = {"name": "main", "autoCreateSubnetworks": False}
SUBNETWORK = {"name": "services", "network": "global/networks/main", "ipCidrRange": "10.20.0.0/22"}


class Refused(Exception):
    """The answer is an error, of the call or of its operation.

    Attributes:
        status: HTTP status.
        message: What the client reads.
        reason: The reason in `errors`, or the code of the operation's error.
    """

    def __init__(self, status: int, message: str, reason: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.message, self.reason = status, message, reason


class Asking:
    """Calls methods of an engine that runs on an event loop of another thread.

    Attributes:
        run: Runs a coroutine on the engine's loop.
        faults: Of that engine, where it has some of its own.
        routes: What the front door was told last.
    """

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.run = run
        self.faults = Faults()
        self.routes: Mapping[str, Backend] = {}

    async def start(self, directory: Path, store: Store, rpc: Rpc, door: Any = None) -> None:
        def balance(routes: Mapping[str, Backend]) -> None:
            self.routes = routes
            if door is not None:
                door.balance(routes)

        self.park = Park(store, directory, PROJECT, REGION, balance=balance)
        self.engine = Engine(store, self.park, rpc)
        await self.engine.start()

    def __call__(self, http: str, url: str, body: Any = None) -> dict[str, Any]:
        """The answer, or the resource's operation when it is done; raises Refused."""
        parts = urlsplit(url)
        api, _, path = parts.path.partition("/")
        text = b"" if body is None else json.dumps(body).encode()
        request = Request(http, api, path, parse_qsl(parts.query), text)
        try:
            answer = self.run(self.engine.answer(request)) or {}
        except ApiError as error:
            shown = as_json(error)["error"]
            reason = shown["errors"][0]["reason"]
            raise Refused(shown["code"], shown["message"], reason) from error
        if answer.get("kind") != "compute#operation":
            return dict(answer)
        done = answer
        while done["status"] != "DONE":
            done = self("POST", f"compute{urlsplit(done['selfLink']).path}/wait")
        if "error" in done:
            (failed,) = done["error"]["errors"]
            raise Refused(done["httpErrorStatusCode"], failed["message"], failed["code"])
        return dict(done)


@contextmanager
def asking(directory: Path) -> Iterator[Asking]:
    """An engine of its own for the block."""
    loop = Loop()
    ask = Asking(loop.run)
    try:
        store = Store(directory)
        rpc = Rpc({}, {}, frozenset({PROJECT, "-"}), ask.faults)
        ask.run(ask.start(directory, store, rpc))
        yield ask
        ask.run(ask.engine.close())
    finally:
        loop.close()


def make(ask: Asking) -> None:
    """A network and a load balancer."""
    ask("POST", f"{GLOBAL}/networks", NETWORK)
    ask("POST", f"{REGIONAL}/subnetworks", SUBNETWORK)
    ask("POST", f"{REGIONAL}/networkEndpointGroups", GROUP)
    ask("POST", f"{GLOBAL}/securityPolicies", {"name": "armor"})
    ask("POST", f"{GLOBAL}/backendServices", SERVICE)
    ask(
        "POST",
        f"{GLOBAL}/urlMaps",
        {"name": "main", "defaultService": url_of("backendServices/web")},
    )
    ask("POST", f"{GLOBAL}/sslCertificates", CERTIFICATE)
    ask("POST", f"{GLOBAL}/targetHttpsProxies", PROXY)
    ask("POST", f"{GLOBAL}/addresses", {"name": "web"})
    ask("POST", f"{GLOBAL}/forwardingRules", RULE)


def url_of(rest: str) -> str:
    """The selfLink of a global resource."""
    return f"{LINKS}/{PROJECT_NAME}/global/{rest}"
