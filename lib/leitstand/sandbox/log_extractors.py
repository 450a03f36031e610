"""What log-based metrics take out of an entry: `EXTRACT(field)` and `REGEXP_EXTRACT(field, "…")`.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.filter_values import LOG_ENTRY_FIELDS, lookup

__all__ = ["Extract", "extractor"]

Extract = Callable[[Mapping[str, Any]], str | None]

FIELD = r"(?P<field>[A-Za-z_][\w.]*)"
WHOLE = re.compile(rf"EXTRACT\(\s*{FIELD}\s*\)")
PART = re.compile(
    rf"REGEXP_EXTRACT\(\s*{FIELD}\s*,\s*(?P<quote>[\"'])(?P<pattern>.*)(?P=quote)\s*\)"
)


@lru_cache(maxsize=64)
def extractor(text: str) -> Extract:
    """The function that an extractor expression means; it gives None where the field is missing.

    Raises:
        ApiError: INVALID_ARGUMENT for anything else than one of the two expressions.
    """
    if whole := WHOLE.fullmatch(text):
        path = _path(whole["field"])
        return lambda entry: _text(lookup(entry, path))
    part = PART.fullmatch(text)
    if part is None:
        raise invalid(f"The extractor expression is not valid: {text}", "label_extractors")
    path = _path(part["field"])
    try:
        pattern = re.compile(part["pattern"].replace("\\\\", "\\"))
    except re.error as error:
        raise invalid(f"The regular expression is not valid: {error}", "label_extractors") from None
    if pattern.groups != 1:
        raise invalid("The regular expression must have exactly one group.", "label_extractors")

    def taken(entry: Mapping[str, Any]) -> str | None:
        found = _text(lookup(entry, path))
        match = pattern.search(found) if found is not None else None
        return match[1] if match else None

    return taken


def _path(field: str) -> tuple[str, ...]:
    path = tuple(field.split("."))
    if re.sub(r"_([a-z])", lambda match: match[1].upper(), path[0]) not in LOG_ENTRY_FIELDS:
        raise invalid(f"A log entry has no field {field}.", "label_extractors")
    return path


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, Mapping | list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
