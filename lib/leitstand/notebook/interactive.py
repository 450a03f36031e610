"""A run in a notebook's own kernel: held, recorded, shown and sealed without anyone saving a file.

begin() opens it or goes on with it. It ends with finish(); a kernel that ends before leaves it so
that it can be gone on with. Where the kernel is killed, the journal and the notebook of a moment
ago are there, and what is missing is made up from the journal (`complete_notebook`).
"""

import atexit
import importlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from leitstand.audit.journal import Follower
from leitstand.core.records.journal_text import read_journal
from leitstand.core.records.reading import facts_of
from leitstand.core.run_over import RunOver
from leitstand.notebook.cell_executions import Execution, executions_of, is_interactive
from leitstand.notebook.cell_recorder import CellRecorder
from leitstand.notebook.executed_notebook import executed_notebook
from leitstand.notebook.finishing import RunEnd, end_of
from leitstand.notebook.imports import without_grammar
from leitstand.notebook.outline import read_outline
from leitstand.notebook.run_directory import RunDirectory, journal_masked, write_private
from leitstand.notebook.run_state import RunState, StateView
from leitstand.notebook.saved_notebook import SavedNotebook
from leitstand.notebook.sealed import RecordKept, seal_ended
from leitstand.notebook.template import Template

__all__ = ["Interactive", "complete_notebook"]

_AT_THE_END: Final = (
    "concurrent.futures.thread",
    "nbformat.v4",
    "leitstand.audit.sealing",
    "leitstand.audit.sealing_all",
    "leitstand.execution.store_opening",
    "leitstand.notebook.executed_notebook",
)
_SAVE_EVERY: Final = 2.0
_SAVE_SHARE: Final = 20
"""Saving takes at most a twentieth of the time."""


class Interactive:
    """What a kernel does for its run beside executing cells.

    Attributes:
        directory: Of the run.
        journal: The one that everything in this kernel writes to.
        template: The runbook.
        outline: Of the runbook.
        redactor: Of the run.
        saved: Makes what may be written of outputs.
        executions: What this kernel executed for the run.
        over: Whether it has ended here.

    Args:
        hold: Descriptor of the lock that says that the run is under way.
        recorder: Of the kernel.
        env: Name of the environment.
    """

    def __init__(
        self,
        directory: RunDirectory,
        template: Template,
        hold: int,
        recorder: CellRecorder,
        env: str,
    ) -> None:
        self.directory = directory
        self.journal = directory.journal
        self.template = template
        self.outline = read_outline(template.path)
        self._content = json.loads(template.path.read_bytes())  # as it is now: it may change
        self.redactor = directory.redactor
        self.saved = SavedNotebook(self.redactor)
        self.executions: list[Execution] = []
        self.over = False
        self._hold = hold
        self._recorder = recorder
        self._env = env
        self._told: Callable[[RecordKept], None] | None = None
        self._release: Callable[[], None] = lambda: None
        self._events = Follower(self.journal.path)
        self._state = RunState(directory.id, self.outline)
        self._view: StateView | None = None
        self._display: Any = None
        self._next_save = time.monotonic() + _SAVE_EVERY
        atexit.register(self._leave)

    def release_with(self, release: Callable[[], None]) -> None:
        """Give back with this what the run has locked, when the kernel ends before the run."""
        self._release = release

    def show_state(self) -> None:
        """Show below begin() where the run stands; it changes there by itself."""
        from IPython.display import display

        threading.Thread(target=_warm, name="leitstand-imports", daemon=True).start()
        self._view = self._now()
        self._recorder.vouch(bundle := self._view.bundle())
        self._display = display(bundle, raw=True, display_id=f"leitstand-state-{self.directory.id}")

    def update_state(self) -> None:
        """Show where the run stands now, if that is something else."""
        view = self._now()
        if self._display is not None and view != self._view:
            self._view = view
            self._recorder.vouch(bundle := view.bundle())
            self._display.update(bundle, raw=True)

    def cell_ended(self) -> None:
        """Show and save what is new; end the run when this was its last cell."""
        self.update_state()
        if self._told is not None:
            self._told(self.end())
        elif time.monotonic() >= self._next_save:
            began = time.monotonic()
            self.save()
            now = time.monotonic()
            self._next_save = now + max(_SAVE_EVERY, _SAVE_SHARE * (now - began))

    def check_end(self) -> RunEnd:
        """Return how the run ends now.

        Raises:
            NotAtItsEnd: something is begun, and cells that would go on with it are left.
            RunOver: it has ended here before.
        """
        if self.over:
            raise RunOver(self.directory.id)
        running = self.executions[-1].index if self.executions else None
        return end_of(self.directory.id, self.journal.events(), self.outline, running)

    def end_after_cell(self, told: Callable[[RecordKept], None]) -> None:
        """Seal the run when the cell that runs is journalled, and tell of its record."""
        self._told = told

    def end(self) -> RecordKept:
        """Complete and seal the run, write in it no more, and let go of it."""
        self._recorder.leave()
        kept = self._close()
        self.update_state()
        return kept

    def save(self, *, final: bool = False) -> None:
        """Write the notebook as it is now, with marks in the place of secrets."""
        notebook = executed_notebook(self._content, self.outline, self.executions, self._now())
        write_private(self.directory.notebook, _text(self.saved, notebook, final=final))

    def _now(self) -> StateView:
        self._state.take(self._events.events())
        return self._state.view()

    def _leave(self) -> None:
        """End with the kernel: the run can be gone on with, and its record is whole so far."""
        with suppress(OSError):  # a full disk must not keep the process
            self._release()
        with suppress(OSError):
            self._recorder.leave()
            self.journal.append("kernel.ended")
        with suppress(OSError):
            self._close()

    def _close(self) -> RecordKept:
        atexit.unregister(self._leave)
        self.over = True
        try:
            journal_masked(self.directory)
            self.save(final=True)
            self._summarise()
            return seal_ended(self.directory.path, self._env)
        finally:
            self.journal.close(lambda: RunOver(self.directory.id))
            os.close(self._hold)

    def _summarise(self) -> None:
        text = self.journal.path.read_bytes()
        facts = facts_of(read_journal(text)).as_data()
        names = ("run", "runbook", "env", "status", "exit_code", "error", "message")
        places = {"directory": self.directory.path, "notebook": self.directory.notebook}
        self.directory.write_summary({n: facts[n] for n in names} | places)


def _warm() -> None:
    """Import what the end needs: when a process ends, not everything can be imported any more."""
    with without_grammar():
        for name in _AT_THE_END:
            importlib.import_module(name)


def complete_notebook(directory: RunDirectory) -> bool:
    """Make up the notebook of an interactive run whose kernel was killed; return whether it was.

    What the last saved notebook shows in full is taken from there, the rest from the journal. The
    caller makes sure that nobody executes the run.

    Raises:
        OSError: it cannot be written.
    """
    from leitstand.core.errors import LeitstandError
    from leitstand.notebook.template import find_template, read_template
    from leitstand.project import runbooks_directory

    events = directory.journal.events()
    executions = executions_of(events) if is_interactive(events) else []
    if not executions:
        return False
    started = next(event for event in events if event["event"] == "run.started")
    try:
        template = read_template(find_template(str(started["runbook"]), runbooks_directory()))
    except LeitstandError:
        return False
    if template.digest != started.get("template_digest"):
        return False  # its cells are not those of the run; the journal tells what they were
    saved = _saved_outputs(directory)
    for one in executions:
        one.outputs = saved.get(one.seq, one.outputs)
    outline = read_outline(template.path)
    state = RunState(directory.id, outline)
    state.take(events)
    content = json.loads(template.path.read_bytes())
    notebook = executed_notebook(content, outline, executions, state.view())
    text = _text(SavedNotebook(directory.redactor), notebook, final=True)
    if not directory.notebook.exists() or directory.notebook.read_text("utf-8") != text:
        write_private(directory.notebook, text)
    return True


def _text(saved: SavedNotebook, notebook: Mapping[str, Any], *, final: bool) -> str:
    from nbformat import from_dict, v4

    node = from_dict(notebook)  # type: ignore[no-untyped-call]  # nbformat is untyped
    text: str = v4.writes(saved.masked(node, final=final))  # type: ignore[no-untyped-call]  # too
    return text + "\n"


def _saved_outputs(directory: RunDirectory) -> dict[int, list[dict[str, Any]]]:
    """Return, by the number of its execution, what the saved notebook shows of a cell."""
    try:
        cells = json.loads(directory.notebook.read_bytes())["cells"]
    except (OSError, ValueError, KeyError):
        return {}
    found: dict[int, list[dict[str, Any]]] = {}
    for cell in cells:
        about = cell.get("metadata", {}).get("leitstand")
        if isinstance(about, dict) and about.get("status"):
            found[int(about["seq"])] = cell.get("outputs", [])
    return found
