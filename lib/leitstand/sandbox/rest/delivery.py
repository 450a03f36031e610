"""What log sinks send to BigQuery: each entry becomes a row the moment it is written."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.log_counts import logging_filter
from leitstand.sandbox.rest.bigquery import may_write, table_outputs
from leitstand.sandbox.rest.bigquery_rows import Rows, as_row, merged
from leitstand.sandbox.rest.collection import Body

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Delivery"]

BIGQUERY = "bigquery.googleapis.com/"

log = logging.getLogger(__name__)


class Delivery:
    """Listens to the entries that come in (`Logs.listen`) and writes what sinks want.

    Sinks do not backfill: what was written before they existed is not delivered. Where the
    sink's writer may not write to the dataset, or the dataset is not there, entries are dropped.
    """

    def __init__(self, park: Park) -> None:
        self._park = park

    def __call__(self, entry: Mapping[str, Any]) -> None:
        """Deliver one entry; never fails."""
        project = entry["logName"].split("/")[1]
        for sink in self._park.table("logging", "projects.sinks").values():
            destination = sink["destination"]
            if sink.get("disabled") or not destination.startswith(BIGQUERY):
                continue
            if sink["resourceName"].split("/")[1] == project and _wanted(sink, entry):
                dataset = self._park.full_name(destination.removeprefix(BIGQUERY))
                if may_write(self._park, dataset, sink.get("writerIdentity", "")):
                    self._write(dataset, sink, entry)

    def _write(self, dataset: str, sink: Body, entry: Mapping[str, Any]) -> None:
        partitioned = sink.get("bigqueryOptions", {}).get("usePartitionedTables", False)
        name = f"{dataset}/tables/{_table_name(entry, partitioned)}"
        row = as_row(_plain(entry))
        tables = self._park.table("bigquery", "tables")
        try:
            Rows(self._park.directory, name).append(row)
        except OSError:
            log.exception("A log entry could not be delivered to %s", name)
            return
        table = tables.get(name) or _new_table(name, partitioned)
        fields = merged(table["schema"]["fields"], row)
        if name not in tables or fields is not table["schema"]["fields"]:
            tables[name] = {**table, "schema": {"fields": fields}}


def _wanted(sink: Body, entry: Mapping[str, Any]) -> bool:
    if not logging_filter(sink.get("filter", "")).matches(entry):
        return False
    return not any(
        logging_filter(exclusion["filter"]).matches(entry)
        for exclusion in sink.get("exclusions", ())
        if not exclusion.get("disabled")
    )


def _table_name(entry: Mapping[str, Any], partitioned: bool) -> str:
    """Named after the log: one table, or one for each day.

    https://cloud.google.com/logging/docs/export/bigquery#partition-tables
    """
    log_id = entry["logName"].split("/", 3)[3].replace("%2F", "/")
    table = re.sub(r"[^A-Za-z0-9]", "_", log_id)
    return table if partitioned else f"{table}_{entry['timestamp']:%Y%m%d}"


def _new_table(name: str, partitioned: bool) -> Body:
    table: Body = {**table_outputs(name), "schema": {"fields": []}}
    return {**table, "timePartitioning": {"type": "DAY"}} if partitioned else table


def _plain(value: Any) -> Any:
    """JSON of an entry: times in seconds since the epoch, as BigQuery gives TIMESTAMP back."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, timedelta):
        return {"seconds": value.seconds, "nanos": value.microseconds * 1000}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
