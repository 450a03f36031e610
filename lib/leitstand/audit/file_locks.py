"""Locks on files (flock): the kernel gives one back when its process ends, however it ends."""

import fcntl
import os
from pathlib import Path

__all__ = ["is_held"]


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock on a file for itself. Read-only.

    Raises:
        OSError: the file is not there, or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
