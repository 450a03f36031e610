"""Log entries of one revision: lines of its containers, and the platform's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leitstand.sandbox.logs import Logs

__all__ = ["RevisionLog"]

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


class RevisionLog:
    """Writes the log entries of one revision under its resource labels."""

    def __init__(
        self, logs: Logs, project: str, location: str, service: str, revision: str
    ) -> None:
        self._logs = logs
        self._project = project
        self._labels = {
            "project_id": project,
            "location": location,
            "service_name": service,
            "configuration_name": service,
            "revision_name": revision,
        }

    def system(self, severity: str, text: str) -> None:
        """An entry of the platform itself (run.googleapis.com/varlog/system)."""
        self._write("run.googleapis.com/varlog/system", severity, text)

    def line(self, stream: str, line: str) -> None:
        """A line of the container; a JSON object becomes a payload and gives its severity."""
        try:
            payload = json.loads(line) if line.startswith("{") else None
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            self._write(f"run.googleapis.com/{stream}", "DEFAULT", line)
            return
        severity = str(payload.pop("severity", "DEFAULT")).upper()
        known = severity if severity in _SEVERITIES else "DEFAULT"
        self._write(f"run.googleapis.com/{stream}", known, payload)

    def _write(self, log_id: str, severity: str, content: str | Mapping[str, Any]) -> None:
        self._logs.write(
            self._project, log_id, "cloud_run_revision", self._labels, severity, content
        )
