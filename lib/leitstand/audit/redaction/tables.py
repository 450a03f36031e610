"""Columns of an HTML table whose heading says that they hold secrets or personal data."""

import html
import re
from collections.abc import Iterator
from functools import lru_cache

from leitstand.audit.redaction.pairs import kind_of
from leitstand.audit.redaction.personal import PERSONAL_KEY
from leitstand.audit.redaction.spans import Span
from leitstand.audit.redaction.values import is_secret, is_secret_key

__all__ = ["find_columns"]

_TABLE = re.compile(r"<table\b.*?(?:</table\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"<th\b[^>]*>([^<]{3,60})<")
_ROW = re.compile(r"<tr\b[^>]*>(.*?)(?=<tr\b|</table|\Z)", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(
    r"<(?P<kind>t[hd])\b[^>]*>(?P<inner>.*?)(?:</t[hd]\s*>|(?=<t[hd]\b)|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<[^>]*>")


def find_columns(source: str) -> Iterator[Span]:
    """Yield the content of the cells below such a heading."""
    if "<th" not in source:
        return
    if not any(_may_tell(heading) for heading in _HEADING.findall(source)):
        return
    for table in _TABLE.finditer(source):
        headings: dict[int, str] = {}
        for row in _ROW.finditer(source, *table.span()):
            cells = list(_CELL.finditer(source, *row.span(1)))
            if cells and all(cell["kind"].lower() == "th" for cell in cells):
                headings = headings or _telling(cells)
                continue
            for index, heading in headings.items():
                if index < len(cells):
                    yield from _cell(cells[index], heading)


@lru_cache(1024)
def _may_tell(heading: str) -> bool:
    """Say whether a heading, as it is written, tells something; runs show the same few."""
    return _is_telling(_text(heading))


def _telling(cells: "list[re.Match[str]]") -> dict[int, str]:
    named = {index: _text(cell["inner"]) for index, cell in enumerate(cells)}
    return {index: name for index, name in named.items() if _is_telling(name)}


def _is_telling(name: str) -> bool:
    return bool(PERSONAL_KEY.match(name)) or is_secret_key(name)


def _cell(cell: "re.Match[str]", heading: str) -> Iterator[Span]:
    text = _text(cell["inner"])
    personal = PERSONAL_KEY.match(heading) and text not in ("", "–", "-", "NaN", "None")
    if personal or (is_secret_key(heading) and is_secret(heading, text, quoted=True)):
        yield Span(*cell.span("inner"), kind_of(heading), text)


def _text(inner: str) -> str:
    return html.unescape(_TAG.sub("", inner)).strip()
