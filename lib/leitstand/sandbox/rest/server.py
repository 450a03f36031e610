"""The HTTP side of the REST APIs: one listener on loopback, one root path for each API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl

from aiohttp import web

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.http_errors import as_json, status_of
from leitstand.sandbox.rest.late import LateRest
from leitstand.sandbox.rest.storage.media import StorageHttp

__all__ = ["RestServer"]

OVERRIDE = "X-HTTP-Method-Override"
# Contents go up and down there, and its errors are older than those of the other APIs.
STORAGE = "storage"


class RestServer:
    """Answers `/{api}/…` from the REST APIs, and everything else from the paths of gcloud.

    Args:
        apis: Answer their requests.
        others: Answers what is below no API's name.
    """

    def __init__(
        self, apis: LateRest, others: Callable[[web.BaseRequest], Awaitable[web.Response]]
    ) -> None:
        self._apis = apis
        self._others = others
        self._storage = StorageHttp(apis.answer)
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """Listen on loopback and return the address."""
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None), shutdown_timeout=0.5
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Close the listener and its connections."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._storage.close()

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        api, _, path = http.rel_url.raw_path.lstrip("/").partition("/")
        if api == STORAGE:
            return await self._storage.answer(http, path)
        if not self._apis.serves(api):
            return await self._others(http)
        try:
            answer = await self._apis.answer(*await _request(http, api, path))
        except ApiError as error:
            return web.json_response(as_json(error), status=status_of(error))
        if answer is None:
            return web.Response(status=204)
        return web.json_response(answer)


async def _request(
    http: web.BaseRequest, api: str, path: str
) -> tuple[str, str, str, Sequence[tuple[str, str]], bytes, str]:
    """A request as the APIs take it."""
    body = await http.read()
    method = http.headers.get(OVERRIDE, http.method)
    query: Sequence[tuple[str, str]] = list(http.query.items())
    if method != http.method and http.content_type == "application/x-www-form-urlencoded":
        # A GET whose query was too long for a URL.
        query, body = parse_qsl(body.decode(), keep_blank_values=True), b""
    return method, api, path, query, body, http.headers.get("If-Match", "")
