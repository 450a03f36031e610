"""A store of records in a bucket; any number of machines may write it at once.

``chain/<12 digits>.json`` holds the records, ``files/<sha256>`` the files of the runs, as in a
directory. The bucket must not let objects be replaced or deleted by those who run: the roles
``storage.objectCreator`` and ``storage.objectViewer`` suffice.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from leitstand.audit.objects import Objects
from leitstand.audit.read_ahead import ReadAhead
from leitstand.audit.store import FileChanged, Listing, Missing, Taken

__all__ = ["BucketStore"]

_DIGITS: Final = 12
_LAST: Final = 10**_DIGITS - 1
_PAGE: Final = 1000
_SOME: Final = 10
_PIECE: Final = 1 << 20
_RECORD: Final = re.compile(r"chain/(\d{12})\.json", re.ASCII)
_FILE: Final = re.compile(r"files/([0-9a-f]{64})")
_ANCHOR: Final = re.compile(r"anchors/\d{12}-[0-9a-f]{64}\.json", re.ASCII)
_END: Final = "chain/:"
"""The first name after those of all records, in the order of the service."""


class BucketStore:
    """A store in a bucket; nothing in it is ever replaced.

    Args:
        objects: The place in the bucket.
        ahead: How many records are read in advance when they are read one after the other, up to
            the last one that was seen; none when 0.
    """

    def __init__(self, objects: Objects, *, ahead: int = 16) -> None:
        self._objects = objects
        self._known = 0
        self._ahead = ReadAhead(lambda seq: objects.read(_record(seq)), ahead)

    @property
    def url(self) -> str:
        """Where it lies, as ``gs://bucket/prefix``."""
        return self._objects.url

    def head(self) -> int:
        """Return the number of the last record; 0 when there is none.

        The number is searched for, with some ten calls for a hundred thousand records: whether
        there is any record from a number on does not depend on gaps. What was the last one before
        only tells where to begin.
        """
        low, full = self._page(self._known)
        if not low and self._known:
            low, full = self._page(0)
        high, step = (0 if full else low + 1), _PAGE
        # There is a record `low`; once `high` is known, there is none from there on.
        while not high:
            found = self._any(low + step)
            low, high, step = (found, 0, 2 * step) if found else (low, low + step, step)
        while high - low > _PAGE:
            middle = (low + high) // 2
            found = self._any(middle)
            low, high = (found, high) if found else (low, middle)
        self._known = self._page(low)[0] if full else low
        return self._known

    def read(self, seq: int) -> bytes:
        """Return a record as it is stored.

        Raises:
            Missing: there is none with this number.
        """
        content = self._ahead.read(seq, self._known)
        if content is None:
            raise Missing(_record(seq))
        return content

    def append(self, seq: int, content: bytes) -> None:
        """Add a record durably, if its number is free.

        Raises:
            Missing: there is no record before it.
            Taken: the number is not free.
        """
        if seq > 1 and not self._objects.has(_record(seq - 1)):
            raise Missing(f"record {seq - 1}")
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        if not self._objects.create(_record(seq), io.BytesIO(content), md5):
            raise Taken(seq)

    def put(self, digest: str, path: Path) -> None:
        """Add a file durably, if it is not there; `digest` is the SHA-256 of its content.

        Raises:
            FileChanged: its content has another digest.
        """
        if self.has(digest):
            return
        with open(path, "rb") as file:
            sha256, md5 = _digests(file)
            if sha256 != digest:
                raise FileChanged(path)
            try:
                self._objects.create(f"files/{digest}", file, md5)
            except OSError as error:
                # The service takes only what was measured.
                if _digests(file)[0] != digest:
                    raise FileChanged(path) from error
                raise

    def get(self, digest: str) -> bytes:
        """Return the content of a file.

        Raises:
            Missing: there is none with this digest.
        """
        content = self._objects.read(f"files/{digest}")
        if content is None:
            raise Missing(digest)
        return content

    def open(self, digest: str) -> BinaryIO:
        """Return a file to be read piece by piece.

        Raises:
            Missing: there is none with this digest.
        """
        file = self._objects.open(f"files/{digest}")
        if file is None:
            raise Missing(digest)
        return file

    def has(self, digest: str) -> bool:
        """Return whether there is a file with this digest."""
        return self._objects.has(f"files/{digest}")

    def listing(self) -> Listing:
        """Return everything that lies in the store: files first, then records.

        Anchors may lie there too.
        """
        files: set[str] = set()
        records: list[int] = []
        strays = []
        for name in self._names():
            record, file = _RECORD.fullmatch(name), _FILE.fullmatch(name)
            if record and int(record[1]):
                records.append(int(record[1]))
            elif file:
                files.add(file[1])
            elif not _ANCHOR.fullmatch(name):
                strays.append(name)
        self._known = max(records, default=0)
        return Listing(tuple(records), frozenset(files), tuple(sorted(strays)))

    def _names(self) -> Iterator[str]:
        """Return all names, files before records."""
        yield from self._objects.names("files/")
        yield from self._objects.names("", end="files/")
        yield from self._objects.names("", start="files0")

    def _page(self, start: int) -> tuple[int, bool]:
        """Return the highest number on the page that begins here, 0 if none, and if it is full."""
        numbers = list(islice(self._numbers(start, _PAGE), _PAGE))
        return numbers[-1] if numbers else 0, len(numbers) == _PAGE

    def _any(self, start: int) -> int:
        """Return the number of the first record from here on; 0 if there is none."""
        return next(self._numbers(start, _SOME), 0)

    def _numbers(self, start: int, page: int) -> Iterator[int]:
        if start > _LAST:
            return
        for name in self._objects.names("chain/", start=_record(start), end=_END, page=page):
            found = _RECORD.fullmatch(name)
            if found and int(found[1]):
                yield int(found[1])


def _record(seq: int) -> str:
    return f"chain/{seq:0{_DIGITS}}.json"


def _digests(file: BinaryIO) -> tuple[str, bytes]:
    """Return SHA-256 and MD5 of a content, read once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while piece := file.read(_PIECE):
        sha256.update(piece)
        md5.update(piece)
    return sha256.hexdigest(), md5.digest()
