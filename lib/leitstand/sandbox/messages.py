"""Google's client packages without their clients: a server needs the messages alone.

`import google.cloud.run_v2` takes four times as long as its messages do, since it brings the
clients with their transports, credentials and retries. For the process of the supervisor only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["messages_only"]


def messages_only(packages: Iterable[str]) -> None:
    """Have those packages give their messages only, for as long as this process lives.

    Must come before one of them is imported; a package that is imported already stays as it is.
    Changes `sys.modules`; imports no messages before they are used.

    Args:
        packages: Such as `google.cloud.run_v2`; the messages are in its submodule `types`.

    Raises:
        ModuleNotFoundError: A package is not installed.
    """
    for package in packages:
        if package not in sys.modules:
            sys.modules[package] = _Messages(package)


class _Messages(ModuleType):
    """A package whose names are those of its submodule `types`."""

    def __init__(self, package: str) -> None:
        super().__init__(package, "The messages of an API.")
        spec = find_spec(package)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(f"No package named {package}", name=package)
        self.__spec__ = spec
        self.__path__ = list(spec.submodule_search_locations)

    def __getattr__(self, name: str) -> Any:
        # Not "types": what asks for that name as a submodule must import it.
        if name == "types" or name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        return getattr(import_module(f"{self.__name__}.types"), name)
