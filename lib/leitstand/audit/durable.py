"""Files that are there whole or not at all, also after a crash."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

__all__ = ["create_once", "replace_whole", "sync_directory"]


def create_once(path: Path, content: Iterable[bytes], scratch: Path, *, mode: int = 0o400) -> bool:
    """Create a file, durably, and return whether it was not there before.

    What is there already stays as it is.

    Args:
        path: The file.
        content: Its bytes, in pieces.
        scratch: Directory on the same file system for the file while it is not whole.
        mode: Its permissions.

    Raises:
        OSError: it can neither be made nor found.
    """
    temporary = _written(content, scratch, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_directory(path.parent)
    return True


def replace_whole(path: Path, content: bytes) -> None:
    """Replace or create a file, durably; only its owner can read it.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    temporary = _written([content], path.parent, 0o600)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Wait until the entries of a directory lie on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(content: Iterable[bytes], scratch: Path, mode: int) -> Path:
    temporary = scratch / f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
