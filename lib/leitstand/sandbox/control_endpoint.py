"""The supervisor's control endpoint: HTTP on loopback, for those who know the token."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.faults import BadFault, Fault, Faults

__all__ = ["TOKEN_HEADER", "ControlEndpoint"]

TOKEN_HEADER = "X-Leitstand-Token"

Reporter = Callable[[], Any]
Command = Callable[[Any], Awaitable[Any]]


class ControlEndpoint:
    """Answers `/status`, `/calls`, `/clock`, `/faults` and `/stop`.

    Args:
        token: Must stand in the token header of every request.
        faults: Shown and changed by `/faults`.
        reports: What else can be read, by path; each gives something JSON can hold.
        stop: Called by POST `/stop`.
        commands: What else can be done, by HTTP method and path; each takes the JSON of the
            request, or None, and gives something JSON can hold.
    """

    def __init__(
        self,
        token: str,
        faults: Faults,
        reports: Mapping[str, Reporter],
        stop: Callable[[], None],
        commands: Mapping[tuple[str, str], Command] = MappingProxyType({}),
    ) -> None:
        self._token = token
        self._faults = faults
        self._reports = reports
        self._stop = stop
        self._commands = commands
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """Listen on loopback and return the address."""
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None),
            shutdown_timeout=0.5,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Close the listener and its connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return web.json_response({"error": "The token is wrong."}, status=403)
        answers: Mapping[tuple[str, str], Callable[[web.BaseRequest], Awaitable[Any]]] = {
            ("GET", "/faults"): self._list_faults,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/stop"): self._stop_soon,
        }
        if request.method == "GET" and request.path in self._reports:
            return web.json_response(self._reports[request.path]())
        asked = (request.method, request.path)
        answer = self._command if asked in self._commands else answers.get(asked)
        if answer is None:
            return web.json_response({"error": "There is no such page."}, status=404)
        try:
            return web.json_response(await answer(request))
        except (ApiError, BadFault, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _list_faults(self, _: web.BaseRequest) -> Any:
        return self._faults.as_json()

    async def _add_fault(self, request: web.BaseRequest) -> Any:
        self._faults.add(Fault(**await request.json()))
        return self._faults.as_json()

    async def _clear_faults(self, request: web.BaseRequest) -> Any:
        self._faults.clear(**(await request.json() if request.can_read_body else {}))
        return self._faults.as_json()

    async def _command(self, request: web.BaseRequest) -> Any:
        command = self._commands[request.method, request.path]
        return await command(await request.json() if request.can_read_body else None)

    async def _stop_soon(self, _: web.BaseRequest) -> Any:
        asyncio.get_running_loop().call_later(0.01, self._stop)
        return {}
