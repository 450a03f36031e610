"""The plain papermill command with the engine ``leitstand``."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal

NOTEBOOKS = Path(__file__).parent / "notebooks"


def papermill(
    home: Path, name: str, *arguments: str, engine: str = "leitstand", **variables: str
) -> tuple[int, str, list[dict[str, Any]]]:
    """Run papermill and return its exit code, its errors and the journal, if there is one."""
    named = ["--engine", engine] if engine else []
    ended = subprocess.run(
        [sys.executable, "-m", "papermill", *named, "--no-progress-bar",
         str(NOTEBOOKS / f"{name}.ipynb"), str(home / "out.ipynb"), *arguments],
        env={**os.environ, "LEITSTAND_HOME": str(home), **variables}, capture_output=True,
        text=True,
    )  # fmt: skip
    journals = list(home.glob("runs/*/journal.jsonl"))
    return ended.returncode, ended.stderr, Journal(journals[0]).events() if journals else []


def test_it_executes_and_journals_as_the_runner_does(tmp_path: Path):
    code, _, events = papermill(tmp_path, "sound", "-p", "count", "4")
    assert 0 == code
    assert ("run.started", "run.completed") == (events[0]["event"], events[-1]["event"])
    assert 4 == events[0]["parameters"]["count"]
    notebook = json.loads((tmp_path / "out.ipynb").read_text("utf-8"))
    assert {"count": 4} == notebook["metadata"]["papermill"]["parameters"]
    assert (next((tmp_path / "runs").iterdir()) / "notebook.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "cuont", "4"], "Meinten Sie „count“"),
        # The checks themselves are tested in tests/core/test_parameters.py.
        pytest.param(["-p", "count", "vier"], "erwartet eine ganze Zahl", marks=pytest.mark.sweep),
        pytest.param(
            ["-p", "count", "9"], "außerhalb des erlaubten Bereichs", marks=pytest.mark.sweep
        ),
    ],
)
def test_a_bad_parameter_is_refused_before_a_run_exists(
    tmp_path: Path, arguments: list[str], message: str
):
    code, errors, events = papermill(tmp_path, "sound", *arguments)
    assert 2 == code
    assert message in errors
    assert [] == events


def test_a_failed_run_is_saved_before_papermill_ends(tmp_path: Path):
    code, errors, events = papermill(tmp_path, "raises_an_error", LEITSTAND_SCHEDULE="daily-look")
    assert 1 == code
    assert "ZeroDivisionError" in errors
    assert ("run.failed", 1) == (events[-1]["event"], events[-1]["exit_code"])
    saved = (tmp_path / "out.ipynb").read_text("utf-8")
    assert "vorher" in saved
    assert "papermill-error-cell" in saved
    (line,) = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert ("daily-look", "failure") == tuple(
        line["leitstand"][key] for key in ("schedule", "verdict")
    )


def test_without_an_engine_a_runbook_tells_a_finding_by_its_exit_code(tmp_path: Path):
    code, errors, events = papermill(tmp_path, "finds_something", engine="")
    assert (6, 6) == (code, events[-1]["exit_code"])
    assert errors.splitlines()[-2:] == [
        "Befund: Eine Stelle weicht ab: main.", "Beheben Sie sie."
    ]  # fmt: skip
    assert "vorher" in (tmp_path / "out.ipynb").read_text("utf-8")


def test_without_an_engine_any_other_notebook_is_papermills_own(tmp_path: Path):
    code, errors, events = papermill(tmp_path, "raises_an_error", engine="")
    assert (1, []) == (code, events)
    assert "PapermillExecutionError" in errors
