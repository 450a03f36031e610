"""How a sandbox lets itself be found: `sandbox.json` in its directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["announce", "withdraw"]

_NAME = "sandbox.json"


def announce(directory: Path, content: Mapping[str, Any]) -> None:
    """Write the file, for its owner only: from now on the sandbox can be found."""
    part = directory / f"{_NAME}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(part, directory / _NAME)


def withdraw(directory: Path) -> None:
    """Remove the file: the sandbox stops."""
    (directory / _NAME).unlink(missing_ok=True)
