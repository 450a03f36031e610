"""What interactive runs leave behind whose kernel was killed: completed, ended, sealed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from leitstand.audit.file_locks import is_held
from leitstand.audit.index import HOLD_FILE, list_runs
from leitstand.audit.run_files import KEPT_FILE
from leitstand.audit.sealing_all import is_sealed
from leitstand.core.errors import GateRefused, LeitstandError
from leitstand.execution.history import History
from leitstand.notebook.finishing import replaced
from leitstand.notebook.interactive import complete_notebook
from leitstand.notebook.managed_run import hold_run, keep_notebook
from leitstand.notebook.run_directory import RunDirectory, run_slug
from leitstand.notebook.sealed import seal_ended

__all__ = ["complete_left", "complete_left_runs", "half_done", "keep_notebook", "seal_left"]

_NEWEST: Final = 50
"""So many runs of a runbook are looked at."""


def complete_left(directory: RunDirectory) -> None:
    """Make up the notebook of a run that nobody executes, unless its record has it already."""
    if _has_record(directory):
        return
    with suppress(OSError):  # the journal tells the same
        complete_notebook(directory)


def complete_left_runs(runs: Path) -> None:
    """Make up the notebooks of all runs whose kernel was killed, before they are sealed."""
    for entry in list_runs(runs):
        if entry.status == "crashed":
            with suppress(LeitstandError):
                descriptor = hold_run(RunDirectory(entry.path))
                try:
                    complete_left(RunDirectory(entry.path))
                finally:
                    os.close(descriptor)


def half_done(runs: Path, runbook: str, env: str) -> str:
    """Return the id of the newest run that has begun a change and not ended it; empty without one.

    Runs that somebody executes are left out. Read-only.

    Args:
        runs: Directory of all runs.
        runbook: Of which runbook.
        env: In which environment.
    """
    slug = f"-{run_slug(runbook)}-"
    for path in sorted(runs.glob(f"*{slug}*"), reverse=True)[:_NEWEST]:
        events = RunDirectory(path).journal.events()
        started = next((e for e in events if e["event"] == "run.started"), {})
        same = (started.get("runbook"), started.get("env")) == (runbook, env)
        if same and History.read(events).open and not is_held(path / HOLD_FILE):
            return path.name
    return ""


def seal_left(directory: RunDirectory, *, replace: bool) -> None:
    """Seal a run whose kernel is gone; what goes wrong is made up by ``leitstand audit seal``.

    Args:
        directory: Of the run.
        replace: End it first, unless it has a record that says how it stopped: it has changed
            nothing, and another one begins in its place.
    """
    if is_sealed(directory.path):
        return
    try:
        descriptor = hold_run(directory)
    except GateRefused:
        return
    try:
        if replace and not _has_record(directory):
            end = replaced(directory.journal.events())
            directory.journal.append(end.event, **end.fields)
        complete_left(directory)
        started = next((e for e in directory.journal if e["event"] == "run.started"), {})
        seal_ended(directory.path, str(started.get("env", "")))
    except OSError:
        return
    finally:
        os.close(descriptor)


def _has_record(directory: RunDirectory) -> bool:
    """Return whether a record tells of the files as they are, even if it is not sent yet."""
    return is_sealed(directory.path) or (directory.path / KEPT_FILE).exists()
