"""Records and events as flat rows with stable names, and the schema of their tables.

The names and types are a promise to whoever keeps the rows: a field may be added, none changes.
Source of the types and modes:
https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json and
https://cloud.google.com/bigquery/docs/schemas#creating_a_json_schema_file.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leitstand.core.records.statement import Statement

__all__ = ["EVENT_FIELDS", "RECORD_FIELDS", "Column", "event_row", "record_row", "schema"]

Row = dict[str, Any]

_LARGEST: Final = 2**63


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        type: Type of BigQuery.
        description: What it holds.
        mode: ``NULLABLE``, ``REQUIRED`` or ``REPEATED``.
    """

    name: str
    type: str
    description: str
    mode: str = "NULLABLE"

    def as_data(self) -> dict[str, str]:
        """Return the column as ``bq mk --schema`` reads it."""
        return {
            "name": self.name,
            "type": self.type,
            "mode": self.mode,
            "description": self.description,
        }


def schema(columns: tuple[Column, ...]) -> list[dict[str, str]]:
    """Return a table's schema as ``bq mk --schema`` reads it."""
    return [column.as_data() for column in columns]


RECORD_FIELDS: Final = (
    Column("record", "INTEGER", "Number of the record in the chain, from 1", "REQUIRED"),
    Column("digest", "STRING", "SHA-256 of the record as stored", "REQUIRED"),
    Column("previous", "STRING", "SHA-256 of the record before; null for the first"),
    Column("signed_by", "STRING", "Ids of the trusted keys that signed the record", "REPEATED"),
    Column("sealed_at", "TIMESTAMP", "When the run was sealed"),
    Column("run", "STRING", "Id of the run", "REQUIRED"),
    Column("part", "INTEGER", "From 1; one more after each resumption of a sealed run", "REQUIRED"),
    Column("runbook", "STRING", "Name of the runbook"),
    Column("env", "STRING", "Environment"),
    Column("operator", "STRING", "Who started the run"),
    Column("ticket", "STRING", "Ticket of the run"),
    Column("incident", "STRING", "Incident that the run belongs to"),
    Column("started_by", "STRING", "Run and action that started it, as run/action"),
    Column("started_at", "TIMESTAMP", "When the run started"),
    Column("ended_at", "TIMESTAMP", "When it ended; null where it has no end"),
    Column("seconds", "FLOAT", "From start to end"),
    Column("status", "STRING", "How it ended: completed, finding, refused, failed, paused, …"),
    Column("exit_code", "INTEGER", "Exit code"),
    Column("verdict", "STRING", "The last verdict"),
    Column("error", "STRING", "Class of the error that ended it"),
    Column("message", "STRING", "Sentence that tells why it failed"),
    Column("template_digest", "STRING", "SHA-256 of the runbook before execution"),
    Column("git_commit", "STRING", "Commit of the checkout"),
    Column("git_dirty", "BOOLEAN", "Whether the checkout had changes"),
    Column("leitstand_version", "STRING", "Version of Leitstand"),
    Column("lock_digest", "STRING", "Digest of the file that pins all libraries"),
    Column("plans", "STRING", "Digests of the plans, in order", "REPEATED"),
    Column("targets", "STRING", "Resources that plans and actions are about", "REPEATED"),
    Column("approved_by", "STRING", "Who agreed, in order", "REPEATED"),
    Column("broken_glass", "BOOLEAN", "Whether a plan went ahead without a second identity"),
    Column("operations", "STRING", "Names of long-running operations, in order", "REPEATED"),
    Column("actions", "INTEGER", "Actions that were announced"),
    Column("actions_failed", "INTEGER", "Actions that failed or whose outcome is unknown"),
    Column("api_calls", "INTEGER", "API calls, those that only read included"),
    Column("resumptions", "INTEGER", "How often somebody went on with the run"),
    Column("masked", "INTEGER", "Secrets and personal data that were masked"),
    Column("events", "INTEGER", "Events in the journal"),
    Column("torn_lines", "INTEGER", "Lines of the journal that cannot be read"),
    Column("files", "INTEGER", "Files of the run"),
    Column("bytes", "INTEGER", "Their size"),
    Column("notebook_digest", "STRING", "SHA-256 of the executed notebook"),
    Column("journal_digest", "STRING", "SHA-256 of the journal"),
    Column("parameters_json", "STRING", "Parameters, as a JSON object"),
    Column("verdicts_json", "STRING", "Last verdict by stage, as a JSON object"),
    Column("plans_json", "STRING", "Plans, as a JSON array"),
    Column("approvals_json", "STRING", "Approvals, as a JSON array"),
    Column("actions_json", "STRING", "Actions, as a JSON array"),
    Column("calls_json", "STRING", "API calls by method and resource, as a JSON array"),
    Column("masked_json", "STRING", "Number of what was masked by kind, as a JSON object"),
)
"""Columns of the table of records; one row a record."""

EVENT_FIELDS: Final = (
    Column("record", "INTEGER", "Number of the record that seals the event", "REQUIRED"),
    Column("run", "STRING", "Id of the run", "REQUIRED"),
    Column("line", "INTEGER", "Line in the run's journal, from 1", "REQUIRED"),
    Column("seq", "INTEGER", "Number of the event in the journal"),
    Column("at", "TIMESTAMP", "When it was written"),
    Column("event", "STRING", "Name of the event", "REQUIRED"),
    Column("step", "STRING", "Step of the run"),
    Column("stage", "STRING", "Stage that a verdict is about"),
    Column("verdict", "STRING", "The verdict"),
    Column("id", "STRING", "Id of the action"),
    Column("kind", "STRING", "Kind of the action"),
    Column("target", "STRING", "Resource that the action changes"),
    Column("status", "STRING", "Outcome of the action or the cell"),
    Column("operation", "STRING", "Name of the long-running operation"),
    Column("method", "STRING", "Method of the API call"),
    Column("resource", "STRING", "Resource of the API call"),
    Column("digest", "STRING", "Digest of the plan"),
    Column("identity", "STRING", "Who approved, or went on with the run"),
    Column("error", "STRING", "Class of the error"),
    Column("message", "STRING", "What went wrong"),
    Column("event_json", "STRING", "The whole event, as a JSON object", "REQUIRED"),
)
"""Columns of the table of events; one row an event, each in one record only."""


def record_row(statement: Statement, digest: str, signed_by: tuple[str, ...]) -> Row:
    """Return a record as one flat row with all columns of `RECORD_FIELDS`.

    Args:
        statement: What it says.
        digest: SHA-256 of its bytes as stored.
        signed_by: Ids of the trusted keys that signed it.
    """
    facts = statement.facts
    plans, actions = _items(facts, "plans"), _items(facts, "actions")
    approvals, calls = _items(facts, "approvals"), _items(facts, "calls")
    files = {subject.name: subject.digest for subject in statement.subjects}
    masked = facts.get("masked")
    numbers = masked.values() if isinstance(masked, Mapping) else ()
    started, ended = _moment(facts.get("started_at")), _moment(facts.get("ended_at"))
    counted = [_integer(call.get("count")) or 0 for call in calls]
    values: Row = {
        **{name: facts.get(name) for name in _PLAIN},
        "record": statement.seq,
        "digest": digest,
        "previous": statement.previous,
        "signed_by": signed_by,
        "sealed_at": statement.sealed_at,
        "run": statement.run_id,
        "part": statement.part,
        "seconds": (ended - started).total_seconds() if started and ended else None,
        "plans": [plan.get("digest") for plan in plans],
        "targets": dict.fromkeys(one.get("target") for one in (*plans, *actions)),
        "approved_by": [approval.get("by") for approval in approvals],
        "broken_glass": any(approval.get("broken_glass") is True for approval in approvals),
        "operations": [action.get("operation") for action in actions],
        "actions": len(actions),
        "actions_failed": sum(a.get("status") not in {"done", "found_done"} for a in actions),
        "api_calls": sum(counted) + (_integer(facts.get("read_calls")) or 0),
        "resumptions": len(_items(facts, "resumptions")),
        "masked": sum(_integer(number) or 0 for number in numbers),
        "torn_lines": _length(facts.get("torn_lines")),
        "files": len(statement.subjects),
        "bytes": sum(subject.size for subject in statement.subjects),
        "notebook_digest": files.get("notebook.ipynb"),
        "journal_digest": files.get("journal.jsonl"),
    }
    texts = {f"{n}_json": _json(facts.get(n)) for n in _AS_JSON}
    return _fitted(RECORD_FIELDS, {**values, **texts})


def event_row(event: Mapping[str, Any], statement: Statement, line: int) -> Row:
    """Return an event of a journal as one flat row with all columns of `EVENT_FIELDS`.

    Args:
        event: As it was journalled.
        statement: Of the record that seals it.
        line: Its line in the journal.
    """
    named = {name: event.get(name) for name in _OF_EVENT}
    values = {
        **named,
        "record": statement.seq,
        "run": statement.run_id,
        "line": line,
        "identity": event.get("by") or event.get("operator"),
        "error": event.get("error") or event.get("class"),
        "event_json": _json(event),
    }
    return _fitted(EVENT_FIELDS, values)


_PLAIN: Final = (
    "runbook", "env", "operator", "ticket", "incident", "started_by", "started_at", "ended_at",
    "status", "exit_code", "verdict", "error", "message", "template_digest", "git_commit",
    "git_dirty", "leitstand_version", "lock_digest", "events",
)  # fmt: skip
_AS_JSON: Final = (
    "parameters", "verdicts", "plans", "approvals", "actions", "calls", "masked",
)  # fmt: skip
_OF_EVENT: Final = (
    "seq", "at", "event", "step", "stage", "verdict", "id", "kind", "target", "status",
    "operation", "method", "resource", "digest", "message",
)  # fmt: skip


def _fitted(columns: tuple[Column, ...], values: Mapping[str, Any]) -> Row:
    return {column.name: _value(column, values.get(column.name)) for column in columns}


def _value(column: Column, value: object) -> object:
    read = _READERS[column.type]
    if column.mode == "REPEATED":
        items = value if isinstance(value, list | tuple | dict) else ()
        # BigQuery takes no null in a repeated field.
        return [one for item in items if (one := read(item)) is not None]
    fitting = read(value)
    return (
        "" if fitting is None and (column.mode, column.type) == ("REQUIRED", "STRING") else fitting
    )


def _string(value: object) -> str | None:
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else _json(value)
    # A lone surrogate is no Unicode text, and BigQuery refuses the line.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _integer(value: object) -> int | None:
    return value if type(value) is int and -_LARGEST <= value < _LARGEST else None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _timestamp(value: object) -> str | None:
    at = _moment(value)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z") if at else None


def _moment(value: object) -> datetime | None:
    """Return a time, in UTC; None for what is none."""
    try:
        at = datetime.fromisoformat(str(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


def _items(facts: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = facts.get(name)
    items = value if isinstance(value, list | tuple) else ()
    return [item for item in items if isinstance(item, Mapping)]


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "STRING": _string,
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "TIMESTAMP": _timestamp,
}
