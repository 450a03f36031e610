"""A store of records in a directory; several processes may write it at once.

``chain/<12 digits>.json`` holds the records, ``files/<sha256>`` the files of the runs.
A file appears whole under its name, by link(2), and never again.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from leitstand.audit.durable import create_once
from leitstand.audit.store import FileChanged, Listing, Missing, Taken

__all__ = ["DirectoryStore"]

_DIGITS: Final = 12
_RECORD: Final = re.compile(r"(\d{12})\.json", re.ASCII)
_FILE: Final = re.compile(r"[0-9a-f]{64}")
_PIECE: Final = 1 << 20


class DirectoryStore:
    """A store in a directory, private to its owner; made at the first write.

    Args:
        path: The directory; hard links must work there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._chain = path / "chain"
        self._files = path / "files"
        self._incoming = path / "incoming"

    def head(self) -> int:
        """Return the number of the last record; 0 when there is none."""
        try:
            names = os.listdir(self._chain)
        except FileNotFoundError:
            return 0
        # Names of records sort by their numbers, and usually nothing else lies there.
        if names and (last := _RECORD.fullmatch(max(names))):
            return int(last[1])
        return max(
            (int(found[1]) for name in names if (found := _RECORD.fullmatch(name))), default=0
        )

    def read(self, seq: int) -> bytes:
        """Return a record as it is stored.

        Raises:
            Missing: there is none with this number.
        """
        return _read(f"{self._chain}/{seq:0{_DIGITS}}.json")

    def append(self, seq: int, content: bytes) -> None:
        """Add a record durably, if its number is free.

        Raises:
            Missing: there is no record before it.
            Taken: the number is not free.
        """
        self._make()
        if seq > 1 and not self._record(seq - 1).exists():
            raise Missing(f"record {seq - 1}")
        if not create_once(self._record(seq), [content], self._incoming):
            raise Taken(seq)

    def put(self, digest: str, path: Path) -> None:
        """Add a file durably, if it is not there; `digest` is the SHA-256 of its content.

        Raises:
            FileChanged: its content has another digest.
        """
        if self.has(digest):
            return
        self._make()
        create_once(self._files / digest, _checked(path, digest), self._incoming)

    def get(self, digest: str) -> bytes:
        """Return the content of a file.

        Raises:
            Missing: there is none with this digest.
        """
        return _read(f"{self._files}/{digest}")

    def open(self, digest: str) -> BinaryIO:
        """Return a file to be read piece by piece.

        Raises:
            Missing: there is none with this digest.
        """
        try:
            return open(self._files / digest, "rb", buffering=0)
        except FileNotFoundError as error:
            raise Missing(digest) from error

    def has(self, digest: str) -> bool:
        """Return whether there is a file with this digest."""
        return (self._files / digest).is_file()

    def listing(self) -> Listing:
        """Return everything that lies in the store: files first, then records."""
        files, strays = self._names(self._files, _FILE)
        records, others = self._names(self._chain, _RECORD)
        strays += others
        leftovers = [f"incoming/{name}" for name in _entries(self._incoming)]
        own = {self._chain.name, self._files.name, self._incoming.name}
        strays += [name for name in _entries(self.path) if name not in own]
        numbers = sorted(int(name[:_DIGITS]) for name in records)
        if numbers[:1] == [0]:
            numbers, strays = numbers[1:], [*strays, f"chain/{0:0{_DIGITS}}.json"]
        return Listing(
            tuple(numbers), frozenset(files), tuple(sorted(strays)), tuple(sorted(leftovers))
        )

    def _names(self, directory: Path, form: re.Pattern[str]) -> tuple[list[str], list[str]]:
        """Return the regular files whose names have this form, and the paths of the rest."""
        good: list[str] = []
        rest: list[str] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if form.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        good.append(entry.name)
                    else:
                        rest.append(f"{directory.name}/{entry.name}")
        except FileNotFoundError:
            return [], []
        except NotADirectoryError:
            return [], [directory.name]
        return good, rest

    def _record(self, seq: int) -> Path:
        return self._chain / f"{seq:0{_DIGITS}}.json"

    def _make(self) -> None:
        for directory in (self.path, self._chain, self._files, self._incoming):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _entries(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        return ["."]


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Missing(path) from error
    try:
        # One byte more than there should be: a single read then shows that this was the end.
        size = os.fstat(descriptor).st_size
        content = os.read(descriptor, min(size, _PIECE) + 1)
        return content if len(content) == size else content + _rest(descriptor)
    finally:
        os.close(descriptor)


def _rest(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, _PIECE):
        pieces.append(piece)
    return b"".join(pieces)


def _checked(path: Path, digest: str) -> Iterator[bytes]:
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            yield piece
    if found.hexdigest() != digest:
        raise FileChanged(path)
