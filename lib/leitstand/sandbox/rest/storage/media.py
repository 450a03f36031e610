"""The HTTP side of Cloud Storage: JSON as in other APIs, and contents up and down.

https://cloud.google.com/storage/docs/uploads-downloads
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.http_errors import status_of
from leitstand.sandbox.rest.storage.content import CONTENT, Content, digest_of
from leitstand.sandbox.rest.storage.refusals import bad, error_body
from leitstand.sandbox.rest.storage.sessions import Session, Sessions

__all__ = ["StorageHttp"]

Query = Sequence[tuple[str, str]]
Answer = Callable[[str, str, str, Query, bytes], Awaitable[dict[str, Any] | None]]
API = "storage"
SITE = "https://storage.googleapis.com"
UPLOAD = re.compile(r"(?:resumable/)?upload/(storage/v1/b/[^/]+/o)")
DOWNLOAD = "download/"
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
CHUNK = 1 << 18
RESUME_INCOMPLETE = 308


class StorageHttp:
    """Answers what is below `/storage/`.

    Args:
        answer: Answers the JSON of a request; raises ApiError.
    """

    def __init__(self, answer: Answer) -> None:
        self._ask = answer
        self._sessions = Sessions()

    def close(self) -> None:
        """Give up what is half uploaded."""
        self._sessions.close()

    async def answer(self, http: web.BaseRequest, path: str) -> web.StreamResponse:
        """The answer to a request; `path` follows `/storage/`, percent-encoded."""
        try:
            upload = UPLOAD.fullmatch(path)
            if upload is not None:
                return await self._uploaded(http, path, upload[1])
            query = tuple(http.query.items())
            if http.method == "GET" and (path.startswith(DOWNLOAD) or ("alt", "media") in query):
                return await self._downloaded(http, path.removeprefix(DOWNLOAD), query)
            answer = await self._ask(http.method, API, path, query, await http.read())
        except ApiError as error:
            return refusal(error)
        if answer is None:
            return web.Response(status=204)
        return web.json_response(_linked(http, answer))

    async def _uploaded(self, http: web.BaseRequest, path: str, target: str) -> web.Response:
        kind = http.query.get("uploadType", "")
        if kind == "resumable" and http.method == "POST":
            return await self._begun(http, path)
        if "upload_id" in http.query:
            return await self._continued(http, target)
        with staged() as file:
            await _received(http, file)
            if kind == "multipart":
                body = _split(file, http.headers.get("Content-Type", ""))
            elif kind == "media":
                body = {"contentType": http.content_type}
            else:
                raise bad(f"Invalid upload request: uploadType '{kind}'.", "badRequest")
            made = await self._inserted(target, tuple(http.query.items()), body, file)
            return web.json_response(_linked(http, made))

    async def _inserted(
        self, target: str, query: Query, body: dict[str, Any], file: Path
    ) -> dict[str, Any]:
        content = Content(uploaded=file, digest=await asyncio.to_thread(digest_of, file))
        left = [(name, value) for name, value in query if name != "upload_id"]
        token = CONTENT.set(content)
        try:
            answer = await self._ask("POST", API, target, left, json.dumps(body).encode())
        finally:
            CONTENT.reset(token)
        return answer or {}

    async def _begun(self, http: web.BaseRequest, path: str) -> web.Response:
        """Begin a resumable upload: its address is where the content goes."""
        try:
            body = json.loads(await http.read() or b"{}")
        except ValueError as error:
            raise bad("Parse Error", "parseError") from error
        kind = http.headers.get("X-Upload-Content-Type")
        if kind:
            body.setdefault("contentType", kind)
        upload = secrets.token_urlsafe(24)
        self._sessions.open(upload, tuple(http.query.items()), body)
        address = http.url.origin().join(http.rel_url).update_query(upload_id=upload)
        return web.Response(headers={"Location": str(address), "X-GUploader-UploadID": upload})

    async def _continued(self, http: web.BaseRequest, target: str) -> web.Response:
        session = self._sessions.find(http.query["upload_id"])
        if http.method == "DELETE":
            self._sessions.drop(session)
            return web.Response(status=499)
        total = await session.take(http)
        if total is None or session.size < total:
            return _more(session)
        try:
            answer = await self._inserted(target, session.query, session.body, session.file)
        except ApiError as error:
            # What may come again finds what came so far, unless it was stored all the same.
            if not _retried(status_of(error)) or not session.file.exists():
                self._sessions.drop(session)
            raise
        self._sessions.drop(session)
        return web.json_response(_linked(http, answer))

    async def _downloaded(
        self, http: web.BaseRequest, path: str, query: Query
    ) -> web.StreamResponse:
        content = Content(wanted=True)
        token = CONTENT.set(content)
        try:
            body = await self._ask("GET", API, path, query, b"") or {}
        finally:
            CONTENT.reset(token)
        if content.found is None:
            # The method has no content, such as that of a bucket.
            return web.json_response(body)
        with content.found as file:
            return await _sent(http, body, file)


def _linked(http: web.BaseRequest, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, its links to contents leading here: Google's client follows them."""
    for one in (body, *body.get("items", ())):
        if "mediaLink" in one:
            one["mediaLink"] = one["mediaLink"].replace(SITE, f"{http.url.origin()}/{API}", 1)
    return body


def refusal(error: ApiError) -> web.Response:
    """The HTTP answer that says no."""
    status = status_of(error)
    if error.reason == "notModified":
        return web.Response(status=304)
    return web.json_response(error_body(error), status=status)


@contextmanager
def staged() -> Iterator[Path]:
    """A file for a content until it has its place."""
    with tempfile.TemporaryDirectory(prefix="leitstand-upload-") as directory:
        yield Path(directory) / "content"


async def _received(http: web.BaseRequest, file: Path) -> None:
    with open(file, "wb") as out:
        async for chunk in http.content.iter_chunked(CHUNK):
            out.write(chunk)


def _split(file: Path, content_type: str) -> dict[str, Any]:
    """The metadata of a multipart/related body (RFC 2387); its content is left in the file."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    data = file.read_bytes()
    mark = b"--" + (found[1] if found else "").encode()
    parts = data.split(mark)
    if found is None or len(parts) < 4:
        raise bad("Multipart body must contain exactly two parts.", "badContent")
    _, about = _part(parts[1])
    # The content itself may hold the mark.
    headers, content = _part(mark.join(parts[2:-1]))
    try:
        body = json.loads(about or b"{}")
    except ValueError as error:
        raise bad("Parse Error", "parseError") from error
    kind = re.search(rb"(?im)^content-type:\s*([^\r\n]+)", headers)
    if kind:
        body.setdefault("contentType", kind[1].decode("latin-1").strip())
    file.write_bytes(content)
    return dict(body)


def _part(text: bytes) -> tuple[bytes, bytes]:
    """Headers and content of one part, without the line ends around it."""
    found = re.search(rb"\r?\n\r?\n", text)
    if found is None:
        raise bad("Malformed multipart body.", "badContent")
    content = text[found.end() :]
    end = 2 if content.endswith(b"\r\n") else 1 if content.endswith(b"\n") else 0
    return text[: found.start()], content[: len(content) - end]


def _retried(status: int) -> bool:
    """Whether a client tries again: https://cloud.google.com/storage/docs/retry-strategy"""
    return status in (408, 429) or status >= 500


def _more(session: Session) -> web.Response:
    headers = {"Range": f"bytes=0-{session.size - 1}"} if session.size else {}
    return web.Response(status=RESUME_INCOMPLETE, headers=headers)


async def _sent(http: web.BaseRequest, body: dict[str, Any], file: Any) -> web.StreamResponse:
    size = int(body["size"])
    headers = {
        "Content-Type": str(body.get("contentType", "application/octet-stream")),
        "ETag": str(body["etag"]),
        "X-Goog-Generation": str(body["generation"]),
        "X-Goog-Metageneration": str(body["metageneration"]),
        "X-Goog-Storage-Class": str(body["storageClass"]),
        "X-Goog-Hash": f"crc32c={body['crc32c']},md5={body['md5Hash']}",
        "X-Goog-Stored-Content-Length": str(size),
        "Accept-Ranges": "bytes",
    }
    start, end, status = 0, size, 200
    wanted = RANGE.fullmatch(http.headers.get("Range", ""))
    if wanted is not None and any(wanted.groups()):
        first, last = wanted.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        if start >= size:
            headers["Content-Range"] = f"bytes */{size}"
            return web.Response(status=416, headers=headers)
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - start
    await response.prepare(http)
    file.seek(start)
    left = end - start
    while left and (chunk := file.read(min(CHUNK, left))):
        await response.write(chunk)
        left -= len(chunk)
    await response.write_eof()
    return response
