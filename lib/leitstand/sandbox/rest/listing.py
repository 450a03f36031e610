"""Lists of resources: filters, order, pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.changes import at
from leitstand.sandbox.rest.collection import Body

__all__ = ["matching", "page_of"]

PAGE, LARGEST_PAGE = 500, 1000
TERM = re.compile(
    r"""\s*(?P<field>[\w.]+)\s*(?P<operator>!=|=|:|\beq\b|\bne\b)\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s()"']+)\s*"""
)


def page_of(names: Sequence[str], params: Mapping[str, str]) -> tuple[Sequence[str], str]:
    """One page of sorted names, as `pageSize` or `maxResults` and `pageToken` say; the next token.

    Raises:
        ApiError: INVALID_ARGUMENT, a size or a token that cannot be.
    """
    size = int(params.get("pageSize") or params.get("maxResults") or 0)
    token = params.get("pageToken", "")
    return page(names, lambda name: (name,), size, token, default=PAGE, maximum=LARGEST_PAGE)


def matching(text: str) -> Callable[[Body], bool]:
    """The test that a filter means: comparisons joined by AND (or by nothing but parentheses).

    `=`, `!=`, `eq`, `ne`, and `:` for "has" (`labels.team:*`).

    Raises:
        ApiError: INVALID_ARGUMENT for what goes beyond that.
    """
    tests = []
    for part in re.split(r"\s+AND\s+|\)\s*\(", text.strip()):
        term = TERM.fullmatch(part.strip().lstrip("(").rstrip(")"))
        if term is None:
            raise invalid(f"Invalid list filter expression: {part}", "filter")
        tests.append((term["field"], term["operator"], term["value"].strip("\"'")))
    return lambda body: all(_holds(at(body, field), how, value) for field, how, value in tests)


def _holds(found: Any, how: str, value: str) -> bool:
    shown = str(found).lower() if isinstance(found, bool) else str(found)
    if how == ":":
        if isinstance(found, dict | list):
            return value in found or value == "*"
        return found is not None and (value == "*" or value in shown)
    same = found is not None and shown == value
    return same if how in ("=", "eq") else not same
