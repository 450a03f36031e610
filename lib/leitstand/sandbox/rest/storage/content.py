"""The content of an object on its way between HTTP and the methods of the API.

The methods themselves take and give JSON; the content travels beside it, in the context of a call.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["CONTENT", "Content", "Digest", "digest_of"]

CHUNK = 1 << 20


@dataclass(frozen=True)
class Digest:
    """What is known of a content.

    Attributes:
        size: In bytes.
        md5: Base64 (RFC 1864).
        crc32c: Base64 of the four bytes in network order (RFC 3720).
    """

    size: int
    md5: str
    crc32c: str


@dataclass
class Content:
    """What one call brings or fetches.

    Attributes:
        uploaded: File with the content that an insert brings; it is moved away.
        digest: Of that file.
        wanted: Whether a get wants the content, too.
        found: The content that a get found, open for reading.
    """

    uploaded: Path | None = None
    digest: Digest | None = None
    wanted: bool = False
    found: BinaryIO | None = None


CONTENT: ContextVar[Content | None] = ContextVar("content", default=None)


def digest_of(path: Path) -> Digest:
    """Size and checksums of a file; reads all of it."""
    import base64
    import hashlib

    import google_crc32c

    md5, size = hashlib.md5(usedforsecurity=False), 0
    crc: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]  # it has no stubs
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            md5.update(chunk)
            crc.update(chunk)
            size += len(chunk)
    return Digest(
        size, base64.b64encode(md5.digest()).decode(), base64.b64encode(crc.digest()).decode()
    )
