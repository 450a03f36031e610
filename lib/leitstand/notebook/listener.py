"""Who hears of a run while it goes on, for example the terminal."""

from dataclasses import dataclass
from typing import Protocol

from leitstand.notebook.progress import ProgressState

__all__ = ["CellStart", "Listener", "SilentListener"]


@dataclass(frozen=True)
class CellStart:
    """A code cell that is about to be executed.

    Attributes:
        index: Position in the notebook, from 0.
        number: Which code cell it is, from 1.
        total: How many code cells there are.
        section: The last heading above it, empty when there is none.
    """

    index: int
    number: int
    total: int
    section: str


class Listener(Protocol):
    """Hears of a run; must return quickly and must not raise."""

    def cell_started(self, cell: CellStart) -> None:
        """Take note that a code cell starts."""

    def cell_ended(self, cell: CellStart, status: str, seconds: float) -> None:
        """Take note of how a code cell ended: completed, failed, interrupted or died."""

    def progress(self, state: ProgressState) -> None:
        """Take note of a step's progress."""

    def notice(self, text: str) -> None:
        """Take note of a German sentence for the operator."""


class SilentListener:
    """Hears of everything and does nothing."""

    def cell_started(self, cell: CellStart) -> None:
        """Do nothing."""

    def cell_ended(self, cell: CellStart, status: str, seconds: float) -> None:
        """Do nothing."""

    def progress(self, state: ProgressState) -> None:
        """Do nothing."""

    def notice(self, text: str) -> None:
        """Do nothing."""
