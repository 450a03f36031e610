"""The rows of one BigQuery table: a file of JSON lines, and the schema that follows from them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Rows", "as_row", "merged"]

Field = dict[str, Any]


class Rows:
    """Rows of a table, in `bigquery/P/D/T.jsonl` of the sandbox's directory (mode 0600).

    Args:
        directory: The sandbox's.
        table: Full name, `projects/P/datasets/D/tables/T`.
    """

    def __init__(self, directory: Path, table: str) -> None:
        project, dataset, identifier = table.split("/")[1::2]
        self._file = directory / "bigquery" / project / dataset / f"{identifier}.jsonl"

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """All rows, oldest first; [] where there are none."""
        if not self._file.exists():
            return []
        with open(self._file, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    @property
    def changed_at(self) -> float | None:
        """When the last row was added, in seconds since the epoch; None where there are none."""
        return self._file.stat().st_mtime if self._file.exists() else None

    def remove(self) -> None:
        """Delete them."""
        self._file.unlink(missing_ok=True)


def as_row(value: Any) -> Any:
    """A value with field names that BigQuery allows: every other character becomes `_`.

    https://cloud.google.com/logging/docs/export/bigquery#names
    """
    if isinstance(value, Mapping):
        return {_field_name(key): as_row(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_row(item) for item in value]
    return value


def merged(fields: list[Field], row: Mapping[str, Any]) -> list[Field]:
    """The schema with what the row has more; a type that is set stays.

    Returns:
        The same list where the row brings nothing new.
    """
    known = {field["name"]: field for field in fields}
    changed = False
    for name, value in row.items():
        field = known.get(name)
        new = _field(name, value) if field is None else _widened(field, value)
        if new is not None and new is not field:
            known[name] = new
            changed = True
    return list(known.values()) if changed else fields


def _field(name: str, value: Any) -> Field | None:
    if isinstance(value, list):
        inner = _field(name, value[0]) if value else None
        return {**inner, "mode": "REPEATED"} if inner is not None else None
    field: Field = {"name": name, "mode": "NULLABLE"}
    if isinstance(value, Mapping):
        return {**field, "type": "RECORD", "fields": merged([], value)} if value else None
    if name in ("timestamp", "receiveTimestamp"):
        return {**field, "type": "TIMESTAMP"}
    kinds: tuple[tuple[type, str], ...] = ((bool, "BOOLEAN"), (int, "FLOAT"), (float, "FLOAT"))
    return {**field, "type": next((t for kind, t in kinds if isinstance(value, kind)), "STRING")}


def _widened(field: Field, value: Any) -> Field:
    samples = value if isinstance(value, list) else [value]
    fields = field.get("fields", [])
    for sample in samples:
        if field["type"] == "RECORD" and isinstance(sample, Mapping):
            fields = merged(fields, sample)
    return field if fields is field.get("fields", fields) else {**field, "fields": fields}


def _field_name(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return text if not text[:1].isdigit() else f"_{text}"
