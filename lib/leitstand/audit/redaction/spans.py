"""Stretches of a text that are to be masked, and how those that overlap become one."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from leitstand.audit.redaction.marks import MARK, MARK_LENGTH

__all__ = ["Span", "merged", "without_marks"]


@dataclass(frozen=True, slots=True)
class Span:
    """One find in a text.

    Attributes:
        start: Index of its first character.
        end: Index after its last one.
        kind: Name of what was found.
        secret: What the mark is made of: the secret in its plain form.
        known: Whether it is a value that this run read.
    """

    start: int
    end: int
    kind: str
    secret: str
    known: bool = False


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap, in order; a known value lends its name to what it joins."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if not result or span.start >= result[-1].end:
            result.append(span)
            continue
        last = result[-1]
        name = span if _names(span, last) else last
        end = max(last.end, span.end)
        result[-1] = Span(last.start, end, name.kind, name.secret, name.known)
    return result


def _names(span: Span, other: Span) -> bool:
    if span.known != other.known:
        return span.known
    return span.end - span.start > other.end - other.start


def without_marks(text: str, spans: Iterable[Span]) -> list[Span]:
    """Leave out what a guess found in or around a mark, so that marks stay as they are."""
    found = list(spans)
    if not found or "[geheim:" not in text:
        return found
    marks = [match.start() for match in MARK.finditer(text)]
    return [span for span in found if not _touches(span, marks)]


def _touches(span: Span, marks: list[int]) -> bool:
    index = bisect_left(marks, span.end) - 1  # the last mark that begins before the span ends
    return index >= 0 and span.start < marks[index] + MARK_LENGTH
