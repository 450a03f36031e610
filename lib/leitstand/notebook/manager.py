"""State of a notebook while it is executed: papermill's metadata, the journal, the saved file."""

import time
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode, v4
from papermill.engines import NotebookExecutionManager
from papermill.iorw import write_ipynb

from leitstand.audit.journal_fields import Masked
from leitstand.notebook.cell_journal import MOST_BYTES, bounded_outputs, bounded_text
from leitstand.notebook.imports import import_for_the_end
from leitstand.notebook.listener import CellStart
from leitstand.notebook.managed_run import Failure, ManagedRun
from leitstand.notebook.run_directory import write_private
from leitstand.notebook.saved_notebook import SavedNotebook
from leitstand.notebook.template import heading_below

__all__ = ["RunManager"]

_SAVE_EVERY: Final = 2.0
_SAVE_SHARE: Final = 20
"""Saving takes at most a twentieth of the time."""


class RunManager(NotebookExecutionManager):  # type: ignore[misc]  # papermill is untyped
    """Keeps the notebook, its file and the journal in step.

    The journal is written before and after every cell.
    The notebook in memory stays as it is executed; what is saved holds no secrets.
    The notebook is saved atomically at the start, at most every two seconds, at a failure and at
    the end.

    Attributes:
        run: The run.
    """

    def __init__(self, nb: NotebookNode, run: ManagedRun, **options: Any) -> None:
        super().__init__(nb, autosave_cell_every=0, **options)
        self.run = run
        self._journal = run.directory.journal  # one for all cells: each reads the file anew
        self._redactor = run.directory.redactor
        self._next_save = 0.0
        self._started = 0.0
        self._since: int | None = None
        self._prepared = False
        self._cells = _code_cells(nb)
        self._saved = SavedNotebook(self._redactor)

    def save(self, **_: object) -> None:
        """Save the notebook unless it was saved a moment ago."""
        if time.monotonic() >= self._next_save:
            self.save_now()

    def save_now(self, *, final: bool = False) -> None:
        """Save the notebook to the run directory and to papermill's output path."""
        begin = time.monotonic()
        shown = self._saved.masked(self.nb, final=final)
        text = v4.writes(shown) + "\n"  # type: ignore[no-untyped-call]  # nbformat is untyped
        write_private(self.run.directory.notebook, text)
        if self.output_path:
            if _is_local(self.output_path):
                write_private(Path(self.output_path), text)
            else:
                write_ipynb(shown, self.output_path)
        now = time.monotonic()
        self._next_save = now + max(_SAVE_EVERY, _SAVE_SHARE * (now - begin))

    def shown(self) -> NotebookNode:
        """Return a copy of the notebook that may be written: without secrets."""
        return self._saved.masked(self.nb, final=True)

    def autosave_cell(self) -> None:
        """Save the outputs of a long cell, unless the notebook was saved a moment ago."""
        self.save()

    def notebook_start(self, **options: object) -> None:
        """Reset papermill's metadata and save the notebook."""
        self._next_save = 0.0
        if not self.output_path:
            self.nb.metadata.papermill["output_path"] = str(self.run.directory.notebook)
        super().notebook_start(**options)

    def cell_start(self, cell: NotebookNode, cell_index: int = 0, **options: object) -> None:
        """Journal that a code cell starts."""
        start = self._cells.get(cell_index)
        if start is not None:
            self._journal.append(
                "cell.started",
                index=cell_index,
                count=start.number,
                section=start.section,
                source=Masked(bounded_text(self._redactor.text(cell.source))),
            )
            self.run.listener.cell_started(start)
        self._since = self._redactor.version_of_kernel
        self._started = time.monotonic()
        super().cell_start(cell, cell_index, **options)

    def cell_failed(self, cell: NotebookNode, cell_index: int, failure: Failure) -> None:
        """Mark the cell and the run as failed."""
        self.run.failure = failure
        super().cell_exception(cell, cell_index)

    def cell_complete(self, cell: NotebookNode, cell_index: int = 0, **options: object) -> None:
        """Journal how a code cell ended, with its outputs."""
        seconds = time.monotonic() - self._started
        failed = cell.metadata.papermill["status"] == self.FAILED
        start = self._cells.get(cell_index)
        if start is not None:
            status = _STATUS[self.run.failure.kind] if failed and self.run.failure else "completed"
            self._journal.append(
                "cell.completed",
                index=cell_index,
                duration=round(seconds, 6),
                status=status,
                outputs=Masked(self._journalled(cell)),
            )
            self.run.listener.cell_ended(start, status, seconds)
        super().cell_complete(cell, cell_index, **options)
        if cell.get("outputs") and not self._prepared:  # not before the reader sees something
            self._prepared = True
            import_for_the_end()
        if failed:
            self.save_now()

    def _journalled(self, cell: NotebookNode) -> list[dict[str, Any]]:
        """Return outputs for the journal; more than it keeps is looked at, for what ends there."""
        self.run.kernel.writer.learn()
        outputs = bounded_outputs(cell.outputs, 2 * MOST_BYTES)
        return bounded_outputs(self._saved.outputs(outputs, since=self._since))

    def notebook_complete(self, **options: object) -> None:
        """Complete papermill's metadata and save the notebook."""
        if self.nb.metadata.papermill.get("start_time"):
            super().notebook_complete(**options)
        self.save_now(final=True)

    def section(self, cell_index: int) -> str:
        """Return the heading above a cell."""
        start = self._cells.get(cell_index)
        return start.section if start else ""


_STATUS = {
    "error": "failed",
    "interrupted": "interrupted",
    "died": "died",
    "killed_outside": "died",
    "killed": "died",
}


def _code_cells(nb: NotebookNode) -> dict[int, CellStart]:
    executed, section = [], ""
    for index, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            section = heading_below(cell.source, section)
        elif _is_executed(cell):
            executed.append((index, section))
    return {
        index: CellStart(index, number, len(executed), section)
        for number, (index, section) in enumerate(executed, 1)
    }


def _is_executed(cell: NotebookNode) -> bool:
    skipped = "skip-execution" in cell.metadata.get("tags", [])
    return bool(cell.cell_type == "code" and cell.source.strip() and not skipped)


def _is_local(path: str) -> bool:
    return path != "-" and "://" not in path
