"""The manifest of a rescue export: what it holds, and proof that it is whole."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from leitstand.core.recovery_types import (
    LossReport,
    RescueExport,
    RescueFile,
    TableLoss,
    TableName,
)
from leitstand.database.errors import RescueUnusable

__all__ = ["MANIFEST", "manifest_text", "read_export"]

MANIFEST = "manifest.json"
_FORMAT = 1
_CHUNK = 1 << 20


def manifest_text(report: LossReport, files: tuple[RescueFile, ...]) -> str:
    """Return the manifest as JSON text."""
    content = {
        "format": _FORMAT,
        "report": asdict(report) | {"taken_at": report.taken_at.isoformat()},
        "files": [asdict(file) for file in files],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def read_export(directory: Path) -> RescueExport | None:
    """Return the finished export in a directory, or None if the directory is empty or missing.

    Read-only; checks every file's digest.

    Raises:
        RescueUnusable: there is something else, or a file is not as it was written.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return None
    try:
        content = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise RescueUnusable(str(directory), "sein Format ist unbekannt")
        export = RescueExport(
            directory=str(directory),
            report=_report(content["report"]),
            files=tuple(_file(entry) for entry in content["files"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RescueUnusable(str(directory), f"{MANIFEST} ist nicht lesbar") from error
    for file in export.files:
        if _sha256(directory / file.name) != file.sha256:
            raise RescueUnusable(str(directory), f"{file.name} ist verändert oder fehlt")
    return export


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _report(content: dict[str, Any]) -> LossReport:
    return LossReport(
        taken_at=datetime.fromisoformat(content["taken_at"]),
        tables=tuple(_loss(entry) for entry in content["tables"]),
        new_tables=tuple((TableName(**name), rows) for name, rows in content["new_tables"]),
        dropped_tables=tuple((TableName(**name), rows) for name, rows in content["dropped_tables"]),
    )


def _loss(content: dict[str, Any]) -> TableLoss:
    columns = {name: tuple(content[name]) for name in ("new_columns", "dropped_columns")}
    return TableLoss(**{**content, **columns, "table": TableName(**content["table"])})


def _file(content: dict[str, Any]) -> RescueFile:
    columns = tuple(content["columns"])
    return RescueFile(**{**content, "columns": columns, "table": TableName(**content["table"])})
