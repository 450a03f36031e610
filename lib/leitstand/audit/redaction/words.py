"""Many words searched for at once, in a time that hardly depends on how many there are."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

__all__ = ["Words"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_IN_ITS_PLACE: Final = "\ufffd"
_PIECE: Final = 65_536


class Words:
    """Words, each of at least one character, and where they stand in a text.

    Half a character (a lone surrogate) stands for any other half: it is found too often rather
    than not at all.

    Args:
        words: What is searched for; their numbers are their places here.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    def stand_in(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and end of every word in a text, also of those that overlap."""
        return iter(self._found(text))

    def numbers_in(self, text: str) -> set[int]:
        """Return the numbers of the words that stand in a text.

        A long text is searched piece by piece: each place of a word takes memory.
        """
        if len(text) <= _PIECE:
            found = self._found(text)
            return {number for number, _, _ in found} if found else set()
        more = max(map(len, self._words), default=1) - 1
        return {
            number
            for start in range(0, len(text), _PIECE)
            for number, _, _ in self._found(text[start : start + _PIECE + more])
        }

    def _found(self, text: str) -> list[tuple[int, int, int]]:
        if not self._words:
            return []
        try:
            return self._automaton.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:
            whole = _SURROGATE.sub(_IN_ITS_PLACE, text)
            return self._automaton.find_matches_as_indexes(whole, overlapping=True)

    @cached_property
    def _automaton(self) -> "AhoCorasick":
        from ahocorasick_rs import AhoCorasick

        return AhoCorasick([_SURROGATE.sub(_IN_ITS_PLACE, word) for word in self._words])
