"""Imports Jupyter's libraries without what they load and do not need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["without_grammar"]

_UNUSED: Final = (
    "fqdn",
    "isoduration",
    "jsonpointer",
    "rfc3339_validator",
    "rfc3986_validator",
    "rfc3987_syntax",
    "uri_template",
    "webcolors",
)
"""What jsonschema checks formats with. The schemas of notebooks use none of these formats."""


@contextmanager
def without_grammar() -> Iterator[None]:
    """Import without optional checks of formats, one of which builds a grammar for a second.

    jsonschema leaves out a check whose module is missing.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
