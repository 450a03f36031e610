"""Approvals as files: what is asked for, what was given, and which nonces are used.

One directory, shared by those who run and those who approve::

    requests/<run>/<digest of the plan>.json    what waits; its run writes and removes it
    given/<run>/<SHA-256 of the envelope>.json  signed; written once, never replaced
    used/<nonce>.json                           for what a nonce was used; written once

Nothing here has to be trusted: a request is shown before it is signed, a given approval proves
itself by its signature, and a nonce only ever takes something away.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitstand.audit.durable import create_once
from leitstand.core.approvals.decision import Use
from leitstand.core.approvals.request import Request
from leitstand.core.errors import InputError

__all__ = ["ApprovalStore", "Given", "UnsafeName"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MOST_BYTES = 64 * 1024
"""An envelope has about one kilobyte; what is larger is none."""
_MODE = 0o644
"""Approvals are no secrets, and run and approval may belong to two accounts."""


class UnsafeName(InputError):
    """The name of a run or a nonce could leave the directory."""

    def __init__(self, name: str) -> None:
        super().__init__(f"„{name}“ ist kein Name für eine Freigabe.", "Prüfen Sie die Kennung.")
        self.name = name


@dataclass(frozen=True)
class Given:
    """An envelope that lies in the store.

    Attributes:
        source: Name of its file.
        content: Its bytes.
    """

    source: str
    content: bytes


class ApprovalStore:
    """The directory; made when something is first written.

    Args:
        directory: Its path.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ask(self, request: Request) -> None:
        """Write what waits; earlier requests of the run for the same plan's name go away.

        Raises:
            OSError: it could not be written.
        """
        asked = request.asked
        for other in self._requests_of(asked.run):
            earlier = other.asked.plan
            if earlier.runbook == asked.plan.runbook and earlier.digest != asked.plan.digest:
                self.settle(asked.run, earlier.digest)
        self.settle(asked.run, asked.plan.digest)
        text = json.dumps(request.as_data(), indent=1)
        _write_once(self._request(asked.run, asked.plan.digest), text.encode("ascii"))

    def settle(self, run: str, digest: str) -> None:
        """Remove a request, because it was granted or its plan was changed."""
        self._request(run, digest).unlink(missing_ok=True)

    def requests(self) -> list[Request]:
        """Return what waits, the oldest first; files that hold no request are left out."""
        root = self._directory / "requests"
        runs = [path.name for path in root.iterdir()] if root.is_dir() else []
        found = [request for run in runs if _is_name(run) for request in self._requests_of(run)]
        return sorted(found, key=lambda one: (one.at, one.asked.run))

    def give(self, run: str, envelope: bytes) -> str:
        """Keep a signed approval and return the name of its file.

        Raises:
            OSError: it could not be written.
        """
        name = f"{hashlib.sha256(envelope).hexdigest()}.json"
        _write_once(self._directory / "given" / _named(run) / name, envelope)
        return name

    def given(self, run: str) -> list[Given]:
        """Return what was given for a run, ordered by name."""
        directory = self._directory / "given" / _named(run)
        paths = sorted(directory.glob("*.json")) if directory.is_dir() else []
        read = ((path.name, _content(path)) for path in paths)
        return [Given(name, content) for name, content in read if content is not None]

    def use(self, nonces: Iterable[str], use: Use) -> None:
        """Note for what nonces were used; the first note stands.

        Raises:
            OSError: it could not be written.
        """
        text = json.dumps({"run": use.run, "digest": use.digest})
        for nonce in nonces:
            _write_once(self._directory / "used" / f"{_named(nonce)}.json", text.encode())

    def used(self, nonces: Iterable[str]) -> Mapping[str, Use]:
        """Return for what those of the nonces were used that were."""
        found: dict[str, Use] = {}
        for nonce in nonces:
            content = _content(self._directory / "used" / f"{_named(nonce)}.json")
            if content is not None:
                data = _data(content) or {}
                found[nonce] = Use(str(data.get("run", "")), str(data.get("digest", "")))
        return found

    def _request(self, run: str, digest: str) -> Path:
        return self._directory / "requests" / _named(run) / f"{_named(digest)}.json"

    def _requests_of(self, run: str) -> list[Request]:
        directory = self._directory / "requests" / _named(run)
        paths = sorted(directory.glob("*.json")) if directory.is_dir() else []
        read = ((path, _read_request(path)) for path in paths)
        return [
            request
            for path, request in read
            # The name is what the digest says; a file that was moved or edited is no request.
            if request is not None
            and (request.asked.run, request.asked.plan.digest) == (run, path.stem)
        ]


def _read_request(path: Path) -> Request | None:
    data = _data(_content(path, most=64 * _MOST_BYTES) or b"")
    try:
        return Request.from_data(data) if data is not None else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _data(content: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _content(path: Path, most: int = _MOST_BYTES) -> bytes | None:
    """Return the bytes of a regular file; None where there is none, or it is too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content if len(content) <= most else None


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that others may read; one that is there stays as it is.

    New directories let in whom the nearest one above lets in.
    """
    _make(path.parent)
    create_once(path, [content], path.parent, mode=_MODE)


def _make(directory: Path) -> None:
    if directory.is_dir():
        return
    _make(directory.parent)
    directory.mkdir(exist_ok=True)
    with suppress(PermissionError):  # another account was faster
        directory.chmod(stat.S_IMODE(directory.parent.stat().st_mode))


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _named(name: str) -> str:
    if not _is_name(name):
        raise UnsafeName(name)
    return name
