"""Exit codes of the supervisor, for control.py: no heavy import here."""

from __future__ import annotations

__all__ = ["DIRECTORY_IN_USE", "PORT_TAKEN", "START_FAILED"]

START_FAILED = 1
PORT_TAKEN = 70
DIRECTORY_IN_USE = 71
