"""The open state of runs in a bucket, for all machines that reach it.

Objects are created only where there is none, and deleted when their run is over: the bucket must
have no retention policy. The role ``storage.objectUser`` suffices.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from functools import cached_property

from leitstand.cloud.errors import NotFound
from leitstand.cloud.record_objects import BucketObjects, BucketUnusable
from leitstand.cloud.rest import Rest
from leitstand.core.errors import LeitstandError

__all__ = ["BucketOpenStore"]


class BucketOpenStore:
    """A place for open runs in a bucket.

    Every method raises BucketUnusable when the bucket does not answer, refuses, or is not there.

    Args:
        rest: Returns the client of the REST APIs, one that does not wait long; asked at the first
            call.
        bucket: The bucket.
        prefix: What all names begin with, without the slash at its end; empty for the whole bucket.
    """

    def __init__(self, rest: Callable[[], Rest], bucket: str, prefix: str = "") -> None:
        self._make = rest
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._objects = BucketObjects(lambda: self._rest, bucket, prefix)

    @property
    def url(self) -> str:
        """The place, as ``gs://bucket/prefix``."""
        return self._objects.url

    def names(self, prefix: str) -> Iterator[str]:
        """Return the names that begin with a prefix, ascending; read-only."""
        return self._objects.names(prefix)

    def read(self, name: str) -> bytes | None:
        """Return a content; None where there is none; read-only."""
        return self._objects.read(name)

    def create(self, name: str, content: bytes) -> bool:
        """Create an object, and return whether there was none of this name before."""
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        return self._objects.create(name, io.BytesIO(content), md5)

    def delete(self, name: str) -> None:
        """Delete an object; harmless where there is none."""

        def send() -> object:
            query = {"object": self._prefix + name}
            path, what = f"b/{self._bucket}/o/-", f"{self.url}/{name} löschen"
            return self._rest.call("storage.v1", "objects", "delete", path, what=what, query=query)

        try:
            self._rest.again(send)
        except NotFound:
            return
        except LeitstandError as error:
            raise BucketUnusable(self.url, error) from error

    @cached_property
    def _rest(self) -> Rest:
        return self._make()
