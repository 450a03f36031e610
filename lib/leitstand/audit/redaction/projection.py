"""Text as a reader sees it, and where each of its characters stands in the source.

HTML: tags left out, entities resolved. Terminal text: colours left out.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from leitstand.audit.redaction.pairs import CELL

__all__ = [
    "Projection",
    "as_read",
    "tags_of",
    "without_colours",
    "without_entities",
    "without_tags",
]

_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MARKUP = re.compile(
    r"<!--[\s\S]*?(?:-->|\Z)"
    r"|</?(?P<tag>[A-Za-z][\w:-]*)(?:[^<>\"']|\"[^\"]{0,4096}\"|'[^']{0,4096}')*>|"
    + _ENTITY.pattern
)
_TAG = re.compile(_MARKUP.pattern.removesuffix(f"|{_ENTITY.pattern}"))
_CELLS = frozenset({"td", "th", "dt", "dd"})
_BLOCKS = frozenset(
    {"tr", "table", "p", "div", "li", "ul", "ol", "br", "pre", "h1", "h2", "h3", "h4", "dl"}
)


_REST = r"(?![\w:-])(?:[^<>\"']|\"[^\"]{0,4096}\"|'[^']{0,4096}')*>"
_APART = "|".join(sorted(_BLOCKS | _CELLS))
_COMMENT_OR_INLINE = re.compile(
    rf"<!--[\s\S]*?(?:-->|\Z)|<(?:/|(?!th))(?!(?:{_APART}){_REST})[A-Za-z][\w:-]*{_REST}",
    re.IGNORECASE,
)
_BLOCK = re.compile(rf"</?(?:{'|'.join(sorted(_BLOCKS))}){_REST}|<th[\w:-]*{_REST}", re.IGNORECASE)
_CELL_TAG = re.compile(rf"</?(?:{'|'.join(sorted(_CELLS))}){_REST}", re.IGNORECASE)


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
    return _project(source, _ENTITY, lambda match: html.unescape(match.group()))


def as_read(source: str) -> str:
    """Return the text of `without_tags` and nothing of where it stands, which is much faster."""
    if "<" in source:
        source = _COMMENT_OR_INLINE.sub("", source)
        source = _CELL_TAG.sub(CELL, _BLOCK.sub("\n", source))
    return (
        _ENTITY.sub(lambda match: html.unescape(match.group()), source) if "&" in source else source
    )


def tags_of(source: str) -> set[str]:
    """Return what `without_tags` leaves out: each tag and each comment once, as it is written."""
    return {match.group() for match in _TAG.finditer(source)}


def without_tags(source: str) -> Projection | None:
    """Project HTML as it is read, cells and blocks apart; None when there are no tags."""
    if "<" not in source:
        return None

    def shown(match: "re.Match[str]") -> str:
        text = match.group()
        if text[0] == "&":
            return html.unescape(text)
        tag = (match["tag"] or "").lower()
        if tag in _BLOCKS or text[:3].lower() == "<th":  # a header's cells are no key and value
            return "\n"
        return CELL if tag in _CELLS else ""

    return _project(source, _MARKUP, shown)


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
