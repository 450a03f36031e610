"""Structured log lines on standard output, as Cloud Logging reads them from a container."""

from __future__ import annotations

import json
import os
import sys

__all__ = ["write_line"]


def write_line(severity: str, message: str, **fields: object) -> None:
    """Write one JSON line with `severity`, `message` and further fields to standard output."""
    line = json.dumps({"severity": severity, "message": message, **fields}, ensure_ascii=False)
    # One write per line, so that lines of several threads never mix.
    os.write(sys.stdout.fileno(), f"{line}\n".encode())
