"""Where logs are kept and sent, and what of it arrives in BigQuery. Each method is one call
unless it says otherwise."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound, translated
from leitstand.cloud.rest import Body
from leitstand.core.log_retention import Arrival, Bucket, Dataset, Sink

__all__ = ["LogRouting"]

_LOGGING, _BIGQUERY = "logging.v2", "bigquery.v2"
_SINKS = "projects.sinks"
_WRITERS = ("WRITER", "OWNER", "roles/bigquery.dataEditor", "roles/bigquery.dataOwner")
_DAY_MS = 86_400_000
_NEWEST_TABLES = 30
"""Tables that are asked for their newest row: an export by day has one a log and day."""


class LogRouting:
    """Buckets, sinks, datasets and probe entries of one project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._project = connection.environment.project

    def buckets(self) -> tuple[Bucket, ...]:
        """Return all log buckets that are global; read-only."""
        parent = f"projects/{self._project}/locations/global/buckets"
        listed = self._pages(
            _LOGGING, "projects.locations.buckets", parent, "buckets", "Log-Buckets auflisten"
        )
        return tuple(Bucket.from_body(body) for body in listed)

    def sinks(self) -> tuple[Sink, ...]:
        """Return all sinks; read-only."""
        parent = f"projects/{self._project}/sinks"
        listed = self._pages(_LOGGING, _SINKS, parent, "sinks", "Log-Senken auflisten")
        return tuple(Sink.from_body(f"{parent}/{body['name']}", body) for body in listed)

    def sink(self, name: str) -> Sink | None:
        """Return one sink, or ``None`` where there is none; read-only."""
        try:
            return Sink.from_body(name, self._call(_LOGGING, _SINKS, "get", name, "Senke lesen"))
        except NotFound:
            return None

    def dataset(self, name: str) -> Dataset | None:
        """Return one dataset, or ``None`` where there is none; read-only."""
        try:
            body = self._call(_BIGQUERY, "datasets", "get", name, "Dataset lesen")
        except NotFound:
            return None
        members = frozenset(
            member
            for entry in body.get("access", ())
            if entry.get("role") in _WRITERS
            for member in (entry.get("iamMember"), _account(entry.get("userByEmail")))
            if member
        )
        fields = ("defaultTableExpirationMs", "defaultPartitionExpirationMs")
        days = [int(body[field]) / _DAY_MS for field in fields if body.get(field)]
        return Dataset(name, members, min(days, default=0))

    def newest_row(self, dataset: str) -> Arrival | None:
        """Return the newest row of a dataset, by when its tables were last written; read-only.

        Makes a call for each of the newest tables: BigQuery lists rows in no order.
        """
        listed = list(
            self._pages(_BIGQUERY, "tables", f"{dataset}/tables", "tables", "Tabellen auflisten")
        )
        listed.sort(key=lambda body: int(body.get("creationTime", 0)), reverse=True)
        newest: Arrival | None = None
        for one in listed[:_NEWEST_TABLES]:
            table = str(one["tableReference"]["tableId"])
            name = f"{dataset}/tables/{table}"
            body = self._call(_BIGQUERY, "tables", "get", name, "Tabelle lesen")
            at = datetime.fromtimestamp(int(body["lastModifiedTime"]) / 1000, UTC)
            if newest is None or at > newest.at:
                newest = Arrival(table, at)
        return newest

    def set_days(self, bucket: str, days: int) -> None:
        """Set how many days a bucket keeps entries; older ones are deleted."""
        self._call(
            _LOGGING, "projects.locations.buckets", "patch", bucket, "Aufbewahrung ändern",
            {"retentionDays": days}, {"updateMask": "retentionDays"},
        )  # fmt: skip

    def create_sink(self, name: str, body: Mapping[str, Any]) -> None:
        """Make a sink with a writer identity of the project."""
        sent = {**body, "name": name.rpartition("/")[2]}
        query = {"uniqueWriterIdentity": True}
        self._call(_LOGGING, _SINKS, "create", name, "Senke anlegen", sent, query)

    def update_sink(self, name: str, body: Mapping[str, Any]) -> None:
        """Set the given fields of a sink; the others stay."""
        query = {"updateMask": ",".join(sorted(body)), "uniqueWriterIdentity": True}
        self._call(_LOGGING, _SINKS, "patch", name, "Senke ändern", body, query)

    def delete_sink(self, name: str) -> None:
        """Delete a sink."""
        self._call(_LOGGING, _SINKS, "delete", name, "Senke löschen")

    def set_writer(self, dataset: str, member: str, *, allowed: bool) -> None:
        """Let an identity write to a dataset, or no more; two calls, the second with the etag.

        Raises:
            Conflict: the access list was changed between both.
        """
        body = self._call(_BIGQUERY, "datasets", "get", dataset, "Dataset lesen")
        email = member.partition(":")[2]
        kept = [
            entry
            for entry in body.get("access", ())
            if not (
                entry.get("role") in _WRITERS
                and (entry.get("iamMember") == member or entry.get("userByEmail") == email)
            )
        ]
        added = [{"role": "WRITER", "iamMember": member}] if allowed else []
        self._call(
            _BIGQUERY, "datasets", "patch", dataset, "Schreibrecht ändern",
            {"access": [*kept, *added]}, if_match=str(body.get("etag", "")),
        )  # fmt: skip

    def write(
        self,
        log: str,
        severity: str,
        payload: Mapping[str, Any],
        id: str,
        within: float | None = None,
    ) -> None:
        """Write one structured entry.

        Args:
            log: Full name of the log.
            severity: As Cloud Logging names it.
            payload: Its fields as JSON values.
            id: The entry's ``insertId``: written twice with one time, it counts once.
            within: Seconds for the one attempt; as long as the client likes when left out.
        """
        from google.cloud.logging_v2.types import LogEntry
        from google.logging.type import log_severity_pb2 as severities

        entry = LogEntry(
            log_name=log,
            resource={"type": "global", "labels": {"project_id": self._project}},
            severity=severities.LogSeverity.Value(severity),
            insert_id=id,
            json_payload=dict(payload),
        )
        once: dict[str, Any] = {} if within is None else {"timeout": within, "retry": None}
        with translated("Log-Eintrag schreiben"):
            self._connection.logs.write_log_entries(request={"entries": [entry]}, **once)

    def is_logged(self, log: str, id: str) -> bool:
        """Return whether Logging shows an entry with that ``insertId``; read-only."""
        request = {
            "resource_names": [f"projects/{self._project}"],
            "filter": f'logName="{log}" AND insertId="{id}"',
            "page_size": 1,
        }
        with translated("Probeeintrag suchen"):
            return any(True for _ in self._connection.logs.list_log_entries(request=request))

    def has_row(self, table: str, text: str) -> bool:
        """Return whether a row of a small table holds a text; read-only, a call for each page."""
        try:
            listed = self._pages(
                _BIGQUERY, "tabledata", f"{table}/data", "rows", "Zeilen lesen", token="pageToken"
            )
            return any(text in json.dumps(row) for row in listed)
        except NotFound:
            return False

    def _pages(
        self,
        api: str,
        collection: str,
        parent: str,
        items: str,
        what: str,
        *,
        token: str = "nextPageToken",
    ) -> Iterator[Body]:
        pages = self._connection.rest.pages(api, collection, parent, what=what, token=token)
        return (item for page in pages for item in page.get(items, ()))

    def _call(
        self,
        api: str,
        collection: str,
        method: str,
        name: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        if_match: str = "",
    ) -> Body:
        what = f"{what} ({name.rpartition('/')[2]})"
        return self._connection.rest.call(
            api, collection, method, name, what=what, body=body, query=query, if_match=if_match
        )


def _account(email: object) -> str:
    return f"serviceAccount:{email}" if email else ""
