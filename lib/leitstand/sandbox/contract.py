"""The methods of the emulated APIs, taken from the installed Google clients.

A client's transport, given a channel that only records, names the path, the request type and the
shape of every method it can call. So the server cannot drift from what the clients send.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pool, message_factory

__all__ = ["LATE_PACKAGES", "PACKAGES", "Method", "contract"]

PACKAGES = (
    "google.cloud.run_v2",
    "google.cloud.secretmanager_v1",
    "google.cloud.artifactregistry_v1",
    "google.cloud.monitoring_v3",
    "google.cloud.logging_v2",
)
# Imported when one of its methods is first called: half a second that most rehearsals do not need.
LATE_PACKAGES = ("google.cloud.sqladmin_v1",)


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        path: The full gRPC path, such as `/google.cloud.run.v2.Services/GetService`.
        request_type: The message class of the request (proto-plus or protobuf); None where the
            client does not tell, which is so for shared methods that the sandbox does not serve.
        unary: Whether it takes one request and gives one response.
    """

    path: str
    request_type: type[Any] | None
    unary: bool = True


def contract(packages: tuple[str, ...] = PACKAGES) -> Mapping[str, Method]:
    """Every method of every client in those packages by path, google.longrunning included.

    Imports the clients; contacts nothing and reads no credentials.
    """
    recorder = _Recorder()
    for package in packages:
        services = import_module(f"{package}.services")
        for service in pkgutil.iter_modules(services.__path__, f"{services.__name__}."):
            _record(import_module(service.name), recorder)
    return recorder.methods


def _record(service: Any, recorder: _Recorder) -> None:
    (name,) = (name for name in service.__all__ if name.endswith("AsyncClient"))
    transport_type = getattr(service, name).get_transport_class("grpc_asyncio")
    transport = transport_type(channel=recorder)
    for attribute in dir(transport_type):
        if isinstance(getattr(transport_type, attribute), property):
            getattr(transport, attribute)


class _Recorder(grpc.aio.Channel):  # type: ignore[misc]  # grpc has no types
    """A channel that notes the stubs it is asked for and never connects."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        # The transports append their logging interceptor to this list of the real channel.
        self._unary_unary_interceptors: list[Any] = []

    def unary_unary(self, method: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._note(method, request_serializer, unary=True)

    def unary_stream(self, method: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._note(method, request_serializer, unary=False)

    stream_unary = unary_stream
    stream_stream = unary_stream

    def _note(self, path: str, serializer: Any, unary: bool) -> Callable[..., None]:
        known = self.methods.get(path)
        if known is None or known.request_type is None:
            request_type = getattr(serializer, "__self__", None) or _described(path)
            self.methods[path] = Method(path, request_type, unary)
        return _never_called

    async def close(self, grace: float | None = None) -> None:
        pass

    async def __aenter__(self) -> _Recorder:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return grpc.ChannelConnectivity.IDLE

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        pass

    async def channel_ready(self) -> None:
        pass


def _never_called(*_: Any, **__: Any) -> None:
    raise AssertionError("a recorded stub must not be called")


def _described(path: str) -> type[Any] | None:
    """The request type of a shared service such as google.longrunning, from its descriptor."""
    service, _, method = path.strip("/").partition("/")
    try:
        described = descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        return None
    found = described.methods_by_name.get(method)
    return None if found is None else message_factory.GetMessageClass(found.input_type)
