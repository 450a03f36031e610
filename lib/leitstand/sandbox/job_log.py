"""Log entries of one job: lines of its tasks, and the platform's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leitstand.sandbox.job_rules import JobName
from leitstand.sandbox.log_lines import read_line
from leitstand.sandbox.logs import Logs

__all__ = ["JobLog"]


class JobLog:
    """Writes the log entries of one attempt of a task (monitored resource `cloud_run_job`).

    Args:
        execution: Id of the execution.
        index: Of the task.
        attempt: 0 for the first one.
    """

    def __init__(self, logs: Logs, job: JobName, execution: str, index: int, attempt: int) -> None:
        self._logs = logs
        self._project = job.project
        self._resource = {
            "project_id": job.project,
            "location": job.location,
            "job_name": job.job,
        }
        self._labels = {
            "run.googleapis.com/execution_name": execution,
            "run.googleapis.com/task_index": str(index),
            "run.googleapis.com/task_attempt": str(attempt),
        }

    def system(self, severity: str, text: str) -> None:
        """An entry of the platform itself (run.googleapis.com/varlog/system)."""
        self._write("run.googleapis.com/varlog/system", severity, text)

    def line(self, stream: str, line: str) -> None:
        """A line of the container; a JSON object becomes a payload and gives its severity."""
        self._write(f"run.googleapis.com/{stream}", *read_line(line))

    def _write(self, log_id: str, severity: str, content: str | Mapping[str, Any]) -> None:
        self._logs.write(
            self._project,
            log_id,
            "cloud_run_job",
            self._resource,
            severity,
            content,
            labels=self._labels,
        )
