"""How a run ended, told by its journal."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from leitstand.audit.index import list_runs
from leitstand.notebook.conclusion import Result, conclude
from leitstand.notebook.listener import SilentListener
from leitstand.notebook.managed_run import Failure, ManagedRun
from leitstand.notebook.run_directory import RunDirectory, create_run_directory
from leitstand.notebook.template import read_template

NOTEBOOK = Path(__file__).parent / "notebooks" / "sound.ipynb"
PAUSED = {"class": "RunPaused", "exit_code": 4, "message": "Zu wenig Verkehr.", "advice": "Warten."}
BACK = {"class": "Unhealthy", "exit_code": 5, "message": "Zurück.", "advice": "Lesen."}
FOUND = {"class": "DeviationsFound", "exit_code": 6, "message": "Eine.", "advice": "Beheben."}
GATE = {"class": "TicketMissing", "exit_code": 3, "message": "Kein Ticket.", "advice": "Geben."}

Events = list[tuple[str, dict[str, Any]]]


def concluded(runs: Path, failure: Failure | None, events: Events) -> tuple[Result, RunDirectory]:
    directory = create_run_directory(runs, "sound")
    directory.journal.append("run.started", env="sandbox")
    for event, fields in events:
        directory.journal.append(event, **fields)
    run = ManagedRun(
        directory,
        read_template(NOTEBOOK),
        {"env": "sandbox"},
        kernel=cast(Any, SimpleNamespace()),  # a run that is over asks nothing of its kernel
        hold=-1,
        listener=SilentListener(),
        failure=failure,
    )
    return conclude(run), directory


@pytest.mark.parametrize(
    ("failure", "events", "status", "exit_code", "last"),
    [
        (None, [], "completed", 0, "run.completed"),
        (Failure("error", "Plan", "X"), [("error", GATE)], "refused", 3, "run.failed"),
        (Failure("error", "Plan", "X"), [("run.paused", {}), ("error", PAUSED)],
         "paused", 4, "error"),
        (Failure("error", "Plan", "X"), [("run.rolled_back", {}), ("error", BACK)],
         "rolled_back", 5, "error"),
        (Failure("error", "Plan", "X"), [("error", BACK)], "rolled_back", 5, "run.failed"),
        (Failure("error", "Plan", "X"), [("error", FOUND)], "finding", 6, "run.failed"),
        (Failure("error", "", "ValueError", "so nicht"), [], "failed", 1, "run.failed"),
        (Failure("interrupted", "Plan"), [], "interrupted", 130, "run.failed"),
        (Failure("died", "Plan"), [("error", GATE), ("cell.completed", {"status": "completed"})],
         "failed", 4, "run.failed"),
        (Failure("killed", ""), [], "failed", 4, "run.failed"),
        (Failure("killed_outside", ""), [], "failed", 4, "run.failed"),
        (Failure("error", "", "ValueError", "x"),
         [("error", GATE), ("run.resumed", {})], "failed", 1, "run.failed"),
    ],
)  # fmt: skip
def test_status_and_exit_code_follow_from_failure_and_journal(
    tmp_path: Path,
    failure: Failure | None,
    events: Events,
    status: str,
    exit_code: int,
    last: str,
):
    result, directory = concluded(tmp_path, failure, events)
    assert (status, exit_code) == (result.status, result.exit_code)
    assert last == directory.journal.events()[-1]["event"]
    (directory.path / "under-way").touch()
    (entry,) = list_runs(tmp_path)
    assert status == entry.status


def test_a_run_that_was_never_saved_keeps_its_template(tmp_path: Path):
    _, directory = concluded(tmp_path, Failure("interrupted", ""), [])
    assert NOTEBOOK.read_text("utf-8") == directory.notebook.read_text("utf-8")


def test_an_unexpected_error_names_itself_and_where(tmp_path: Path):
    result, _ = concluded(tmp_path, Failure("error", "Plan", "ValueError", "so nicht"), [])
    assert "Unerwarteter Fehler im Abschnitt „Plan“: ValueError: so nicht." == result.message
    assert "notebook.ipynb" in result.advice
