"""What the audit trail needs of a bucket; whoever knows the service provides it."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

__all__ = ["Objects"]


class Objects(Protocol):
    """Objects below one place of a bucket; their names begin there.

    Every method raises OSError when the bucket does not answer, refuses, or is not there.
    """

    @property
    def url(self) -> str:
        """The place, as ``gs://bucket/prefix``."""

    def names(self, prefix: str, *, start: str = "", end: str = "", page: int = 0) -> Iterator[str]:
        """Return the names that begin with `prefix`, ascending, and read pages as they are asked.

        Args:
            prefix: All names when empty.
            start: The first name that is wanted, or would follow it.
            end: The name before which they end.
            page: How many are read at once; as many as the service gives when 0.
        """

    def locked_seconds(self) -> int:
        """Return for how long nobody at all can delete what is written here; 0 if somebody can."""

    def has(self, name: str) -> bool:
        """Return whether there is an object of this name."""

    def read(self, name: str) -> bytes | None:
        """Return the content of an object; None where there is none."""

    def open(self, name: str) -> BinaryIO | None:
        """Return an object to be read piece by piece; None where there is none."""

    def create(self, name: str, source: BinaryIO, md5: bytes) -> bool:
        """Create an object, and return whether it was not there before.

        Nothing is ever replaced, whoever else writes at the same time.

        Args:
            name: Its name.
            source: Its content, which can be read from any place.
            md5: Of the content; another one is refused.
        """
