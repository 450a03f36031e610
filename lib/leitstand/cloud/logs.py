"""What jobs wrote, as Cloud Logging keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import translated

__all__ = ["LogLine", "Logs"]


@dataclass(frozen=True)
class LogLine:
    """A structured line.

    Attributes:
        at: When it was written.
        severity: As Cloud Logging names it.
        payload: Its fields as JSON values.
    """

    at: datetime
    severity: str
    payload: Mapping[str, Any]

    @property
    def event(self) -> str:
        """What the line says that happened."""
        return str(self.payload.get("event", ""))


class Logs:
    """Reads log entries. Entries appear some seconds after they were written."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._project = connection.environment.project

    def of_execution(self, execution: str, since: datetime | None = None) -> tuple[LogLine, ...]:
        """Return the structured lines of an execution's containers, oldest first; read-only.

        Args:
            execution: Full name of the execution of a job.
            since: Earliest time of a line; any when left out.
        """
        from google.protobuf.json_format import MessageToDict

        short = execution.rsplit("/", 1)[-1]
        wanted = (
            'resource.type="cloud_run_job"'
            f' AND labels."run.googleapis.com/execution_name"="{short}"'
            " AND jsonPayload.event:*"
        )
        if since is not None:
            wanted += f' AND timestamp>="{since.isoformat()}"'
        request = {
            "resource_names": [f"projects/{self._project}"],
            "filter": wanted,
            "order_by": "timestamp asc",
            "page_size": 1000,
        }
        with translated(f"Logs von {short} lesen"):
            found = list(self._connection.logs.list_log_entries(request=request))
        lines = []
        for entry in found:
            data = MessageToDict(type(entry).pb(entry))
            severity = str(data.get("severity", "DEFAULT"))
            lines.append(LogLine(entry.timestamp, severity, data.get("jsonPayload", {})))
        return tuple(lines)
