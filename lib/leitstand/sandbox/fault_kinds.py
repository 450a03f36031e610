"""The kinds of faults, without any heavy import (control.py needs them too)."""

from __future__ import annotations

from typing import Literal

__all__ = ["FaultKind"]

FaultKind = Literal["fail", "lost", "slow", "hang", "disk_full"]
