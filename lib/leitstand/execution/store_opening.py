"""Opens a store of records by its address, and the places of its anchors."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.audit.store import Store
from leitstand.audit.store_directory import DirectoryStore
from leitstand.core.errors import InputError

if TYPE_CHECKING:
    from leitstand.audit.anchors import AnchorPlace
    from leitstand.audit.open_store import OpenStore
    from leitstand.cloud.record_objects import BucketObjects
    from leitstand.cloud.rest import Rest

__all__ = [
    "NoAnchorAddress",
    "NoOpenAddress",
    "NoStoreAddress",
    "open_anchors",
    "open_runs_at",
    "open_store",
]

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class NoStoreAddress(InputError):
    """A text is no address of a store."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"„{url}“ ist keine Adresse eines Archivs.",
            "Nennen Sie ein Verzeichnis oder gs://BUCKET/PRÄFIX.",
        )
        self.url = url


class NoAnchorAddress(InputError):
    """A text is no address of anchors."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"„{url}“ ist keine Adresse für Anker.",
            "Nennen Sie gs://BUCKET/PRÄFIX, git: oder git:REMOTE.",
        )
        self.url = url


class NoOpenAddress(InputError):
    """A text is no address for open runs."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"„{url}“ ist keine Adresse für offene Läufe.",
            "Nennen Sie unter records.open ein Verzeichnis als absoluten Pfad oder"
            " gs://BUCKET/PRÄFIX.",
        )
        self.url = url


def open_runs_at(url: str, rest: "Callable[[], Rest]") -> "OpenStore":
    """Return the place of open runs at an address; nothing is read or made yet.

    Args:
        url: A directory by its absolute path, or ``gs://bucket/prefix``. A relative one would be
            another for each machine.
        rest: Returns the client for a bucket when it is first needed; it should not wait long.

    Raises:
        NoOpenAddress: it is neither.
    """
    if url.startswith("gs://"):
        from leitstand.cloud.open_objects import BucketOpenStore

        try:
            return BucketOpenStore(rest, *_place(url))
        except NoStoreAddress as error:
            raise NoOpenAddress(url) from error
    directory = Path(url).expanduser()
    if _SCHEME.match(url) or not directory.is_absolute():
        raise NoOpenAddress(url)
    from leitstand.audit.open_store import DirectoryOpenStore

    return DirectoryOpenStore(directory)


def open_store(url: str, *, rest: "Rest | Callable[[], Rest] | None" = None) -> Store:
    """Return the store at an address; nothing is read or made yet.

    Args:
        url: A directory, or ``gs://bucket/prefix``.
        rest: The client for a bucket, or what returns it when it is first needed; without one the
            Application Default Credentials of this machine are used.

    Raises:
        NoStoreAddress: it is neither.
    """
    if url.startswith("gs:"):
        from leitstand.audit.store_gcs import BucketStore

        return BucketStore(_objects(url, rest))
    if not url or _SCHEME.match(url):
        raise NoStoreAddress(url)
    return DirectoryStore(Path(url).expanduser())


def open_anchors(
    url: str, checkout: Path, *, rest: "Rest | Callable[[], Rest] | None" = None
) -> "AnchorPlace":
    """Return the place of anchors at an address; nothing is read or made yet.

    Args:
        url: ``gs://bucket/prefix``, ``git:`` for notes that stay in the checkout, or
            ``git:REMOTE`` for notes that are pushed.
        checkout: Work tree of the repository for notes.
        rest: As of `open_store`.

    Raises:
        NoAnchorAddress: it is none.
    """
    if url.startswith("gs:"):
        from leitstand.audit.anchor_objects import ObjectAnchors

        return ObjectAnchors(_objects(url, rest))
    # git would take a leading dash for an option.
    if url.startswith("git:") and not url.startswith("git:-"):
        from leitstand.audit.anchor_notes import NoteAnchors

        return NoteAnchors(checkout, url.removeprefix("git:"))
    raise NoAnchorAddress(url)


def _place(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("gs://").partition("/")
    prefix = prefix.rstrip("/")
    parts = prefix.split("/") if prefix else []
    if not url.startswith("gs://") or not _BUCKET.fullmatch(bucket):
        raise NoStoreAddress(url)
    if any(part in {"", ".", ".."} or not part.isprintable() for part in parts):
        raise NoStoreAddress(url)
    return bucket, prefix


def _objects(url: str, rest: "Rest | Callable[[], Rest] | None") -> "BucketObjects":
    from leitstand.cloud.record_objects import BucketObjects

    bucket, prefix = _place(url)
    if rest is None:
        from leitstand.cloud.connection import default_rest

        return BucketObjects(lambda: default_rest(url), bucket, prefix)
    if callable(rest):
        return BucketObjects(rest, bucket, prefix)
    given = rest
    return BucketObjects(lambda: given, bucket, prefix)
