"""The gRPC handlers of the sandbox, called as the REST side calls them: by HTTP method and path."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.protobuf import json_format

from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES, contract
from leitstand.sandbox.execution_run import Surroundings
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import FrontDoor
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.jobs import Jobs
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.registry import Registry
from leitstand.sandbox.rest import validation
from leitstand.sandbox.rest.bridge import answered, bridged
from leitstand.sandbox.rest.discovery import Document, load
from leitstand.sandbox.revisions import Revisions
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.services import Services
from leitstand.sandbox.sql.service import CloudSql
from leitstand.sandbox.store import Store, raw
from leitstand.sandbox.traffic_log import TrafficLog
from tests.sandbox.loops import Loop

PROJECT = "leitstand-sandbox"
LOCATION = f"projects/{PROJECT}/locations/europe-west3"

document = lru_cache(load)


class Bridging:
    """Resource classes on a loop of a thread of their own.

    Attributes:
        handlers: What is behind the gRPC methods, by path.
        rpc: Calls them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = Loop()

    def start(self) -> None:
        self._loop.run(self._start())

    def stop(self) -> None:
        self._loop.run(self._stop())
        self._loop.close()

    def call(self, api: str, http: str, url: str, body: Any = None) -> dict[str, Any]:
        """The checked answer to a request; ApiError is raised as the handler raises it."""
        described: Document = document(api)
        parts = urlsplit(url)
        found = described.route(http, parts.path)
        assert found is not None, (http, url)
        method, values = found
        read = body
        if method.request:
            read = validation.request_body(described, method.id, method.request, body or {})
        bridge = bridged(method.id, {**values, **dict(parse_qsl(parts.query))}, read or {})
        assert bridge is not None, method.id
        path, content = bridge
        message = self.rpc.request_type(path)()
        json_format.ParseDict(content, raw(message))
        answer = answered(self._loop.run(self.rpc.call(path, message)))
        kept, faults = validation.answer(described, method.response, answer)
        assert faults == []
        assert kept == answer == json.loads(json.dumps(answer))
        return answer

    def done(self, api: str, operation: dict[str, Any], seconds: float = 15.0) -> dict[str, Any]:
        """The operation when it has ended."""
        url = f"v2/{operation['name']}" if api == "run" else f"v1/{operation['name']}"
        if api == "sqladmin":
            url = f"v1/projects/{PROJECT}/operations/{operation['name']}"
        end = time.monotonic() + seconds
        while not operation.get("done") and operation.get("status") != "DONE":
            assert time.monotonic() < end
            time.sleep(0.01)
            operation = self.call(api, "GET", url)
        return operation

    async def _start(self) -> None:
        store = Store(self._directory)
        traffic = TrafficLog()
        logs = Logs(traffic)
        self._operations = Operations(store)
        secrets = Secrets(store)
        images: Any = Registry(store, Catalogue.load())
        self._door = FrontDoor(traffic, None)
        self._fleet = Fleet(images, logs, secrets.value, startup_deadline=5.0)
        self._jobs = Jobs(store, self._operations, Surroundings(images, logs, secrets.value))
        self._sql = CloudSql(store, self._directory / "sql", "europe-west3")
        parts = (
            self._operations,
            secrets,
            images,
            Services(store, self._operations, self._fleet, self._door, images),
            Revisions(store, self._operations, self._fleet),
            self._jobs,
            self._sql,
            logs,
            Monitoring(traffic),
        )
        self.handlers = {path: one for part in parts for path, one in part.methods().items()}
        methods = contract((*PACKAGES, *LATE_PACKAGES))
        self.faults = Faults(tuple(methods))
        self.rpc = Rpc(methods, self.handlers, frozenset({PROJECT}), self.faults)
        await self._door.start()
        self._fleet.start()

    async def _stop(self) -> None:
        await self._operations.close()
        await self._jobs.close()
        await self._door.close()
        await self._fleet.close()
        await self._sql.close()


@contextmanager
def bridging(directory: Path) -> Iterator[Bridging]:
    """The handlers for the block; their processes have ended afterwards."""
    handlers = Bridging(directory)
    try:
        handlers.start()
        yield handlers
    finally:
        handlers.stop()
