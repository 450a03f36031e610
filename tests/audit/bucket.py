"""Buckets on the sandbox's own Cloud Storage, served in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from leitstand.audit.store_gcs import BucketStore
from leitstand.cloud.record_objects import BucketObjects
from leitstand.cloud.rest import Rest
from leitstand.cloud.rest_http import direct
from leitstand.sandbox.rest.engine import Request
from leitstand.sandbox.rest.server import RestServer
from tests.sandbox.rest.asking import PROJECT, Asking, asking

__all__ = ["Buckets", "serving"]


class Late:
    """The engine as the supervisor hands it to the HTTP side."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def serves(self, api: str) -> bool:
        return True

    async def answer(self, *request: Any) -> Any:
        return await self._engine.answer(Request(*request))


class Buckets:
    """A running service.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
    """

    def __init__(self, address: str, ask: Asking) -> None:
        self.address = address
        self.ask = ask
        self.rest = self.client()

    def client(self, make_http: Callable[[], Any] | None = None) -> Rest:
        """Return a client of its own."""
        return Rest(make_http or partial(direct, 10), self.address, pause=0.01)

    def make(self, name: str, **settings: Any) -> str:
        """Make a bucket."""
        body = {"name": name, "location": "europe-west3", **settings}
        self.ask("POST", f"storage/storage/v1/b?project={PROJECT}", body)
        return name

    def objects(self, bucket: str, prefix: str = "") -> BucketObjects:
        return BucketObjects(self.client, bucket, prefix)

    def store(self, bucket: str, prefix: str = "") -> BucketStore:
        return BucketStore(self.objects(bucket, prefix))

    def file(self, bucket: str, name: str) -> Path:
        """Where the content of an object lies on the disk of the service."""
        return self.ask.park.directory / "storage" / bucket / name

    def delete(self, bucket: str, name: str) -> None:
        self.rest.call(
            "storage.v1", "objects", "delete", f"b/{bucket}/o/-", what="", query={"object": name}
        )


@contextmanager
def serving(directory: Path) -> Iterator[Buckets]:
    """A service of its own for the block."""
    with asking(directory) as ask:
        server = RestServer(Late(ask.engine), None)
        try:
            yield Buckets(ask.run(server.start()), ask)
        finally:
            ask.run(server.close())
