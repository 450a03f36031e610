"""How a line that a container wrote becomes a log entry."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["read_line"]

_SEVERITIES = (
    "DEFAULT",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
)


def read_line(line: str) -> tuple[str, str | dict[str, Any]]:
    """The severity and the content of a line; a JSON object is a payload that may name both."""
    try:
        payload = json.loads(line) if line.startswith("{") else None
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return "DEFAULT", line
    severity = str(payload.pop("severity", "DEFAULT")).upper()
    return severity if severity in _SEVERITIES else "DEFAULT", payload
