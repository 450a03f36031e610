"""Locks in a directory: of one machine, or of all that mount it.

The clock is that of the file system: it dates the entries, and a file that is written for the
purpose tells what it shows now. Comparing and writing happen under one advisory lock (flock).
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from leitstand.audit.durable import replace_whole
from leitstand.core.lock_errors import LockStoreUnusable
from leitstand.core.locks import Found

__all__ = ["DirectoryLocks"]

_PATIENCE: Final = 10.0
"""Seconds that another process may take to write."""
_PAUSE: Final = 0.005
_UNREADABLE: Final = "ein Eintrag ist nicht lesbar."


class DirectoryLocks:
    """A store of locks in a directory, which is made at the first write.

    Args:
        directory: The place.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def url(self) -> str:
        """Where it lies."""
        return str(self._directory)

    def read(self, name: str) -> Found | None:
        """Return an entry; None where there is none."""
        with self._explained():
            found = self._entry(self._directory / name)
            return None if found is None else self._found(name, found, self._now())

    def listing(self, prefix: str) -> list[Found]:
        """Return all entries whose names begin so, ascending."""
        with self._explained():
            folder = self._directory / prefix
            names = sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []
            now = self._now() if names else 0.0
            entries = [(f"{prefix}{name}", self._entry(folder / name)) for name in names]
            return [self._found(name, entry, now) for name, entry in entries if entry is not None]

    def write(self, name: str, content: Mapping[str, Any], version: str) -> Found | None:
        """Write an entry if it still has this version, and return it as it is then."""
        path = self._directory / name
        with self._alone():
            found = self._entry(path)
            if (found[0]["version"] if found else "") != version:
                return None
            entry = {"version": secrets.token_hex(8), "content": dict(content)}
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_whole(path, json.dumps(entry).encode())
            written = path.stat().st_mtime
        return self._found(name, (entry, written), written)

    def delete(self, name: str, version: str) -> bool:
        """Delete an entry if it still has this version; return whether it had."""
        path = self._directory / name
        with self._alone():
            found = self._entry(path)
            if found is None or found[0]["version"] != version:
                return False
            path.unlink()
        return True

    def _entry(self, path: Path) -> tuple[dict[str, Any], float] | None:
        try:
            with path.open("rb") as file:
                entry, written = json.load(file), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LockStoreUnusable(self.url, _UNREADABLE) from error
        if not isinstance(entry, dict) or not {"version", "content"} <= set(entry):
            raise LockStoreUnusable(self.url, _UNREADABLE)
        return entry, written

    def _now(self) -> float:
        path = self._directory / f".now-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"?")
            return path.stat().st_mtime
        finally:
            path.unlink(missing_ok=True)

    @staticmethod
    def _found(name: str, entry: tuple[dict[str, Any], float], now: float) -> Found:
        data, written = entry
        at = (datetime.fromtimestamp(moment, UTC) for moment in (written, now))
        return Found(name, data["content"], str(data["version"]), *at)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep all other processes and threads from writing."""
        with self._explained():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._directory / ".writing"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                end = time.monotonic() + _PATIENCE
                while True:
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError as error:
                        if time.monotonic() > end:
                            cause = "ein anderer Prozess schreibt zu lange."
                            raise LockStoreUnusable(self.url, cause) from error
                        time.sleep(_PAUSE)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LockStoreUnusable(self.url, f"{error.strerror or error}.") from error
