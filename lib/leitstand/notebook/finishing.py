"""How an interactive run ends when finish() is executed, whatever was executed before. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.errors import ExitCode
from leitstand.core.run_over import told
from leitstand.execution.history import History
from leitstand.notebook.interactive_errors import NotAtItsEnd
from leitstand.notebook.outline import Outline, OutlineCell

__all__ = ["RunEnd", "end_of", "replaced"]

Event = Mapping[str, Any]

_NOTHING_DONE = {"CellOutOfOrder", "NotAtItsEnd"}
"""A cell that was executed too early counts as not executed."""


@dataclass(frozen=True)
class RunEnd:
    """The last event of a run.

    Attributes:
        event: Its name; empty where the run has told its end already.
        fields: What it says.
    """

    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What was wrong, as German sentences; empty at success."""
        return str(self.fields.get("message", ""))


@dataclass
class _Last:
    status: str = ""
    error: Event | None = None


def end_of(run: str, events: Sequence[Event], outline: Outline, running: int | None) -> RunEnd:
    """Return how a run ends: as it would have without a person in between.

    A cell of the runbook that failed, and was not executed successfully since, ends it as failed.
    One that was never executed means that the run was given up, as long as nothing is begun.

    Args:
        run: Its id.
        events: Of its journal.
        outline: Of its runbook.
        running: Place of the cell that runs, which ends it.

    Raises:
        NotAtItsEnd: something is begun, and cells that would go on with it are left.
    """
    history = History.read(events)
    if history.ended:
        return RunEnd("")
    last = _last(events)
    cells = [cell for cell in outline.cells if not cell.parameters and cell.index != running]
    failed = [c for c in cells if c.index in last and last[c.index].status != "completed"]
    if failed:
        end = _failed(failed[0], last[failed[0].index])
        waits = end.fields["exit_code"] == ExitCode.FAILED and told(events, "run.paused")
        return RunEnd("", end.fields) if waits else end
    left = list(dict.fromkeys(cell.section for cell in cells if cell.index not in last))
    if left and history.started:
        raise NotAtItsEnd(run, left)
    if left:
        return _given_up(f"Nicht ausgeführt wurde: {', '.join(left)}.")
    return RunEnd("run.completed")


def replaced(events: Iterable[Event]) -> RunEnd:
    """Return how a run ends that has changed nothing, and in whose place another one begins."""
    error = None
    for event in events:
        if event["event"] == "error":
            error = event
        elif event["event"] == "cell.completed" and event.get("status") == "completed":
            error = None
    if error is not None:
        return _told(error)
    return _given_up("An seiner Stelle begann ein Lauf mit anderen Werten.")


def _last(events: Iterable[Event]) -> dict[int, _Last]:
    """Return, by its place, how each cell of the runbook ended when it was executed last."""
    last: dict[int, _Last] = {}
    current: int | None = None
    interactive = False
    error: Event | None = None
    for event in events:
        kind, index = event["event"], event.get("index")
        if kind in {"run.started", "run.resumed"}:
            interactive = "kernel" in event
        elif not interactive:  # a command counts the cells of another notebook
            continue
        elif kind == "cell.started":
            current, error = index, None
            if index is not None:
                last[index] = _Last()
        elif kind == "error":
            error = event
        elif kind == "cell.completed" and current is not None:
            last[current] = _Last(str(event.get("status", "")), error)
            if error is not None and error.get("class") in _NOTHING_DONE:
                del last[current]
    return last


def _failed(cell: OutlineCell, last: _Last) -> RunEnd:
    if last.error is not None:
        return _told(last.error)
    if last.status == "interrupted":
        return _end(
            "Interrupted", f"Der Lauf wurde im Abschnitt „{cell.section}“ angehalten.",
            ExitCode.INTERRUPTED,
        )  # fmt: skip
    text = f"Unerwarteter Fehler im Abschnitt „{cell.section}“."
    return _end("Unexpected", text, ExitCode.UNEXPECTED)


def _told(error: Event) -> RunEnd:
    message = f"{error.get('message', '')} {error.get('advice', '')}".strip()
    code = int(error.get("exit_code", ExitCode.UNEXPECTED))
    return _end(str(error.get("class", "")), message, code)


def _given_up(why: str) -> RunEnd:
    text = f"Der Lauf endet, ohne etwas geändert zu haben. {why}"
    return _end("Interrupted", text, ExitCode.INTERRUPTED)


def _end(error: str, message: str, code: int) -> RunEnd:
    return RunEnd("run.failed", {"error": error, "message": message, "exit_code": int(code)})
