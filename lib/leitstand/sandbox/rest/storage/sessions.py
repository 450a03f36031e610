"""Resumable uploads: contents that come in several requests.

https://cloud.google.com/storage/docs/resumable-uploads
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.storage.refusals import bad, no_session

__all__ = ["Session", "Sessions"]

RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
CHUNK = 1 << 18
MOST = 100


class Session:
    """One upload.

    Attributes:
        id: Its id.
        query: Of the request that began it.
        body: The metadata.
        file: What came so far.
        size: How much that is.
    """

    def __init__(self, id: str, query: Sequence[tuple[str, str]], body: dict[str, Any]) -> None:
        self.id = id
        self.query = query
        self.body = body
        self.directory = Path(tempfile.mkdtemp(prefix="leitstand-upload-"))
        self.file = self.directory / "content"
        self.file.touch(mode=0o600)
        self.size = 0

    async def take(self, http: web.BaseRequest) -> int | None:
        """Add what a request brings; the whole size, where it tells it.

        Raises:
            ApiError: INVALID_ARGUMENT, it does not fit to what came before.
        """
        given = http.headers.get("Content-Range")
        if given is None:
            await self._append(http, 0)
            return self.size
        found = RANGE.fullmatch(given)
        if found is None:
            raise bad(f"Failed to parse Content-Range header: {given}", "badRequest")
        if found[1] is not None:
            await self._append(http, int(found[1]))
        return None if found[3] == "*" else int(found[3])

    async def _append(self, http: web.BaseRequest, start: int) -> None:
        if start > self.size:
            raise _gap(start, self.size)
        with open(self.file, "r+b") as file:
            file.seek(start)
            async for chunk in http.content.iter_chunked(CHUNK):
                file.write(chunk)
            self.size = file.tell()
            file.truncate()


class Sessions:
    """All uploads that are not finished."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def open(self, id: str, query: Sequence[tuple[str, str]], body: dict[str, Any]) -> None:
        """Begin one; the oldest is given up where there are too many."""
        self._open[id] = Session(id, query, body)
        if len(self._open) > MOST:
            self.drop(next(iter(self._open.values())))

    def find(self, id: str) -> Session:
        """The upload with that id.

        Raises:
            ApiError: NOT_FOUND.
        """
        if id not in self._open:
            raise no_session()
        return self._open[id]

    def drop(self, session: Session) -> None:
        """End an upload and delete what came of it."""
        self._open.pop(session.id, None)
        shutil.rmtree(session.directory, ignore_errors=True)

    def close(self) -> None:
        """End all of them."""
        for session in list(self._open.values()):
            self.drop(session)


def _gap(start: int, size: int) -> ApiError:
    return bad(
        f"Invalid request. The range begins at {start}, but {size} bytes came.", "badRequest"
    )
