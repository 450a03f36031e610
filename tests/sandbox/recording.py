"""What Google's clients really call: their transports, given a channel that only records."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc.aio


@dataclass(frozen=True)
class Recorded:
    """One method that a client asked its channel for.

    Attributes:
        request_type: The message class of the request; None where the client does not tell.
        unary: Whether it takes one request and gives one response.
    """

    request_type: type[Any] | None
    unary: bool


def recorded(packages: tuple[str, ...]) -> Mapping[str, Recorded]:
    """Every method of every client in those packages, by path; imports the clients."""
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
        self.methods: dict[str, Recorded] = {}
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
            # The serializer of a plain protobuf message does not know its class.
            self.methods[path] = Recorded(getattr(serializer, "__self__", None), unary)
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
