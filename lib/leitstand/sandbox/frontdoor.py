"""The front door: every HTTP request to a service of the sandbox passes it.

Per service one listener inside the VPC, per traffic tag another one, and one public listener for
everything that comes "from the Internet": through the load balancer, or to the service's own host
name if its ingress allows that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from leitstand.sandbox.balancer import Backend, Balancer, refusal
from leitstand.sandbox.pools import Pool
from leitstand.sandbox.proxy import Proxy, plain
from leitstand.sandbox.split import Split
from leitstand.sandbox.traffic_log import TrafficLog

__all__ = ["Addresses", "FrontDoor", "LoadBalancer", "Route"]

_HOST = "127.0.0.1"
# Seconds for requests under way: of a tag that was taken away, and at the end of the sandbox.
_PATIENCE, _PATIENCE_AT_END = 300.0, 1.0
_NOT_FOUND = "Error: Page not found. The requested URL was not found on this server."


@dataclass(frozen=True)
class LoadBalancer:
    """The one way in from outside for a sandbox whose seed names it; every host name gets in.

    Attributes:
        domain: Host name it answers to.
        service: Full name of the service behind it.
    """

    domain: str
    service: str


@dataclass(frozen=True)
class Route:
    """Where the requests of one service go.

    Attributes:
        shares: Pools and the percent of requests each gets.
        tags: The pool behind each traffic tag.
        balanced: Whether the load balancer may reach the service.
        direct: Whether its own public host name may be used.
    """

    shares: tuple[tuple[Pool, int], ...]
    tags: Mapping[str, Pool] = field(default_factory=dict)
    balanced: bool = True
    direct: bool = False


@dataclass(frozen=True)
class Addresses:
    """Where a service is reachable inside the VPC.

    Attributes:
        uri: The service itself.
        tags: Each traffic tag.
    """

    uri: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class _Listener:
    runner: web.ServerRunner
    uri: str

    async def refuse(self) -> None:
        """Take no further connection; those there are go on."""
        for site in list(self.runner.sites):
            await site.stop()

    async def close(self, patience: float) -> None:
        """Answer what is under way for at most `patience` seconds, then close."""
        closing = asyncio.ensure_future(self.runner.cleanup())
        await asyncio.wait([closing], timeout=patience)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)


class FrontDoor:
    """Listeners and routes of all services; belongs to one event loop and loopback only.

    Args:
        traffic: Where every request is recorded.
        balancer: The load balancer of the seed; it holds until `balance()` is called.
    """

    def __init__(self, traffic: TrafficLog, balancer: LoadBalancer | None = None) -> None:
        self.public = ""
        self._seeded = balancer
        self._balancer: Balancer | None = None
        self._proxy = Proxy(traffic)
        self._routes: dict[str, Route] = {}
        self._splits: dict[str, Split[Pool]] = {}
        self._hosts: dict[str, str] = {}
        self._listeners: dict[tuple[str, str], _Listener] = {}
        self._public: _Listener | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Open the public listener; `public` is its address.

        Raises:
            OSError: The port is taken.
        """
        await self._proxy.start()
        self._public = await _listen(self._from_outside, port)
        self.public = self._public.uri

    async def close(self) -> None:
        """Close every listener and connection."""
        listeners = [*self._listeners.values(), *([self._public] if self._public else [])]
        self._listeners.clear()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(
            *self._closing,
            *(listener.close(_PATIENCE_AT_END) for listener in listeners),
            return_exceptions=True,
        )
        await self._proxy.close()

    async def addresses(self, service: str, tags: Iterable[str]) -> Addresses:
        """Open the listeners of a service and of these tags where they are not open yet."""
        opened = {tag: await self._open(service, tag) for tag in ["", *tags]}
        uri = opened.pop("")
        return Addresses(uri, opened)

    def switch(self, service: str, route: Route) -> None:
        """Send every further request of the service along `route`, from one moment to the next."""
        self._routes[service] = route
        self._splits[service] = Split(route.shares)
        self._hosts[public_host(service)] = service

    def balance(self, routes: Mapping[str, Backend]) -> None:
        """Send every further request from outside where `routes` say; what is under way goes on.

        Args:
            routes: Backends by host name and path pattern (`app.example.com/*`); none at all puts
                the seed's load balancer back.
        """
        self._balancer = Balancer(routes) if routes else None

    async def prune(self, service: str) -> None:
        """Close the listeners of tags the service's route no longer has.

        Returns as soon as they refuse connections; what is under way is answered.
        """
        wanted = {"", *self._routes[service].tags} if service in self._routes else set()
        stale = [key for key in self._listeners if key[0] == service and key[1] not in wanted]
        for listener in [self._listeners.pop(key) for key in stale]:
            await listener.refuse()
            task = asyncio.create_task(listener.close(_PATIENCE))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def remove(self, service: str) -> None:
        """Forget a service and close its listeners."""
        self._routes.pop(service, None)
        self._splits.pop(service, None)
        self._hosts.pop(public_host(service), None)
        await self.prune(service)

    async def _open(self, service: str, tag: str) -> str:
        key = (service, tag)
        if key not in self._listeners:
            handler = partial(self._from_inside, service, tag)
            self._listeners[key] = await _listen(handler, 0)
        return self._listeners[key].uri

    async def _from_inside(
        self, service: str, tag: str, request: web.BaseRequest
    ) -> web.StreamResponse:
        """A request from the VPC: ingress settings do not matter."""
        return await self._answer(service, tag, request, "http")

    async def _from_outside(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request from the Internet."""
        host = request.headers.get("Host", "").partition(":")[0].lower()
        if service := self._hosts.get(host):
            if not self._routes[service].direct:
                return plain(404, _NOT_FOUND)
            return await self._answer(service, "", request, "https")
        if self._balancer is not None:
            return await self._balanced(self._balancer, host, request)
        if self._seeded is None:
            return plain(404, _NOT_FOUND)
        return await self._behind(self._seeded.service, "", request)

    async def _balanced(
        self, balancer: Balancer, host: str, request: web.BaseRequest
    ) -> web.StreamResponse:
        """A request to an address of the load balancer."""
        backend = balancer.find(host, request.rel_url.raw_path)
        refused = refusal(host, backend, request.headers)
        if backend is None or refused is not None:
            assert refused is not None
            answer = plain(refused.status, refused.text)
            answer.headers.update(refused.headers)
            if refused.closes:
                answer.force_close()
            return answer
        return await self._behind(backend.service, backend.tag, request)

    async def _behind(self, service: str, tag: str, request: web.BaseRequest) -> web.StreamResponse:
        """A request that the load balancer let in; the service's ingress may still refuse it."""
        route = self._routes.get(service)
        if route is not None and not route.balanced:
            return plain(404, _NOT_FOUND)
        return await self._answer(service, tag, request, "https")

    async def _answer(
        self, service: str, tag: str, request: web.BaseRequest, scheme: str
    ) -> web.StreamResponse:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        pool = self._routes[service].tags.get(tag) if tag and service in self._routes else None
        if not tag and service in self._splits:
            pool = self._splits[service].next()
        if pool is None:
            return plain(404 if tag else 503, _NOT_FOUND if tag else "Service Unavailable")
        return await self._proxy.forward(request, pool, tag, scheme)


def public_host(service: str) -> str:
    """The public host name of a service: `SERVICE-PROJECT.LOCATION.run.app`."""
    _, project, _, location, _, name = service.split("/")
    return f"{name}-{project}.{location}.run.app"


async def _listen(handler: web.RequestHandler | object, port: int) -> _Listener:
    server = web.Server(handler, access_log=None)  # type: ignore[arg-type]  # a bound coroutine
    runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
    await runner.setup()
    site = web.TCPSite(runner, _HOST, port, backlog=1024)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return _Listener(runner, f"http://{_HOST}:{runner.addresses[0][1]}")
