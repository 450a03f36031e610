"""Text as a reader sees it, and where each of its characters stands in the source.

HTML: tags left out, entities resolved. Terminal text: colours left out.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from leitstand.audit.redaction.pairs import CELL

__all__ = [
    "Projection",
    "as_read",
    "taken_apart",
    "without_colours",
    "without_entities",
    "without_tags",
]

_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MARKUP = re.compile(
    r"<!--[\s\S]*?(?:-->|\Z)"
    r"|</?[A-Za-z][\w:-]*(?:[^<>\"']|\"[^\"]{0,4096}\"|'[^']{0,4096}')*>|" + _ENTITY.pattern
)
_TAG = re.compile(
    r"(<!--[\s\S]*?(?:-->|\Z)"
    r"|</?[A-Za-z][\w:-]*(?:[^<>\"']++|\"[^\"]{0,4096}\"|'[^']{0,4096}')*+>)"
)
"""The tags and comments of `_MARKUP`, found without ever going back."""
_SHORT = 128
_NAME = re.compile(r"</?([A-Za-z][\w:-]*)")
_CELLS = frozenset({"td", "th", "dt", "dd"})
_BLOCKS = frozenset(
    {"tr", "table", "p", "div", "li", "ul", "ol", "br", "pre", "h1", "h2", "h3", "h4", "dl"}
)


@dataclass(frozen=True, slots=True)
class Projection:
    """What is read, and where it stands.

    Attributes:
        text: As it is read.
        starts: Where each stretch begins in `text`.
        sources: Where the same stretch begins in the source.
        sizes: How long it is in the source; 0 when it is as long as in `text`, -1 when a tag stands
            there, which stays.
    """

    text: str
    starts: tuple[int, ...]
    sources: tuple[int, ...]
    sizes: tuple[int, ...]

    def stretches(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return which stretches of the source show this part of the text."""
        found: list[tuple[int, int]] = []
        index = bisect_right(self.starts, start) - 1
        while index < len(self.starts) and self.starts[index] < end:
            first = self.starts[index]
            last = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)
            if self.sizes[index]:
                piece = (self.sources[index], self.sources[index] + self.sizes[index])
            else:
                shift = self.sources[index] - first
                piece = (max(start, first) + shift, min(end, last) + shift)
            if piece[0] < piece[1] and last > first:
                found.append(piece)
            index += 1
        return found


def without_colours(source: str) -> Projection | None:
    """Project terminal text; None when there is no colour in it."""
    if "\x1b" not in source:
        return None
    return _project(source, _COLOUR, lambda match: "")


def without_entities(source: str) -> Projection | None:
    """Project HTML as it is written but for entities; None when there is none."""
    if "&" not in source:
        return None
    return _project(source, _ENTITY, _unescaped)


def as_read(source: str) -> str:
    """Return the text of `without_tags` and nothing of where it stands, which is much faster."""
    return taken_apart(source)[0]


def taken_apart(source: str) -> tuple[str, set[str]]:
    """Return the text of `without_tags`, and what it leaves out.

    That is each tag and each comment once, as it is written.
    """
    pieces = _TAG.split(source) if "<" in source else [source]
    tags = set(pieces[1::2])
    if "&" in source:
        pieces[::2] = [_ENTITY.sub(_unescaped, piece) for piece in pieces[::2]]
    shown = {
        tag: _in_place_of_short(tag) if len(tag) <= _SHORT else _in_place_of(tag) for tag in tags
    }
    pieces[1::2] = [shown[tag] for tag in pieces[1::2]]
    return "".join(pieces), tags


def without_tags(source: str) -> Projection | None:
    """Project HTML as it is read, cells and blocks apart; None when there are no tags."""
    if "<" not in source:
        return None

    def shown(match: "re.Match[str]") -> str:
        text = match.group()
        return html.unescape(text) if text[0] == "&" else _in_place_of(text)

    return _project(source, _MARKUP, shown)


def _in_place_of(tag: str) -> str:
    """Return what is read where a tag or a comment stands."""
    named = _NAME.match(tag)
    name = named[1].lower() if named else ""
    if name in _BLOCKS or tag[:3].lower() == "<th":  # a header's cells are no key and value
        return "\n"
    return CELL if name in _CELLS else ""


_in_place_of_short = lru_cache(1024)(_in_place_of)
"""Tables repeat the same few tags."""


def _unescaped(match: "re.Match[str]") -> str:
    return html.unescape(match.group())


def _project(
    source: str, pattern: re.Pattern[str], shown: Callable[[re.Match[str]], str]
) -> Projection:
    texts: list[str] = []
    starts: list[int] = []
    sources: list[int] = []
    sizes: list[int] = []
    length = position = 0
    for match in pattern.finditer(source):
        if match.start() > position:
            texts.append(source[position : match.start()])
            starts.append(length)
            sources.append(position)
            sizes.append(0)
            length += match.start() - position
        position = match.end()
        replaced = shown(match)
        if replaced:
            texts.append(replaced)
            starts.append(length)
            sources.append(match.start())
            sizes.append(len(match.group()) if match.group()[0] == "&" else -1)
            length += len(replaced)
    if position < len(source):
        texts.append(source[position:])
        starts.append(length)
        sources.append(position)
        sizes.append(0)
    return Projection("".join(texts), tuple(starts), tuple(sources), tuple(sizes))
