"""Puts error lines together that are alike but for names, numbers and times in them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from leitstand.core.triage.signals import ErrorGroup

__all__ = ["ErrorLine", "group", "masked", "telling_line", "without_secrets"]

_LONGEST = 2000
"""Characters of a line that are compared; two that differ later are taken for alike."""
_SHOWN = 300
_TRACE = re.compile(r"^[ \t]+(File \"|at |\.{3} )|^Traceback |^goroutine ", re.MULTILINE)
_SECRET = (
    (re.compile(r"(\w+://[^\s:/@]*):[^\s@]+@"), r"\1:***@"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[^\s,;\"']+)"
        ),
        r"\1***",
    ),
    (re.compile(r"\b(sk|pk)-[\w-]{8,}"), r"\1-***"),
)
# The order matters: what is matched first is not looked at again.
_MASKS = (
    (
        re.compile(
            r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|\s?[+-]\d\d:?\d\d)?"
            r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?"
        ),
        "<Zeit>",
    ),
    (
        re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
        "<UUID>",
    ),
    (re.compile(r"(?<!\w)(?:'[^'\n]*'|\"[^\"\n]*\"|„[^“\n]*“|»[^«\n]*«)(?!\w)"), "<Text>"),
    (re.compile(r"(?<=/)[^/\s?#<>]*\d[^/\s?#<>]*"), "<ID>"),
    (re.compile(r"(?i)\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"), "<Hex>"),
    (re.compile(r"(?<![A-Za-z_])\d+(?:[.,]\d+)*"), "<Zahl>"),
)


@dataclass(frozen=True)
class ErrorLine:
    """One line of ERROR or above.

    Attributes:
        at: When it was written.
        service: Service or job that wrote it.
        revision: Revision or execution that did, or empty.
        text: What it says; may hold several lines, such as a stack trace.
    """

    at: datetime
    service: str
    revision: str
    text: str


def telling_line(text: str) -> str:
    """Return the line that says what happened: the last one of a stack trace, else the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if _TRACE.search(text) else lines[0]


def masked(line: str) -> str:
    """Return a line with times, ids, quoted texts and numbers replaced by their kind."""
    line = " ".join(line[:_LONGEST].split())
    for pattern, mark in _MASKS:
        line = pattern.sub(mark, line)
    return line


def group(lines: Iterable[ErrorLine]) -> tuple[ErrorGroup, ...]:
    """Return the groups, the most frequent first; the order of the lines does not matter.

    Lines of different services never share a group. Passwords and keys are hidden in examples.
    """
    found: dict[tuple[str, str], list[ErrorLine]] = {}
    for line in lines:
        key = (line.service, without_secrets(masked(telling_line(line.text)))[:_SHOWN])
        found.setdefault(key, []).append(line)
    groups = [_group(service, pattern, alike) for (service, pattern), alike in found.items()]
    return tuple(sorted(groups, key=lambda g: (-g.count, g.first, g.service, g.pattern)))


def _group(service: str, pattern: str, alike: list[ErrorLine]) -> ErrorGroup:
    first = min(alike, key=lambda line: (line.at, line.text))
    revisions = Counter(line.revision for line in alike)
    return ErrorGroup(
        pattern=pattern,
        example=without_secrets(" ".join(telling_line(first.text)[:_LONGEST].split()))[:_SHOWN],
        count=len(alike),
        service=service,
        revisions={name: revisions[name] for name in sorted(revisions)},
        first=first.at,
        last=max(line.at for line in alike),
    )


def without_secrets(text: str) -> str:
    """Return a text with passwords and keys replaced by asterisks."""
    for pattern, mark in _SECRET:
        text = pattern.sub(mark, text)
    return text
