"""Imports: without what nobody needs, and what the end of a run needs while its cells run."""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Final

__all__ = ["import_for_the_end", "import_lightly", "import_papermill", "without_grammar"]

_GRAMMAR: Final = "rfc3987_syntax"
_UNUSED: Final = (
    "fqdn",
    "isoduration",
    "jsonpointer",
    "rfc3339_validator",
    "rfc3986_validator",
    "uri_template",
    "webcolors",
)
"""What else jsonschema checks formats with. The schemas of notebooks use none of these formats."""


_OBJECTS: Final = 200_000
"""How many more objects than before make Python look for cycles; by default it is 700.

More than a kernel or a runner has when its first cell begins: to look through them takes 30 ms.
"""


def import_lightly() -> None:
    """Leave out of this process' imports what takes time and finds nothing.

    Python looks for cycles less often, since imports make many objects that all stay; and Pydantic
    looks for no plugins in all that is installed.
    """
    gc.set_threshold(_OBJECTS, 10, 10)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


_AT_THE_END: Final = (
    "leitstand.notebook.sealed",
    "leitstand.audit.sealing",
    "leitstand.audit.sealing_all",
    "leitstand.execution.store_opening",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
)
"""What sealing needs."""


def import_for_the_end() -> None:
    """Import in a thread what sealing needs, so that a run ends soon.

    For a moment at which this process waits for a cell.
    """

    def load() -> None:
        with suppress(Exception):  # whoever seals says so
            for name in _AT_THE_END:
                import_module(name)

    threading.Thread(target=load, name="leitstand-imports").start()


def import_papermill() -> None:
    """Import papermill with the engine of a run, without what only other uses of it need.

    Those are what other packages have registered with it, for which it reads the metadata of all
    packages, and an HTTP client, which is now imported when something asks for it. A run checks one
    notebook, with jsonschema: by default nbformat compiles the schema first, which takes longer.
    """
    os.environ.setdefault("NBFORMAT_VALIDATOR", "jsonschema")
    _import_when_used("requests")
    with without_grammar(), _nothing_registered():
        import_module("leitstand.notebook.engine")


@contextmanager
def _nothing_registered() -> Iterator[None]:
    entrypoints = import_module("entrypoints")
    registered = entrypoints.get_group_all
    entrypoints.get_group_all = lambda *_, **__: []  # type: ignore[attr-defined]
    try:
        yield
    finally:
        entrypoints.get_group_all = registered  # type: ignore[attr-defined]


def _import_when_used(name: str) -> None:
    """Let a module be imported by whoever asks it for something first."""
    if name in sys.modules:
        return
    later = ModuleType(name)

    def of_module(attribute: str) -> object:
        if sys.modules.get(name) is later:
            del sys.modules[name]
        return getattr(import_module(name), attribute)

    later.__getattr__ = of_module  # type: ignore[method-assign]  # PEP 562
    sys.modules[name] = later


@contextmanager
def without_grammar(others: tuple[str, ...] = _UNUSED) -> Iterator[None]:
    """Import without optional checks of formats, one of which builds a grammar for two seconds.

    jsonschema leaves out a check whose module is missing.

    Args:
        others: The modules of other checks to be left out; by default those of which the schemas
            of notebooks use none.
    """
    hidden = [name for name in (_GRAMMAR, *others) if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
