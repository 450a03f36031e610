"""Imports Jupyter's libraries without a grammar that they build and do not need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_grammar"]


@contextmanager
def without_grammar() -> Iterator[None]:
    """Import without the grammar of an optional URI check, which takes a second to build.

    jsonschema leaves out the check of the format ``iri`` when this module is missing; notebook
    schemas do not use it.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        del sys.modules[name]
