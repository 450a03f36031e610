"""The gRPC side of the sandbox: every method of the contract, with faults and a log of calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from leitstand.sandbox.contract import Method
from leitstand.sandbox.errors import ApiError, not_found, permission_denied, unimplemented
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.store import raw

__all__ = ["Call", "Rpc"]

Handler = Callable[[Any], Awaitable[Any]]

KEPT_CALLS = 2000
OPTIONS = (
    # Without this a second server could bind the same port, and neither would notice.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One answered call; holds no payload.

    Attributes:
        at: When it arrived, seconds since the epoch.
        method: Full path.
        resource: The name or parent it was about, or "".
        code: Name of the status code answered.
        milliseconds: Until the answer.
    """

    at: float
    method: str
    resource: str
    code: str
    milliseconds: float


class Rpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Serves the methods of `contract`; those without a handler answer UNIMPLEMENTED.

    Args:
        contract: Every method that a client can call.
        handlers: What is behind the methods, by path.
        projects: The projects that exist; others are PERMISSION_DENIED, as at Google.
        faults: Asked at every call.
        late: Loads more methods by `extend`, given the path of one that is not known yet.
    """

    def __init__(
        self,
        contract: Mapping[str, Method],
        handlers: Mapping[str, Handler],
        projects: frozenset[str],
        faults: Faults,
        late: Callable[[str], None] | None = None,
    ) -> None:
        self._handlers: dict[str, Handler] = {}
        self._methods: dict[str, Method] = {}
        self._served: dict[str, Any] = {}
        self._late = late
        self._projects = projects
        self._faults = faults
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._server: grpc.aio.Server | None = None
        self.extend(contract, handlers)

    def extend(self, contract: Mapping[str, Method], handlers: Mapping[str, Handler]) -> None:
        """Serve more methods."""
        strange = sorted(set(handlers) - set(contract))
        if strange:
            raise ValueError(f"No client calls {', '.join(strange)}.")
        self._handlers.update(handlers)
        for path, method in contract.items():
            if path not in self._served:
                self._methods[path] = method
                self._served[path] = self._method_handler(method)

    async def start(self, port: int) -> int:
        """Listen on loopback and return the port.

        Raises:
            OSError: The port is taken.
        """
        server = grpc.aio.server(options=OPTIONS)
        server.add_generic_rpc_handlers((self,))
        try:
            bound = server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as error:
            raise OSError(f"Port {port} is taken.") from error
        await server.start()
        self._server = server
        return int(bound)

    async def close(self, grace: float = 0.3) -> None:
        """Take no more calls, give those under way `grace` seconds, then end them."""
        if self._server is not None:
            await self._server.stop(grace)

    def calls(self) -> tuple[Call, ...]:
        """The newest calls, oldest first."""
        return tuple(self._calls)

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method, as grpc asks for it; None for a method no client has."""
        self._load(handler_call_details.method)
        return self._served.get(handler_call_details.method)

    def request_type(self, path: str) -> type[Any]:
        """The message class of a method's request.

        Raises:
            ApiError: NOT_FOUND, where there is no such method.
        """
        self._load(path)
        method = self._methods.get(path)
        if method is None or method.request_type is None:
            raise not_found(path, "Method")
        return method.request_type

    async def call(self, path: str, request: Any) -> Any:
        """Call a method as a gRPC client does, faults and log included.

        Raises:
            ApiError: What the client would see.
        """
        handler = self._handlers.get(path) or _nothing_behind(path)
        return await self.run(path, _resource(request), handler, request)

    async def run(self, path: str, resource: str, handler: Handler, request: Any) -> Any:
        """Let `handler` answer a call, however that came; faults and log included.

        Args:
            path: What faults and the log call the method.
            resource: Full name of what it is about, or ""; its project must exist.
            handler: Answers it.
            request: Given to the handler.

        Raises:
            ApiError: What the client would see.
        """
        began = time.time()
        code = "OK"
        try:
            self._check_project(resource)
            return await self._faults.call(path, handler, request)
        except ApiError as error:
            code = error.code.name
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception as error:
            code = "INTERNAL"
            log.exception("%s broke", path)
            raise ApiError(
                grpc.StatusCode.INTERNAL, "The sandbox broke; see supervisor.log in its directory."
            ) from error
        finally:
            taken = (time.time() - began) * 1000
            self._calls.append(Call(began, path, resource, code, round(taken, 2)))

    def _load(self, path: str) -> None:
        if path not in self._served and self._late is not None:
            self._late(path)

    def _method_handler(self, method: Method) -> Any:
        async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
            try:
                return await self.call(method.path, request)
            except ApiError as error:
                trailer = (("grpc-status-details-bin", error.status().SerializeToString()),)
                await context.abort(error.code, error.message, trailer)

        async def answer_stream(requests: Any, context: grpc.aio.ServicerContext) -> Any:
            return await answer(None, context)

        if not method.unary:
            return grpc.stream_stream_rpc_method_handler(answer_stream)
        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=_deserializer(method.request_type),
            response_serializer=_serialize,
        )

    def _check_project(self, resource: str) -> None:
        parts = resource.split("/")
        if parts[0] == "projects" and len(parts) > 1 and parts[1] not in self._projects:
            raise permission_denied(
                f"Permission denied on resource project {parts[1]} (or it may not exist)."
            )


def _nothing_behind(path: str) -> Handler:
    async def refuse(_: Any) -> Any:
        raise unimplemented(path)

    return refuse


def _deserializer(request_type: type[Any] | None) -> Callable[[bytes], Any] | None:
    if request_type is None:
        return None
    if hasattr(request_type, "deserialize"):
        deserialize: Callable[[bytes], Any] = request_type.deserialize
        return deserialize
    parse: Callable[[bytes], Any] = request_type.FromString
    return parse


def _serialize(message: Any) -> bytes:
    return bytes(raw(message).SerializeToString())


def _resource(request: Any) -> str:
    project = getattr(request, "project", "")
    if isinstance(project, str) and project:
        return f"projects/{project}/instances/{getattr(request, 'instance', '')}".rstrip("/")
    for field in ("name", "parent"):
        value = getattr(request, field, "")
        if isinstance(value, str) and value:
            return value
    return ""
