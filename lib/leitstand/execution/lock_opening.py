"""Opens a store of locks by its address."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.core.errors import InputError
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_store import LockStore

if TYPE_CHECKING:
    from leitstand.cloud.rest import Rest

__all__ = ["NoLockAddress", "open_lock_store"]

_BUCKET: Final = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])((?:/[^/\s]+)*)/?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class NoLockAddress(InputError):
    """A text is no address of a store of locks."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"„{url}“ ist keine Adresse für Sperren.",
            "Nennen Sie unter locks.store ein Verzeichnis als absoluten Pfad oder"
            " gs://BUCKET/PRÄFIX.",
        )
        self.url = url


def open_lock_store(url: str, rest: "Callable[[], Rest]") -> LockStore:
    """Return the store at an address; nothing is read or made yet.

    Args:
        url: A directory by its absolute path, or ``gs://bucket/prefix``. A relative one would be
            another for each process, and so lock nobody out.
        rest: Returns the client for a bucket when it is first needed; it should not wait long.

    Raises:
        NoLockAddress: it is neither.
    """
    found = _BUCKET.fullmatch(url)
    if found is not None:
        from leitstand.cloud.lock_objects import BucketLocks

        return BucketLocks(rest, found[1], found[2].lstrip("/"))
    directory = Path(url).expanduser()
    if _SCHEME.match(url) or not directory.is_absolute():
        raise NoLockAddress(url)
    return DirectoryLocks(directory)
