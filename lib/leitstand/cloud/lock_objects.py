"""Locks in a bucket of Cloud Storage, for all machines that reach it.

An entry is an empty object whose custom metadata says it all, so that one call answers for name,
content, generation and time alike. Objects are replaced and deleted only at the generation that
was seen (https://cloud.google.com/storage/docs/request-preconditions). What an object holds and
what a listing shows is consistent (https://cloud.google.com/storage/docs/consistency).

The clock is that of the service: ``updated`` of an object, and the ``Date`` of an answer
(RFC 9110, section 6.6.1), which counts whole seconds.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final

from leitstand.cloud.errors import AlreadyThere, Conflict, NotFound
from leitstand.cloud.object_contents import upload
from leitstand.cloud.rest import Body, Rest
from leitstand.core.errors import LeitstandError
from leitstand.core.lock_errors import LockStoreMissing, LockStoreUnusable
from leitstand.core.locks import Found

__all__ = ["BucketLocks"]

_API: Final = "storage.v1"
_KEY: Final = "leitstand"
_NO_BUCKET: Final = "bucket does not exist"


class BucketLocks:
    """A store of locks below one place of a bucket.

    Args:
        rest: Returns the client of the REST APIs, one that does not wait long; asked at the first
            call. Whatever gets no answer is tried as often as it tries what only reads.
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

    def read(self, name: str) -> Found | None:
        """Return an entry; None where there is none."""
        with self._explained():
            try:
                body, now = self._get("get", object=self._prefix + name)
            except NotFound as error:
                if _NO_BUCKET in error.reason:
                    raise
                return None
            return self._found(body, now)

    def listing(self, prefix: str) -> list[Found]:
        """Return all entries whose names begin so, ascending."""
        found: list[Found] = []
        token: dict[str, str] = {}
        with self._explained():
            while True:
                query = {"prefix": self._prefix + prefix, **token}
                body, now = self._get("list", **query)
                found += [self._found(item, now) for item in body.get("items", ())]
                if not body.get("nextPageToken"):
                    return found
                token = {"pageToken": str(body["nextPageToken"])}

    def write(self, name: str, content: Mapping[str, Any], version: str) -> Found | None:
        """Write an entry if it still has this version, and return it as it is then.

        It is tried again when the answer is lost; if it had arrived nevertheless, that counts.
        """
        attempts = 0
        text = json.dumps(content)

        def send() -> Body:
            nonlocal attempts
            attempts += 1
            return upload(
                self._rest,
                self._bucket,
                io.BytesIO(),
                what=f"{self.url}/{name} schreiben",
                body={"name": self._prefix + name, "metadata": {_KEY: text}},
                query={"ifGenerationMatch": version or 0},
            )

        with self._explained():
            try:
                body = self._rest.again(send)
            except (AlreadyThere, Conflict):
                found = self.read(name) if attempts > 1 else None
                return found if found is not None and found.content == json.loads(text) else None
            return self._found(body, _time(body["updated"]))

    def delete(self, name: str, version: str) -> bool:
        """Delete an entry if it still has this version; return whether it had.

        A lost answer can make it False although it was there.
        """
        query = {"object": self._prefix + name, "ifGenerationMatch": version}

        def send() -> Body:
            what = f"{self.url}/{name} löschen"
            path = f"b/{self._bucket}/o/-"
            return self._rest.call(_API, "objects", "delete", path, what=what, query=query)

        with self._explained():
            try:
                self._rest.again(send)
            except (AlreadyThere, Conflict):
                return False
            except NotFound as error:
                if _NO_BUCKET in error.reason:
                    raise
                return False
        return True

    @cached_property
    def _rest(self) -> Rest:
        return self._make()

    def _get(self, method: str, **query: str) -> tuple[Body, datetime | None]:
        """Return the answer of a method that only reads, and what the service's clock showed."""
        answers: list[Any] = []

        def send() -> Body:
            with self._rest.sending(_API, "objects", f"{self.url} lesen") as (objects, http):
                request = getattr(objects, method)(bucket=self._bucket, **query)
                request.add_response_callback(answers.append)
                return dict(request.execute(http=http))

        body = self._rest.again(send)
        date = answers[-1].get("date") if answers else None
        return body, parsedate_to_datetime(date).astimezone(UTC) if date else None

    def _found(self, body: Mapping[str, Any], now: datetime | None) -> Found:
        try:
            content = json.loads(body["metadata"][_KEY])
            name = str(body["name"]).removeprefix(self._prefix)
            updated = _time(body["updated"])
            return Found(name, content, str(body["generation"]), updated, now or updated)
        except (KeyError, TypeError, ValueError) as error:
            raise LockStoreUnusable(self.url, "ein Objekt darin ist keine Sperre.") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except LockStoreUnusable:
            raise
        except NotFound as error:
            raise LockStoreMissing(self.url, error.reason) from error
        except LeitstandError as error:
            raise LockStoreUnusable(self.url, error.message, error.advice) from error


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
