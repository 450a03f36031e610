"""Error lines out of log entries; pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from leitstand.core.triage.grouping import ErrorLine, group, telling_line
from leitstand.core.triage.signals import ErrorGroup

__all__ = ["error_groups"]

_DETAILS = ("error", "exception", "exc_info", "stack_trace", "traceback")
"""Fields in which libraries for structured logs put what was raised."""


def error_groups(entries: Sequence[Mapping[str, Any]]) -> tuple[ErrorGroup, ...]:
    """Return the entries in groups of those that are alike, the most frequent first."""
    return group(_line(entry) for entry in entries)


def _line(entry: Mapping[str, Any]) -> ErrorLine:
    labels = entry.get("resource", {}).get("labels", {})
    execution = entry.get("labels", {}).get("run.googleapis.com/execution_name", "")
    return ErrorLine(
        at=datetime.fromisoformat(entry["timestamp"]),
        service=str(labels.get("service_name") or labels.get("job_name") or ""),
        revision=str(labels.get("revision_name") or execution),
        text=_text(entry),
    )


def _text(entry: Mapping[str, Any]) -> str:
    if "textPayload" in entry:
        return str(entry["textPayload"])
    payload = entry.get("jsonPayload", {})
    details = [telling_line(str(payload[name])) for name in _DETAILS if payload.get(name)]
    parts = [telling_line(str(payload.get("message", ""))), *details]
    told = ": ".join(part for part in parts if part)
    return told or json.dumps(payload, ensure_ascii=False, sort_keys=True)
