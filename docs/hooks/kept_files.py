"""Files under .cache that a build keeps for the next one: written whole, gone when unused."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["forget_unused", "write_whole"]

UNUSED_SECONDS = 30 * 86400


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; its directory is made when it is missing.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def forget_unused(kept: Path) -> None:
    """Remove what no build has used for long."""
    oldest = time.time() - UNUSED_SECONDS
    for path in kept.glob("*"):
        with suppress(FileNotFoundError):  # another build removes it as well
            if path.stat().st_mtime < oldest:
                path.unlink()
