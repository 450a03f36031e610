"""Tables of the reference which take seconds to make, kept under .cache for the next build.

A kept table is named by everything that it is made of: the sources of Leitstand and of the hooks,
their texts, and the versions of what is installed. So it is never out of date.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from kept_files import write_whole

import leitstand

__all__ = ["KEPT", "kept", "made_of"]

KEPT = Path(".cache") / "site" / "tables"
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
        write_whole(path, text)
    return text


@cache
def made_of() -> str:
    """Return a digest of all that a table can be made of, as this process has loaded it.

    So it is read once: a source that changes while pages are served changes no table before MkDocs
    is started again.
    """
    found = hashlib.sha256()
    for top in (Path(leitstand.__file__).parent, Path(__file__).parent):
        for path in sorted(path for path in top.rglob("*") if path.suffix in READ):
            found.update(f"{path.relative_to(top)}\n".encode() + path.read_bytes())
    versions = sorted(f"{one.name} {one.version}" for one in metadata.distributions())
    found.update("\n".join(versions).encode())
    return found.hexdigest()
