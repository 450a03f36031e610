"""The hooks that fill the reference, loaded as MkDocs loads them: beside each other."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["ROOT", "hook", "page"]

ROOT = Path(__file__).resolve().parents[2]
HOOKS = str(ROOT / "docs" / "hooks")


def hook(name: str) -> ModuleType:
    """Return a module of docs/hooks."""
    if HOOKS not in sys.path:
        sys.path.append(HOOKS)
    return importlib.import_module(name)


def page(name: str) -> str:
    """Return the source of a page of the reference."""
    return (ROOT / "docs" / "referenz" / f"{name}.md").read_text("utf-8")
