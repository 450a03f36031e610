"""Journals every cell that a notebook's own kernel executes, by IPython's events."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from leitstand.audit.journal import Journal
from leitstand.audit.journal_fields import Masked
from leitstand.audit.run_redactor import RunRedactor
from leitstand.notebook.cell_executions import Execution
from leitstand.notebook.cell_journal import MOST_BYTES, bounded_outputs, bounded_text
from leitstand.notebook.cell_outputs import CellOutputs
from leitstand.notebook.kernel_redaction import KernelRedaction
from leitstand.notebook.outline import Outline
from leitstand.notebook.saved_notebook import SavedNotebook

__all__ = ["CellRecorder", "CellsOf"]


class CellsOf(Protocol):
    """The run that the cells belong to."""

    journal: Journal
    outline: Outline
    redactor: RunRedactor
    saved: SavedNotebook
    executions: list[Execution]

    def cell_ended(self) -> None:
        """Called after each cell, once it is journalled."""


@dataclass
class _Running:
    execution: Execution
    started: float
    request: str


class CellRecorder:
    """One for each kernel; it serves one run after the other.

    Args:
        shell: IPython's shell in the kernel.
        redaction: What stands in front of the kernel's messages.
    """

    def __init__(self, shell: Any, redaction: KernelRedaction) -> None:
        self._shell = shell
        self._redaction = redaction
        self._outputs = CellOutputs()
        self._into: CellsOf | None = None
        self._running: _Running | None = None
        self._counts: set[int] = set()
        redaction.listen(self._outputs.take)
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)

    def serve(self, into: CellsOf) -> None:
        """Journal into this run from now on: cells of before, and the one that runs."""
        self.leave()
        self._into = into
        self._earlier(into)
        parent = self._parent()
        metadata = parent.get("metadata") or {}
        code = str((parent.get("content") or {}).get("code", ""))
        # The cell that runs is the last one of the history; the next one is not in it yet.
        self._start(code, str(metadata.get("cellId") or ""), len(self._inputs()) - 1)

    def vouch(self, data: Mapping[str, Any]) -> None:
        """Let this data out as it is; see `KernelRedaction.vouch`."""
        self._redaction.vouch(data)

    def leave(self) -> None:
        """End the cell that runs for the run so far, and journal no more."""
        if self._running is not None:
            self._complete("completed")
        self._into = None

    def _before(self, info: Any) -> None:
        if self._into is None:
            return
        count = len(self._inputs()) if info.store_history else None
        self._guarded(lambda: self._start(info.raw_cell, str(info.cell_id or ""), count))

    def _after(self, result: Any) -> None:
        into = self._into
        if into is None or self._running is None:
            return
        error = result.error_before_exec or result.error_in_exec
        status = "completed" if error is None else "failed"
        if isinstance(error, KeyboardInterrupt):
            status = "interrupted"
        try:
            self._guarded(lambda: self._complete(status))
        finally:
            self._guarded(into.cell_ended)

    def _start(self, code: str, id: str, count: int | None) -> None:
        into = self._into
        assert into is not None
        found = into.outline.find(id, code)
        source = bounded_text(into.redactor.text(code))
        index, section = (found.index, found.section) if found else (None, "")
        written = into.journal.append(
            "cell.started", cell=id, index=index, count=count, section=section,
            source=Masked(source),
        )  # fmt: skip
        if count is not None:
            self._counts.add(count)
        request = str((self._parent().get("header") or {}).get("msg_id", ""))
        self._outputs.open(request)
        execution = Execution(
            int(str(written["seq"])), str(written["at"]), id, index, section, count, source,
            self._outputs.of(request),
        )  # fmt: skip
        into.executions.append(execution)
        self._running = _Running(execution, time.monotonic(), request)

    def _complete(self, status: str) -> None:
        running, into = self._running, self._into
        self._running = None
        assert running is not None
        assert into is not None
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._redaction.flush()
        one = running.execution
        one.duration, one.status = round(time.monotonic() - running.started, 6), status
        outputs = into.saved.outputs(bounded_outputs(one.outputs, 2 * MOST_BYTES))
        into.journal.append(
            "cell.completed", cell=one.cell, index=one.index, duration=one.duration, status=status,
            outputs=Masked(bounded_outputs(outputs)),
        )  # fmt: skip

    def _earlier(self, into: CellsOf) -> None:
        """Journal the code of cells that no run has journalled, as far as IPython has it."""
        history = self._inputs()
        for count, code in enumerate(history[:-1]):
            if count in self._counts or not code.strip():
                continue
            self._counts.add(count)
            found = into.outline.find("", code)
            source = bounded_text(into.redactor.text(code))
            index, section = (found.index, found.section) if found else (None, "")
            written = into.journal.append(
                "cell.earlier", index=index, count=count, section=section, source=Masked(source)
            )
            into.executions.append(
                Execution(
                    int(str(written["seq"])), str(written["at"]), "", index, section, count,
                    source, status="completed", before=True,
                )
            )  # fmt: skip

    def _inputs(self) -> list[str]:
        found: list[str] = self._shell.history_manager.input_hist_raw
        return found

    def _parent(self) -> Mapping[str, Any]:
        parent = self._shell.get_parent()
        return parent if isinstance(parent, Mapping) else {}

    @staticmethod
    def _guarded(act: Callable[[], None]) -> None:
        """Act, and say so where the journal cannot be written: IPython would go on in silence.

        What changes something writes to the same journal first, and stops there.
        """
        try:
            act()
        except OSError as error:
            from leitstand.notebook.views import Notice, Tone, show

            text = f"Diese Zelle steht nicht ganz im Journal: {error.strerror or error}."
            show(Notice(text, Tone.BAD))
