"""Log entries of one revision: lines of its containers, and the platform's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leitstand.sandbox.log_lines import read_line
from leitstand.sandbox.logs import Logs

__all__ = ["RevisionLog"]


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
        self._write(f"run.googleapis.com/{stream}", *read_line(line))

    def _write(self, log_id: str, severity: str, content: str | Mapping[str, Any]) -> None:
        self._logs.write(
            self._project, log_id, "cloud_run_revision", self._labels, severity, content
        )
