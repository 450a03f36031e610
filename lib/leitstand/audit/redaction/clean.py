"""Short texts in which nothing was found: headings, states and tags come again and again."""

from typing import Final

__all__ = ["CleanTexts"]

_LONGEST: Final = 512
_MOST: Final = 10_000


class CleanTexts:
    """Remembers texts that need not be looked at again, until something more is known.

    It holds a bounded number of short ones.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def add(self, text: str) -> None:
        """Remember a text, if it is short."""
        if len(text) <= _LONGEST:
            if len(self._texts) >= _MOST:
                self._texts.clear()
            self._texts.add(text)

    def clear(self) -> None:
        """Forget all: what was harmless may be a secret that was read since."""
        self._texts.clear()
