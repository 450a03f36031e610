"""Imports libraries without what they load and do not need."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["import_lightly", "without_grammar"]

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


_OBJECTS: Final = 50_000
"""How many more objects than before make Python look for cycles; by default it is 700."""


def import_lightly() -> None:
    """Leave out of this process' imports what takes time and finds nothing.

    Python looks for cycles less often, since imports make many objects that all stay; and Pydantic
    looks for no plugins in all that is installed.
    """
    gc.set_threshold(_OBJECTS, 10, 10)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


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
