"""Hands one request to an instance and its answer back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from leitstand.sandbox.instances import Instance
from leitstand.sandbox.pools import Overloaded, Pool, Unavailable
from leitstand.sandbox.traffic_log import RequestRecord, TrafficLog

__all__ = ["Proxy", "plain"]

log = logging.getLogger(__name__)

# RFC 9110, section 7.6.1: these belong to one connection and are not passed on.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_WHOLE_BODY = 256 * 1024
_ATTEMPTS = 3
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


def plain(status: int, text: str) -> web.Response:
    """A short answer of the platform itself."""
    return web.Response(status=status, text=f"{text}\n", headers={"Server": "Google Frontend"})


class Proxy:
    """Forwards requests over kept-alive connections and records each in the traffic log."""

    def __init__(self, traffic: TrafficLog) -> None:
        self._traffic = traffic
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; needs the running event loop."""
        # Connections are given up long before an instance would close them (channel_timeout).
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_SKIPPED,
        )
        # An instance that dies over a request may have worked on it: never send it twice.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close every connection to an instance."""
        if self._session is not None:
            await self._session.close()

    async def forward(
        self, request: web.BaseRequest, pool: Pool, tag: str, scheme: str
    ) -> web.StreamResponse:
        """Answer `request` from an instance of `pool`, waiting for one if need be.

        Tried again with another instance only if the connection was refused: then nothing of the
        request was sent.
        """
        began = time.perf_counter()
        response: web.StreamResponse | None = None
        instance: Instance | None = None
        try:
            for _ in range(_ATTEMPTS):
                try:
                    instance = await pool.acquire()
                except Overloaded:
                    response = plain(429, "Rate exceeded.")
                    break
                except Unavailable:
                    response = plain(503, "Service Unavailable")
                    break
                try:
                    response = await self._exchange(request, pool, instance, scheme)
                    break
                except aiohttp.ClientConnectorError:
                    pool.lost(instance)
                finally:
                    pool.release(instance)
            if response is None:
                response = plain(503, "Service Unavailable")
        finally:
            # Before the end is sent: who has an answer in hand finds it in the log.
            status = response.status if response is not None else 503
            answered_by = instance.id if instance is not None else ""
            self._record(request, pool, status, began, tag, answered_by)
        await _finish(request, response)
        return response

    async def _exchange(
        self, request: web.BaseRequest, pool: Pool, instance: Instance, scheme: str
    ) -> web.StreamResponse:
        """One attempt; raises ClientConnectorError if the instance refused the connection."""
        assert self._session is not None
        response: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method,
                _target(request, instance),
                headers=_request_headers(request, scheme),
                data=request.content if request.body_exists else None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=pool.spec.timeout),
            ) as answer:
                headers = _response_headers(answer.headers, pool.spec.revision, instance.id)
                length = answer.content_length
                if request.method != "HEAD" and length is not None and length <= _WHOLE_BODY:
                    body = await answer.read()
                    headers.popall("Content-Length", None)
                    return web.Response(
                        status=answer.status, reason=answer.reason, headers=headers, body=body
                    )
                response = web.StreamResponse(
                    status=answer.status, reason=answer.reason, headers=headers
                )
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                return response
        except aiohttp.ClientConnectorError:
            raise
        except TimeoutError:
            return _failed(response, 504, "upstream request timeout")
        except aiohttp.ClientError as error:
            log.info("an instance of %s broke off: %r", pool.spec.revision, error)
            return _failed(
                response,
                503,
                "The request failed because either the HTTP response was malformed or connection "
                "to the instance had an error.",
            )

    def _record(
        self,
        request: web.BaseRequest,
        pool: Pool,
        status: int,
        began: float,
        tag: str,
        instance: str,
    ) -> None:
        spec = pool.spec
        self._traffic.record(
            RequestRecord(
                at=time.time(),
                project=spec.project,
                location=spec.location,
                service=spec.service,
                revision=spec.revision,
                status=status,
                latency_ms=(time.perf_counter() - began) * 1000,
                method=request.method,
                path=request.rel_url.raw_path_qs,
                tag=tag,
                instance=instance,
            )
        )


def _target(request: web.BaseRequest, instance: Instance) -> URL:
    path = request.rel_url.raw_path_qs
    return URL(f"http://127.0.0.1:{instance.port}{path}", encoded=True)


async def _finish(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send what is left of the answer; a client that went away is no error of ours."""
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        pass


def _failed(response: web.StreamResponse | None, status: int, text: str) -> web.Response:
    """The platform's own answer, or a broken connection if the instance's has begun."""
    if response is not None and response.prepared:
        raise ConnectionResetError(text)
    return plain(status, text)


def _request_headers(request: web.BaseRequest, scheme: str) -> CIMultiDict[str]:
    headers = _end_to_end(request.headers.items(), request.headers.get("Connection", ""))
    headers.popall("Expect", None)
    if request.method == "HEAD":
        # Waitress ends the connection after such an answer without saying so in its header.
        headers["Connection"] = "close"
    client = request.remote or "127.0.0.1"
    earlier = headers.get("X-Forwarded-For")
    headers["X-Forwarded-For"] = f"{earlier}, {client}" if earlier else client
    headers["X-Forwarded-Proto"] = scheme
    headers["Forwarded"] = f'for="{client}";proto={scheme}'
    return headers


def _response_headers(
    answer: CIMultiDict[str] | aiohttp.typedefs.LooseHeaders, revision: str, instance: str
) -> CIMultiDict[str]:
    source = CIMultiDict(answer)
    headers = _end_to_end(source.items(), source.get("Connection", ""))
    headers["Server"] = "Google Frontend"
    headers["X-Sandbox-Revision"] = revision
    headers["X-Sandbox-Instance"] = instance
    return headers


def _end_to_end(items: Iterable[tuple[str, str]], connection: str) -> CIMultiDict[str]:
    dropped = _HOP_BY_HOP
    if connection:
        dropped = dropped | {name.strip().lower() for name in connection.split(",")}
    return CIMultiDict((name, value) for name, value in items if name.lower() not in dropped)
