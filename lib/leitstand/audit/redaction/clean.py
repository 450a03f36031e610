"""Short texts in which nothing was found: headings, states and tags come again and again."""

from typing import Final

__all__ = ["CleanTexts"]

_LONGEST: Final = 16_384
_MOST: Final = 4_000_000
_OVERHEAD: Final = 100
"""Counted for each text, however short it is."""


class CleanTexts:
    """Remembers texts that need not be looked at again, until something more is known.

    It holds a bounded number of characters.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._size = 0

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def add(self, text: str) -> None:
        """Remember a text, if it is short."""
        if len(text) <= _LONGEST and text not in self._texts:
            self._size += len(text) + _OVERHEAD
            if self._size > _MOST:
                self.clear()
                self._size = len(text) + _OVERHEAD
            self._texts.add(text)

    def clear(self) -> None:
        """Forget all: what was harmless may be a secret that was read since."""
        self._texts.clear()
        self._size = 0
