"""Cloud Logging: what processes wrote and what passed the front door, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.cloud.logging_v2 import types
from google.protobuf import json_format

from leitstand.sandbox.errors import ApiError, invalid, not_found, unimplemented
from leitstand.sandbox.filter_values import SEVERITIES
from leitstand.sandbox.filters import Filter, parse
from leitstand.sandbox.paging import page
from leitstand.sandbox.store import raw
from leitstand.sandbox.traffic_log import RequestRecord, TrafficLog

__all__ = ["REQUEST_LOG", "Logs"]

SERVICE = "/google.logging.v2.LoggingServiceV2/"
KEPT_ENTRIES = 20_000
LONGEST_TEXT = 64 * 1024
ENTRIES_PER_TURN = 2000
REQUEST_LOG = "run.googleapis.com/requests"

Entry = dict[str, Any]
Numbered = tuple[int, Entry]


class Logs:
    """Log entries, the newest `kept` of them; the request log comes out of the traffic log."""

    def __init__(self, traffic: TrafficLog, kept: int = KEPT_ENTRIES) -> None:
        self._traffic = traffic
        self._entries: deque[Numbered] = deque(maxlen=kept)
        self._number = 0
        self._listeners: list[Callable[[Mapping[str, Any]], None]] = []

    def write(
        self,
        project: str,
        log_id: str,
        resource_type: str,
        resource_labels: Mapping[str, str],
        severity: str,
        text: str | Mapping[str, Any],
        at: datetime | None = None,
        http_request: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Add one entry.

        Args:
            project: Project id.
            log_id: Such as `run.googleapis.com/stdout`.
            resource_type: Such as `cloud_run_revision`.
            resource_labels: Of the monitored resource.
            severity: A name of LogSeverity.
            text: A line (cut at 64 KiB), or a mapping for a JSON payload.
            at: Timezone-aware; now, if left out.
            http_request: Fields of HttpRequest in camelCase; `latency` is a timedelta.
            labels: Of the entry itself.
        """
        entry: Entry = {
            "logName": _log_name(project, log_id),
            "resource": {"type": resource_type, "labels": dict(resource_labels)},
            "severity": severity if severity in SEVERITIES else "DEFAULT",
            "timestamp": at or datetime.now(UTC),
        }
        if isinstance(text, str):
            entry["textPayload"] = text[:LONGEST_TEXT]
        else:
            entry["jsonPayload"] = dict(text)
        if http_request is not None:
            entry["httpRequest"] = dict(http_request)
        if labels:
            entry["labels"] = dict(labels)
        self._add(entry)

    def listen(self, listener: Callable[[Mapping[str, Any]], None]) -> None:
        """Have every entry handed on as it comes in; those of the request log are not."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods of LoggingServiceV2."""
        return {
            SERVICE + "ListLogEntries": self.list_log_entries,
            SERVICE + "WriteLogEntries": self.write_log_entries,
            SERVICE + "ListLogs": self.list_logs,
            SERVICE + "DeleteLog": self.delete_log,
        }

    async def list_log_entries(
        self, request: types.ListLogEntriesRequest
    ) -> types.ListLogEntriesResponse:
        """Entries of the named projects that pass the filter, oldest first unless ordered so."""
        if not request.resource_names:
            raise invalid("resource_names must name at least one project.", "resource_names")
        projects = {_project(name) for name in request.resource_names}
        order = " ".join(request.order_by.split()) or "timestamp asc"
        if order not in ("timestamp", "timestamp asc", "timestamp desc"):
            raise invalid(f"order_by '{request.order_by}' is not possible.", "order_by")
        sign = -1 if order.endswith("desc") else 1

        def key(numbered: Numbered) -> tuple[int, int]:
            return (sign * _microseconds(numbered[1]["timestamp"]), sign * numbered[0])

        found = [item async for item in self._matching(projects, parse(request.filter, "logging"))]
        found.sort(key=key)
        shown, token = page(found, key, request.page_size, request.page_token)
        return types.ListLogEntriesResponse(
            entries=[_as_message(number, entry) for number, entry in shown], next_page_token=token
        )

    async def write_log_entries(
        self, request: types.WriteLogEntriesRequest
    ) -> types.WriteLogEntriesResponse:
        """Add entries; log name, resource and labels of the request are their defaults."""
        entries = [_as_entry(entry, request) for entry in raw_list(request, "entries")]
        if not request.dry_run:
            for entry in entries:
                self._add(entry)
        return types.WriteLogEntriesResponse()

    async def list_logs(self, request: types.ListLogsRequest) -> types.ListLogsResponse:
        """Names of the project's logs that have entries, sorted."""
        project = _project(request.parent)
        names = {entry["logName"] for _, entry in self._entries}
        if self._traffic.counters():
            names |= {
                _log_name(record.project, REQUEST_LOG)
                for record in self._traffic.window(float("-inf"), float("inf"))
            }
        own = sorted(name for name in names if name.split("/")[1] == project)
        shown, token = page(own, lambda name: (name,), request.page_size, request.page_token)
        return types.ListLogsResponse(log_names=list(shown), next_page_token=token)

    async def delete_log(self, request: types.DeleteLogRequest) -> Any:
        """Delete all entries of a log; the request log cannot be deleted in the sandbox."""
        from google.protobuf import empty_pb2

        kept = [item for item in self._entries if item[1]["logName"] != request.log_name]
        if len(kept) == len(self._entries):
            raise not_found(request.log_name, "Log")
        self._entries.clear()
        self._entries.extend(kept)
        return empty_pb2.Empty()

    def _add(self, entry: Entry) -> None:
        self._number += 1
        self._entries.append((2 * self._number, entry))
        for listener in self._listeners:
            listener({"insertId": f"{2 * self._number:016x}", **entry})

    async def _matching(self, projects: set[str], wanted: Filter) -> AsyncIterator[Numbered]:
        """Everything that passes, in no order; lets other tasks run in between."""
        earliest = wanted.earliest.timestamp() - 1 if wanted.earliest else None
        latest = wanted.latest.timestamp() + 1 if wanted.latest else None
        seen = 0
        for number, record in list(self._traffic.numbered(earliest, latest)):
            seen += 1
            if seen % ENTRIES_PER_TURN == 0:
                await asyncio.sleep(0)
            if record.project in projects:
                entry = _request_entry(record)
                if wanted.matches(entry):
                    yield 2 * number + 1, entry
        for item in list(self._entries):
            seen += 1
            if seen % ENTRIES_PER_TURN == 0:
                await asyncio.sleep(0)
            if item[1]["logName"].split("/")[1] in projects and wanted.matches(item[1]):
                yield item


def raw_list(message: Any, field: str) -> list[Any]:
    """A repeated field as plain protobuf messages."""
    return list(getattr(raw(message), field))


def _request_entry(record: RequestRecord) -> Entry:
    severity = "ERROR" if record.status >= 500 else "WARNING" if record.status >= 400 else "INFO"
    return {
        "logName": _log_name(record.project, REQUEST_LOG),
        "resource": {
            "type": "cloud_run_revision",
            "labels": {
                "project_id": record.project,
                "location": record.location,
                "service_name": record.service,
                "revision_name": record.revision,
                "configuration_name": record.service,
            },
        },
        "severity": severity,
        "timestamp": datetime.fromtimestamp(record.at, UTC),
        "labels": {"instanceId": record.instance, **({"tag": record.tag} if record.tag else {})},
        "httpRequest": {
            "requestMethod": record.method,
            "requestUrl": record.path,
            "status": record.status,
            "latency": timedelta(milliseconds=record.latency_ms),
        },
    }


def _as_message(number: int, entry: Entry) -> types.LogEntry:
    message = types.LogEntry()
    pb = cast(Any, raw(message))
    pb.log_name = entry["logName"]
    pb.resource.type = entry["resource"]["type"]
    pb.resource.labels.update(entry["resource"]["labels"])
    pb.severity = SEVERITIES[entry["severity"]]
    pb.timestamp.FromDatetime(entry["timestamp"])
    pb.receive_timestamp.FromDatetime(entry["timestamp"])
    pb.insert_id = entry.get("insertId") or f"{number:016x}"
    pb.labels.update(entry.get("labels", {}))
    if "textPayload" in entry:
        pb.text_payload = entry["textPayload"]
    elif "jsonPayload" in entry:
        pb.json_payload.update(entry["jsonPayload"])
    if "httpRequest" in entry:
        fields = dict(entry["httpRequest"])
        latency = fields.pop("latency", None)
        json_format.ParseDict(fields, pb.http_request)
        if latency is not None:
            pb.http_request.latency.FromTimedelta(latency)
    return message


def _as_entry(message: Any, request: types.WriteLogEntriesRequest) -> Entry:
    defaults = cast(Any, raw(request))
    log_name = message.log_name or request.log_name
    _project(log_name)
    resource = message.resource if message.HasField("resource") else defaults.resource
    if not resource.type:
        raise invalid("An entry needs a monitored resource.", "entries.resource")
    if message.WhichOneof("payload") == "proto_payload":
        raise unimplemented(SERVICE + "WriteLogEntries with proto_payload")
    entry: Entry = {
        "logName": log_name,
        "resource": {"type": resource.type, "labels": dict(resource.labels)},
        "severity": _severity(message.severity),
        "timestamp": message.timestamp.ToDatetime(UTC)
        if message.HasField("timestamp")
        else datetime.now(UTC),
        "labels": {**defaults.labels, **message.labels},
    }
    if message.insert_id:
        entry["insertId"] = message.insert_id
    if message.WhichOneof("payload") == "json_payload":
        entry["jsonPayload"] = json_format.MessageToDict(message.json_payload)
    elif message.text_payload:
        entry["textPayload"] = message.text_payload[:LONGEST_TEXT]
    if message.HasField("http_request"):
        fields = json_format.MessageToDict(message.http_request)
        if message.http_request.HasField("latency"):
            fields["latency"] = message.http_request.latency.ToTimedelta()
        entry["httpRequest"] = fields
    return entry


def _severity(number: int) -> str:
    return next((name for name, value in SEVERITIES.items() if value == number), "DEFAULT")


def _project(name: str) -> str:
    parts = name.split("/")
    if len(parts) < 2 or parts[0] != "projects" or not parts[1]:
        error: ApiError = invalid(
            f"'{name}' does not begin with projects/PROJECT.", "resource_names"
        )
        raise error
    return parts[1]


def _log_name(project: str, log_id: str) -> str:
    return f"projects/{project}/logs/{log_id.replace('/', '%2F')}"


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
