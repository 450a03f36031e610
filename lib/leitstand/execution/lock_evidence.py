"""Whether the process behind a lock lives, as far as this machine can tell.

Each holder keeps a file of its own locked (flock) in its state directory. The kernel gives the lock
back when the process ends, however it ends, so a dead holder is known as such at once by all that
work with the same state directory on the same machine. Of a copy of it on another machine, as of a
cloned disk, that cannot be told.
"""

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from leitstand.audit.file_locks import is_held
from leitstand.core.locks import Holder

__all__ = ["Evidence"]


class Evidence:
    """What holders that work with one state directory leave in it.

    Args:
        directory: A directory in it; it is made on first use.
        host: Name of this machine; asked of it when left out.
    """

    def __init__(self, directory: Path, host: str = "") -> None:
        self._directory = directory
        self._host = host or socket.gethostname()

    @property
    def place(self) -> str:
        """Name of the state directory, made up when it is first asked for."""
        path = self._directory / "place"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return path.read_text("ascii")
        new = self._directory / f".place-{secrets.token_hex(8)}"
        new.write_text(secrets.token_hex(8), "ascii")
        try:
            os.link(new, path)
        except FileExistsError:
            pass  # another process was faster, and its name is as good
        finally:
            new.unlink()
        return path.read_text("ascii")

    def appear(self, holder: Holder) -> int:
        """Show that a holder lives until the descriptor that is returned is closed."""
        path = self._path(holder)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def alive(self, holder: Holder) -> bool | None:
        """Return whether a holder's process lives; None where that cannot be seen from here."""
        if not holder.run or (holder.host, holder.place) != (self._host, self.place):
            return None
        try:
            return is_held(self._path(holder))
        except FileNotFoundError:
            return False

    def left(self, run: str) -> bool:
        """Return whether a process of a run has appeared here and was not forgotten since."""
        folder = self._directory / "alive"
        return folder.is_dir() and any(folder.glob(f"{run}.*"))

    def forget(self, holder: Holder) -> None:
        """Clear away what a holder left that is gone."""
        self._path(holder).unlink(missing_ok=True)

    def _path(self, holder: Holder) -> Path:
        return self._directory / "alive" / f"{holder.run}.{holder.token}"
