"""What a store of records can do, wherever it lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from leitstand.core.errors import RunFailed

__all__ = ["FileChanged", "Listing", "Missing", "Store", "Taken"]


class Taken(Exception):
    """Another record has this number; whoever wanted it reads the head and tries again."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"record {seq} is there already")
        self.seq = seq


class Missing(LookupError):
    """The store has no such record or file."""


class FileChanged(RunFailed):
    """A file of the run changed while it was sealed."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Die Datei {path.name} änderte sich, während der Lauf versiegelt wurde.",
            "Schließen Sie das Notebook, und versiegeln Sie den Lauf noch einmal.",
        )
        self.path = path


@dataclass(frozen=True)
class Listing:
    """Everything that lies in a store.

    Attributes:
        records: Numbers of the records, ascending.
        files: Digests of the files.
        strays: Paths within the store of what does not belong there.
        leftovers: Paths of files that were never finished; a crash leaves them.
    """

    records: tuple[int, ...]
    files: frozenset[str]
    strays: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()


class Store(Protocol):
    """Holds the chain and the files of the runs; what is in it is never replaced.

    Every method raises OSError when the store cannot be reached.
    """

    def head(self) -> int:
        """Return the number of the last record; 0 when there is none."""

    def read(self, seq: int) -> bytes:
        """Return a record as it is stored.

        Raises:
            Missing: there is none with this number.
        """

    def append(self, seq: int, content: bytes) -> None:
        """Add a record durably, if its number is free.

        Raises:
            Missing: there is no record before it.
            Taken: the number is not free.
        """

    def put(self, digest: str, path: Path) -> None:
        """Add a file durably, if it is not there; `digest` is the SHA-256 of its content.

        Raises:
            FileChanged: its content has another digest.
        """

    def get(self, digest: str) -> bytes:
        """Return the content of a file.

        Raises:
            Missing: there is none with this digest.
        """

    def open(self, digest: str) -> BinaryIO:
        """Return a file to be read piece by piece.

        Raises:
            Missing: there is none with this digest.
        """

    def has(self, digest: str) -> bool:
        """Return whether there is a file with this digest."""

    def listing(self) -> Listing:
        """Return everything that lies in the store: files first, then records.

        Of a run that is sealed meanwhile, the files may be there without their record.
        """
