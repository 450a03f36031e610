"""Tables of the reference which take seconds to make, kept under .cache for the next build.

A kept table is named by everything that it is made of: the sources of Leitstand and of the hooks,
their texts, and the versions of what is installed. So it is never out of date.
"""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

import leitstand

__all__ = ["KEPT", "forget_unused", "kept", "made_of"]

KEPT = Path(".cache") / "site" / "tables"
UNUSED_SECONDS = 30 * 86400
READ = {".json", ".py", ".yaml"}


def kept(name: str, make: Callable[[], str], directory: Path) -> str:
    """Return a table, from an earlier build where nothing that it is made of has changed.

    Args:
        name: Its name, unique among tables.
        make: Makes it anew.
        directory: Of kept tables; made when it is missing. One that cannot be written keeps none.
    """
    path = directory / f"{name}-{made_of()[:32]}.md"
    with suppress(OSError, UnicodeDecodeError):
        text = path.read_text("utf-8")
        os.utime(path)
        return text
    text = make()
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    return text


def forget_unused(directory: Path) -> None:
    """Remove what no build has used for long."""
    oldest = time.time() - UNUSED_SECONDS
    for path in directory.glob("*"):
        with suppress(FileNotFoundError):  # another build removes it as well
            if path.stat().st_mtime < oldest:
                path.unlink()


@cache
def made_of() -> str:
    """Return a digest of all that a table can be made of; read once for a process."""
    found = hashlib.sha256()
    for top in (Path(leitstand.__file__).parent, Path(__file__).parent):
        for path in sorted(path for path in top.rglob("*") if path.suffix in READ):
            found.update(f"{path.relative_to(top)}\n".encode() + path.read_bytes())
    versions = sorted(f"{one.name} {one.version}" for one in metadata.distributions())
    found.update("\n".join(versions).encode())
    return found.hexdigest()
