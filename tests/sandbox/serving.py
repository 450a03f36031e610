"""Resource classes of the sandbox behind a real gRPC server, with Google's clients before it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import grpc

from leitstand.sandbox.contract import Method, contract
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.rpc import Rpc

PROJECT = "leitstand-sandbox"
LOCATION = f"projects/{PROJECT}/locations/europe-west3"


@lru_cache
def methods() -> Mapping[str, Method]:
    return contract()


class Serving:
    """A gRPC server on a loop of its own thread.

    Attributes:
        faults: In force at this server.
        rpc: The handler under test.
        port: Where it listens.
        channel: An insecure channel to it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def client(self, client_type: Any) -> Any:
        """A client of Google's over the channel."""
        transport = client_type.get_transport_class("grpc")(channel=self.channel)
        return client_type(transport=transport)

    async def start(self, make: Callable[[], tuple[Any, ...]]) -> None:
        parts = make()
        self.faults = Faults(tuple(methods()))
        handlers = {path: handler for part in parts for path, handler in part.methods().items()}
        self.rpc = Rpc(methods(), handlers, frozenset({PROJECT}), self.faults)
        self.port = await self.rpc.start(0)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")

    async def stop(self) -> None:
        await self.rpc.close(0)


@contextmanager
def serving(make: Callable[[], tuple[Any, ...]]) -> Iterator[Serving]:
    """Serve what `make` gives, for the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = Serving(loop)
    try:
        server.call(server.start(make))
        yield server
    finally:
        if hasattr(server, "channel"):
            server.channel.close()
            server.call(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
