"""The REST engine with some kinds in this process: requests by method and path, without HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.rest.collection import Collection
from leitstand.sandbox.rest.engine import Engine, Request
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store
from leitstand.sandbox.traffic_log import TrafficLog
from tests.sandbox.loops import Loop

PROJECT = "leitstand-sandbox"
REGION = f"projects/{PROJECT}/locations/europe-west3"
NETWORK = f"projects/{PROJECT}/global/networks/main"


class Parked:
    """An engine on a loop of a thread of its own.

    Attributes:
        park: The sandbox around it.
        kinds: The collections, by type.
        logs: Cloud Logging.
    """

    def __init__(self, directory: Path, types: Sequence[type[Collection]]) -> None:
        self._loop = Loop()
        self._types = types
        self._store = Store(directory)
        self.park = Park(self._store, directory, PROJECT, "europe-west3")
        self.logs = Logs(TrafficLog())
        self.kinds: dict[type[Collection], Any] = {}
        self._loop.run(self._start())

    def call(self, http: str, url: str, body: Any = None, if_match: str = "") -> dict[str, Any]:
        """The answer to a request; a refusal is an ApiError."""
        api, _, rest = url.partition("/")
        parts = urlsplit(rest)
        content = b"" if body is None else json.dumps(body).encode()
        query = tuple(parse_qsl(parts.query))
        request = Request(http, api, parts.path, query, content, if_match)
        answer = self._loop.run(self._engine.answer(request))
        return answer or {}

    def done(self, http: str, url: str, body: Any = None) -> dict[str, Any]:
        """The finished operation that a request begins."""
        api = url.partition("/")[0]
        operation = self.call(http, url, body)
        end = time.monotonic() + 10
        while not operation.get("done"):
            assert time.monotonic() < end
            time.sleep(0.005)
            operation = self.call("GET", f"{api}/v1/{operation['name']}")
        return operation

    def add_network(self) -> None:
        """A network for what needs one."""
        self.park.table("compute", "networks")[NETWORK] = {"name": "main"}

    def stop(self) -> None:
        self._loop.run(self._engine.close())
        self._store.save()
        self._loop.close()

    async def _start(self) -> None:
        rpc = Rpc({}, {}, frozenset({PROJECT, "-"}), Faults(()))
        self._engine = Engine(self._store, self.park, rpc, self._kinds_of)
        await self._engine.start()

    def _kinds_of(self, api: str, park: Park) -> dict[str, Collection]:
        made = {one: one(park) for one in self._types if one.api == api}
        self.kinds |= made
        return {kind.path: kind for kind in made.values()}


@contextmanager
def parked(directory: Path, *types: type[Collection]) -> Iterator[Parked]:
    """An engine with these kinds for the block; their processes have ended afterwards."""
    one = Parked(directory, types)
    try:
        yield one
    finally:
        one.stop()


def refusal(work: Any, *arguments: Any) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    try:
        answer = work(*arguments)
    except ApiError as error:
        return error.code.name, error.message
    raise AssertionError(f"not refused, but: {answer}")
