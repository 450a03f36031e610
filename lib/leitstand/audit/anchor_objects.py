"""Anchors as objects of a bucket: ``anchors/<12 digits>-<sha256>.json``.

The bucket should have a locked retention policy, which lets nobody delete them, not even its owner:
https://cloud.google.com/storage/docs/bucket-lock
"""

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from leitstand.audit.objects import Objects

__all__ = ["ObjectAnchors"]

_AT_ONCE: Final = 8


class ObjectAnchors:
    """Anchors in a bucket.

    Args:
        objects: The place in the bucket.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def url(self) -> str:
        """Its address, as ``gs://bucket/prefix``."""
        return self._objects.url

    def add(self, name: str, envelope: bytes) -> bool:
        """Keep an anchor durably, and return whether there was none of this name before.

        Raises:
            OSError: the bucket cannot be reached, or refuses.
        """
        md5 = hashlib.md5(envelope, usedforsecurity=False).digest()
        return self._objects.create(f"anchors/{name}.json", io.BytesIO(envelope), md5)

    def weakness(self) -> str:
        """Return in German why an anchor here proves less than it could; empty if it does not.

        Raises:
            OSError: the bucket cannot be reached, or does not tell.
        """
        if self._objects.locked_seconds():
            return ""
        return f"{self.url} hat keine gesperrte Aufbewahrungsregel: Anker lassen sich dort löschen."

    def refresh(self) -> None:
        """Do nothing: a bucket is always read as it is."""

    def envelopes(self) -> Iterator[tuple[str, bytes]]:
        """Return where each anchor is kept, and the bytes of each, in the order of their names.

        Raises:
            OSError: the bucket cannot be reached.
        """
        names = list(self._objects.names("anchors/"))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="anchors") as pool:
            for name, content in zip(names, pool.map(self._objects.read, names), strict=True):
                yield f"{self.url}/{name}", content or b""
