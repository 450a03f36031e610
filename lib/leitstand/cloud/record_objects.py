"""Objects of a bucket that are created once and never replaced: the home of sealed records."""

import io
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO, Final

from leitstand.cloud.errors import (
    AlreadyThere,
    Conflict,
    NotFound,
)
from leitstand.cloud.object_contents import content, upload
from leitstand.cloud.rest import Rest
from leitstand.core.errors import LeitstandError, RunFailed

__all__ = ["BucketObjects", "BucketUnusable"]

_API: Final = "storage.v1"
_PAGE: Final = 1000
_PIECE: Final = 4 * 1024 * 1024
_NO_BUCKET: Final = "bucket does not exist"


class BucketUnusable(RunFailed, OSError):
    """A bucket does not answer, refuses, or is not there; its cause says which.

    It is an OSError too, as for any store that cannot be reached.

    Attributes:
        url: Its address.
        missing: Whether it is not there.
    """

    def __init__(self, url: str, error: LeitstandError) -> None:
        super().__init__(f"{url} ist nicht benutzbar: {error.message}", error.advice)
        self.url = url
        self.missing = isinstance(error, NotFound)


class BucketObjects:
    """Objects below one place of a bucket; their names begin there.

    Every method raises BucketUnusable when the bucket does not answer, refuses, or is not there.

    Args:
        rest: Returns the client of the REST APIs; asked at the first call.
        bucket: The bucket.
        prefix: What all names begin with, without the slash at its end; empty for the whole bucket.
    """

    def __init__(self, rest: Callable[[], Rest], bucket: str, prefix: str = "") -> None:
        self._make = rest
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def url(self) -> str:
        """The place, as ``gs://bucket/prefix``."""
        return f"gs://{self._bucket}/{self._prefix}".rstrip("/")

    def names(self, prefix: str, *, start: str = "", end: str = "", page: int = 0) -> Iterator[str]:
        """Return the names that begin with `prefix`, ascending; a page is one call. Read-only."""
        query = {"prefix": self._prefix + prefix, "maxResults": page or _PAGE}
        query |= {"fields": "items/name,nextPageToken"}
        query |= {"startOffset": self._prefix + start} if start else {}
        query |= {"endOffset": self._prefix + end} if end else {}
        what = f"Objekte in {self.url} auflisten"
        with self._answering():
            for answer in self._rest.pages(
                _API, "objects", f"b/{self._bucket}", what=what, query=query
            ):
                for item in answer.get("items", ()):
                    yield str(item["name"]).removeprefix(self._prefix)

    def locked_seconds(self) -> int:
        """Return the time of the bucket's retention policy; 0 if that is not locked. Read-only."""
        with self._answering():
            what = f"Bucket {self._bucket} lesen"
            found = self._rest.call(_API, "buckets", "get", f"b/{self._bucket}", what=what)
        policy = found.get("retentionPolicy", {})
        return int(policy.get("retentionPeriod", 0)) if policy.get("isLocked") else 0

    def has(self, name: str) -> bool:
        """Return whether there is an object of this name; read-only."""
        return self._about(name) is not None

    def read(self, name: str) -> bytes | None:
        """Return the content of an object; None where there is none; read-only."""
        with self._answering():
            try:
                return self._content(name, {})
            except NotFound:
                pass
        # Only this answer says whether there is a bucket at all.
        found = self._about(name)
        return None if found is None else self._pinned(name, found)

    def open(self, name: str) -> BinaryIO | None:
        """Return an object to be read piece by piece; None where there is none; read-only.

        All pieces are of the content that it has now.
        """
        found = self._about(name)
        if found is None:
            return None

        def piece(start: int, end: int) -> bytes:
            return self._pinned(name, found, (start, end))

        return io.BufferedReader(_Pieces(piece, int(found["size"])), _PIECE)

    def create(self, name: str, source: BinaryIO, md5: bytes) -> bool:
        """Create an object, and return whether it was not there before.

        It is tried again when the answer is lost; if it had arrived nevertheless, that counts.
        """
        attempts = 0

        def send() -> None:
            nonlocal attempts
            attempts += 1
            upload(
                self._rest,
                self._bucket,
                source,
                what=f"{self.url}/{name} schreiben",
                body={"name": self._prefix + name, "md5Hash": wanted},
                query={"ifGenerationMatch": 0},
            )

        wanted = b64encode(md5).decode("ascii")
        with self._answering():
            try:
                self._rest.again(send)
            except (AlreadyThere, Conflict):
                found = self._about(name) if attempts > 1 else None
                return found is not None and found.get("md5Hash") == wanted
        return True

    @cached_property
    def _rest(self) -> Rest:
        return self._make()

    def _about(self, name: str) -> Mapping[str, Any] | None:
        with self._answering():
            try:
                return self._rest.call(
                    _API,
                    "objects",
                    "get",
                    f"b/{self._bucket}/o/-",
                    what=f"{self.url}/{name} lesen",
                    # The name may hold slashes, so it is no part of a full name of this kind.
                    query={"object": self._prefix + name},
                )
            except NotFound as error:
                if _NO_BUCKET in error.reason:
                    raise
                return None

    def _pinned(
        self, name: str, found: Mapping[str, Any], span: tuple[int, int] | None = None
    ) -> bytes:
        with self._answering():
            return self._content(name, {"generation": found["generation"]}, span)

    def _content(
        self, name: str, query: Mapping[str, Any], span: tuple[int, int] | None = None
    ) -> bytes:
        return content(
            self._rest,
            self._bucket,
            self._prefix + name,
            what=f"{self.url}/{name} lesen",
            query=query,
            span=span,
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn our errors of the cloud into the one that is an OSError too."""
        try:
            yield
        except LeitstandError as error:
            raise BucketUnusable(self.url, error) from error


class _Pieces(io.RawIOBase):
    """Reads a content of known size, each time as much as is asked for."""

    def __init__(self, piece: Callable[[int, int], bytes], size: int) -> None:
        self._piece = piece
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._size, self._at + len(buffer))
        if end <= self._at:
            return 0
        content = self._piece(self._at, end)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
