"""Contents of objects in Cloud Storage, up and down.

https://cloud.google.com/storage/docs/uploads-downloads
"""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from leitstand.cloud.errors import CloudRefused, CloudUnreachable
from leitstand.cloud.rest import Body, Rest

__all__ = ["content", "upload"]

_API: Final = "storage.v1"
_AT_ONCE: Final = 8 * 1024 * 1024
_PIECE: Final = 16 * 1024 * 1024
_TRIES: Final = 3
_LOST: Final = {404, 410}


def content(
    rest: Rest,
    bucket: str,
    name: str,
    *,
    what: str,
    query: Mapping[str, Any] | None = None,
    span: tuple[int, int] | None = None,
) -> bytes:
    """Return the content of an object, or its bytes of a span; read-only.

    It is tried as often as any call that only reads.

    Args:
        rest: The client.
        bucket: Its bucket.
        name: Its name.
        what: Names the call in German, for errors.
        query: Parameters of the query.
        span: First byte, and the one after the last; the content may end before.

    Raises:
        CloudRefused: the API said no; sub classes name the cause.
        CloudUnreachable: no answer.
    """

    def send() -> bytes:
        with rest.sending(_API, "objects", what) as (objects, http):
            request = objects.get_media(bucket=bucket, object=name, **(query or {}))
            if span is not None:
                request.headers["Range"] = f"bytes={span[0]}-{span[1] - 1}"
            answer: bytes = request.execute(http=http)
            return answer

    return rest.again(send)


def upload(
    rest: Rest,
    bucket: str,
    source: BinaryIO,
    *,
    what: str,
    body: Mapping[str, Any],
    query: Mapping[str, Any],
) -> Body:
    """Create an object, and return the service's answer. A small one is sent once.

    A large one goes in pieces; whenever no answer comes, the service is asked how much has arrived,
    and the rest is sent, unless nothing more arrives three times in a row.

    Args:
        rest: The client.
        bucket: Where it is made.
        source: Its content, which can be read from any place.
        what: Names the call in German, for errors.
        body: Its metadata, with its name.
        query: Parameters of the query, such as preconditions.

    Raises:
        CloudRefused: the API said no; sub classes name the cause.
        CloudUnreachable: no answer.
    """
    from googleapiclient.http import MediaIoBaseUpload

    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    kind = "application/octet-stream"
    media = MediaIoBaseUpload(source, kind, chunksize=_PIECE, resumable=size > _AT_ONCE)
    with rest.sending(_API, "objects", what) as (objects, http):
        request = objects.insert(bucket=bucket, body=dict(body), media_body=media, **query)
        if request.resumable is None:
            answer: Body = request.execute(http=http)
            return answer
    return _in_pieces(rest, request, what)


def _in_pieces(rest: Rest, request: Any, what: str) -> Body:
    answer, failures = None, 0
    while answer is None:
        before = request.resumable_progress
        try:
            with rest.sending(_API, "objects", what) as (_, http):
                # After a failure it asks first how much has arrived.
                _, answer = request.next_chunk(http=http)
        except CloudUnreachable:
            failures += 1
            if failures == _TRIES:
                raise
        except CloudRefused as error:
            status = getattr(error.__cause__, "status_code", 0)
            if request.resumable_uri is None or status not in _LOST:
                raise
            # What has arrived so far is forgotten; begun anew, it may go well.
            raise CloudUnreachable(what, "Der Vorgang ist verfallen.") from error
        if request.resumable_progress > before:
            failures = 0
    return dict(answer)
