"""Where the Unix sockets of servers lie: in a directory that belongs to one sandbox alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["socket_directory"]

LONGEST = 85
"""Bytes; the socket's own name comes on top, and the system takes 108 (unix(7))."""


def socket_directory(directory: Path, kind: str) -> Path:
    """The directory `sockets` there, made anew and empty; elsewhere where its name is too long.

    Args:
        directory: Of the servers; exists.
        kind: What kind of servers they are.

    Raises:
        OSError: It cannot be made, such as where it belongs to someone else.
    """
    place = directory / "sockets"
    if len(os.fsencode(place)) > LONGEST:
        mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"leitstand-{kind}-{mark}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    return place
