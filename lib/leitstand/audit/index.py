"""The list of runs, read from their journals alone. Read-only and light: a thousand in a second."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leitstand.audit.file_locks import is_held

__all__ = ["ELSEWHERE_FILE", "HOLD_FILE", "RunEntry", "list_runs"]

ELSEWHERE_FILE: Final = "elsewhere"
"""File in a run directory that says that the run goes on from the store of open runs."""

HOLD_FILE: Final = "under-way"
"""File in a run directory that is locked while a runner owns the run."""

_TAIL: Final = 256 * 1024
_ENDS: Final = {
    "run.completed": "completed",
    "run.failed": "failed",
    "run.paused": "paused",
    "run.rolled_back": "rolled_back",
}
_EXIT_CODES: Final = {"completed": 0, "paused": 4, "rolled_back": 5}
_STATUS_OF_CODE: Final = {
    2: "refused",
    3: "refused",
    5: "rolled_back",
    6: "finding",
    130: "interrupted",
}


@dataclass(frozen=True)
class RunEntry:
    """One run in the list.

    Attributes:
        id: Id of the run.
        runbook: Name of the runbook.
        env: Environment, empty when the notebook has none.
        operator: Who started it.
        ticket: Its ticket, or empty.
        started_at: ISO 8601, UTC.
        ended_at: The same, empty while it has no end.
        status: ``running``, ``completed``, ``finding``, ``refused``, ``failed``, ``paused``,
            ``rolled_back``, ``interrupted``, ``crashed`` (its runner is gone), ``open`` (in
            JupyterLab) or ``elsewhere`` (it goes on from the store of open runs).
        exit_code: Exit code, or None while it has no end.
        path: The run's directory.
        incident: Id of the incident that it was started for, or empty.
        started_by: Run and action that started it, as ``run/action``, or empty.
    """

    id: str
    runbook: str
    env: str
    operator: str
    ticket: str
    started_at: str
    ended_at: str
    status: str
    exit_code: int | None
    path: Path
    incident: str = ""
    started_by: str = ""


def list_runs(runs: Path) -> list[RunEntry]:
    """Return all runs, newest first; directories without a readable start are left out."""
    entries = [_entry(path) for path in runs.iterdir() if path.is_dir()] if runs.is_dir() else []
    found = [entry for entry in entries if entry is not None]
    return sorted(found, key=lambda entry: (entry.started_at, entry.id), reverse=True)


def _entry(path: Path) -> RunEntry | None:
    try:
        with open(path / "journal.jsonl", "rb") as file:
            started = _decode(file.readline())
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
    except OSError:
        return None
    if started is None or started.get("event") != "run.started":
        return None
    status, exit_code, ended_at = _state(path, tail)
    return RunEntry(
        id=path.name,
        runbook=str(started.get("runbook", "")),
        env=str(started.get("env", "")),
        operator=str(started.get("operator", "")),
        ticket=str(started.get("ticket", "")),
        started_at=str(started.get("at", "")),
        ended_at=ended_at,
        status=status,
        exit_code=exit_code,
        path=path,
        incident=str(started.get("incident", "")),
        started_by=str(started.get("started_by", "")),
    )


def _state(path: Path, tail: bytes) -> tuple[str, int | None, str]:
    held = _held(path)
    if held:
        return "running", None, ""
    if (path / ELSEWHERE_FILE).exists():
        return "elsewhere", None, ""
    for event in _backwards(tail):
        kind = str(event.get("event"))
        if kind in _ENDS:
            status = _ENDS[kind]
            code = event.get("exit_code", _EXIT_CODES.get(status))
            exit_code = code if isinstance(code, int) else None
            if status == "failed" and exit_code in _STATUS_OF_CODE:
                status = _STATUS_OF_CODE[exit_code]
            return status, exit_code, str(event.get("at", ""))
        if kind in {"run.resumed", "run.started"}:
            break
    return ("open" if held is None else "crashed"), None, ""


def _held(path: Path) -> bool | None:
    """Return whether a runner owns the run, or None when no runner ever did."""
    try:
        return is_held(path / HOLD_FILE)
    except OSError:
        return None


def _backwards(tail: bytes) -> Iterator[dict[str, Any]]:
    for line in reversed(tail.split(b"\n")):
        event = _decode(line)
        if event is not None:
            yield event


def _decode(line: bytes) -> dict[str, Any] | None:
    if b'"event"' not in line:
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
