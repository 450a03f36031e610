"""What a store of locks can do: small entries, replaced only where nobody else was faster."""

from collections.abc import Mapping
from typing import Any, Protocol

from leitstand.core.locks import Found

__all__ = ["LockStore"]


class LockStore(Protocol):
    """Entries by name, the same for all machines that use the store.

    Every method raises LockStoreUnusable when the store does not answer or refuses, and
    LockStoreMissing when it is not there at all.
    """

    @property
    def url(self) -> str:
        """Where it lies."""

    def read(self, name: str) -> Found | None:
        """Return an entry; None where there is none; read-only."""

    def listing(self, prefix: str) -> list[Found]:
        """Return all entries whose names begin so, ascending; read-only."""

    def write(self, name: str, content: Mapping[str, Any], version: str) -> Found | None:
        """Write an entry if it still has this version, and return it as it is then.

        Args:
            name: Of the entry.
            content: JSON values.
            version: The one to be replaced; empty where there must be none yet.

        Returns:
            None where another version is there, and nothing was written.
        """

    def delete(self, name: str, version: str) -> bool:
        """Delete an entry if it still has this version; return whether it had."""
