"""Where the open state of runs lies for other machines, and such a place in a directory."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from leitstand.audit.durable import create_once

__all__ = ["DirectoryOpenStore", "OpenStore"]


class OpenStore(Protocol):
    """Small objects that are created once, and deleted when their run is over.

    Every method raises OSError when the store does not answer, refuses, or is not there.
    """

    @property
    def url(self) -> str:
        """Where it lies."""

    def names(self, prefix: str) -> Iterator[str]:
        """Return the names that begin with a prefix, ascending. Read-only."""

    def read(self, name: str) -> bytes | None:
        """Return a content; None where there is none. Read-only."""

    def create(self, name: str, content: bytes) -> bool:
        """Store a content durably, and return whether there was none of this name before."""

    def delete(self, name: str) -> None:
        """Delete a content; harmless where there is none."""


class DirectoryOpenStore:
    """Such a place in a directory that several machines mount; made at the first write.

    Args:
        directory: Hard links must work there. Two levels below a mount point, so that a share which
            is not mounted is noticed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def url(self) -> str:
        """Where it lies."""
        return str(self._directory)

    def names(self, prefix: str) -> Iterator[str]:
        """Return the names that begin with a prefix, ascending."""
        start = self._directory / prefix.rpartition("/")[0]
        if not start.is_dir():
            self._must_be_there()
            return
        found = (path for path in start.rglob("*") if path.is_file())
        names = (path.relative_to(self._directory).as_posix() for path in found)
        yield from sorted(n for n in names if n.startswith(prefix) and "/." not in n)

    def read(self, name: str) -> bytes | None:
        """Return a content; None where there is none."""
        try:
            return (self._directory / name).read_bytes()
        except FileNotFoundError:
            self._must_be_there()
            return None

    def _must_be_there(self) -> None:
        """Raise OSError unless nothing was written yet.

        A directory of a share lies below its mount point: not mounted, it has no parent either.
        """
        self._directory.parent.stat()
        if self._directory.exists():
            os.listdir(self._directory)

    def create(self, name: str, content: bytes) -> bool:
        """Store a content durably, and return whether there was none of this name before."""
        path, scratch = self._directory / name, self._directory / ".incoming"
        self._directory.mkdir(mode=0o700, exist_ok=True)
        scratch.mkdir(mode=0o700, exist_ok=True)
        for _ in range(3):  # another machine may clear the folder away between the two calls
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                return create_once(path, [content], scratch)
        raise FileNotFoundError(os.fspath(path))

    def delete(self, name: str) -> None:
        """Delete a content; harmless where there is none."""
        path = self._directory / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others may be there still
            path.parent.rmdir()
