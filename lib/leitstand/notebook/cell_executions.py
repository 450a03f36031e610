"""What an interactive run executed, cell by cell, as its journal tells it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Execution", "executions_of", "is_interactive"]

Event = Mapping[str, Any]


@dataclass
class Execution:
    """A cell that was executed once; its outputs grow while it runs.

    Attributes:
        seq: Number of the event that tells of it.
        at: When it began, ISO 8601.
        cell: Id of the cell in the notebook, or empty.
        index: Place in the runbook; None for a cell of one's own.
        section: The heading above it, or empty.
        count: Its execution count, or None.
        source: Its code, with marks in the place of secrets.
        outputs: What it showed, with marks too.
        duration: Seconds; None while it runs, or when its kernel died.
        status: ``completed``, ``failed``, ``interrupted``; empty while it runs, or died.
        before: Whether it was executed before the run began.
    """

    seq: int
    at: str
    cell: str
    index: int | None
    section: str
    count: int | None
    source: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    duration: float | None = None
    status: str = ""
    before: bool = False


def is_interactive(events: Iterable[Event]) -> bool:
    """Return whether the run was executed last by a notebook's own kernel, not by a command."""
    kernel = None
    for event in events:
        if event["event"] in {"run.started", "run.resumed"}:
            kernel = event.get("kernel")
    return kernel is not None


def executions_of(events: Iterable[Event]) -> list[Execution]:
    """Return what the last kernel of a run executed, in the order in which it did."""
    found: list[Execution] = []
    for event in events:
        kind = event["event"]
        if kind == "run.started" or (kind == "run.resumed" and event.get("kernel") != "same"):
            found = []
        elif kind in {"cell.started", "cell.earlier"}:
            found.append(_execution(event))
        elif kind == "cell.completed" and found and not found[-1].status:
            last = found[-1]
            last.status, last.duration = str(event.get("status", "")), event.get("duration")
            last.outputs = list(event.get("outputs") or ())
    return found


def _execution(event: Event) -> Execution:
    before = event["event"] == "cell.earlier"
    return Execution(
        seq=int(event["seq"]),
        at=str(event["at"]),
        cell=str(event.get("cell", "")),
        index=event.get("index"),
        section=str(event.get("section", "")),
        count=event.get("count"),
        source=str(event.get("source", "")),
        status="completed" if before else "",
        before=before,
    )
