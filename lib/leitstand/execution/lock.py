"""One run at a time per environment and target, on this machine.

The lock is held by an open file; it is free as soon as its holder's process is gone.
"""

import fcntl
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from leitstand.core.errors import GateRefused

__all__ = ["Lock", "Locked"]


class Locked(GateRefused):
    """Another run holds the lock."""

    def __init__(self, target: str, holder: str) -> None:
        super().__init__(
            f"Der Lauf {holder} arbeitet gerade an {target.rsplit('/', 1)[-1]}.",
            "Warten Sie, bis er beendet ist, oder sprechen Sie sich mit seinem Bediener ab.",
        )
        self.target = target
        self.holder = holder


class Lock:
    """The right to change one target; a context manager.

    Attributes:
        target: Full resource name.
        run: Id of the run that asks for the lock.
    """

    def __init__(self, directory: Path, environment: str, target: str, run: str) -> None:
        key = hashlib.sha256(f"{environment}\n{target}".encode()).hexdigest()[:16]
        self._path = directory / f"{environment}-{key}.lock"
        self._descriptor: int | None = None
        self.target = target
        self.run = run

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            Locked: another run holds it; its id is named.
        """
        if self._descriptor is not None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise Locked(self.target, holder) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"run": self.run, "pid": os.getpid()}).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _holder(content: bytes) -> str:
    try:
        return str(json.loads(content)["run"])
    except (ValueError, KeyError, TypeError):
        return "eines anderen Prozesses"
