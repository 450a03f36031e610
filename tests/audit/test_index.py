"""The list of runs, told by their journals."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from leitstand.audit.index import HOLD_FILE, list_runs
from leitstand.audit.journal import Journal


def run(runs: Path, name: str, *ends: tuple[str, dict[str, object]], held: bool = True) -> Path:
    path = runs / name
    path.mkdir()
    journal = Journal(path / "journal.jsonl")
    journal.append("run.started", runbook="release", env="sandbox", operator="a", ticket="OPS-1")
    for event, fields in ends:
        journal.append(event, **fields)
    if held:
        (path / HOLD_FILE).touch()
    return path


@pytest.mark.parametrize(
    ("ends", "status", "exit_code"),
    [
        ([("run.completed", {})], "completed", 0),
        ([("run.failed", {"exit_code": 4})], "failed", 4),
        ([("run.failed", {"exit_code": 3})], "refused", 3),
        ([("run.failed", {"exit_code": 5})], "rolled_back", 5),
        ([("run.failed", {"exit_code": 6})], "finding", 6),
        ([("run.failed", {"exit_code": 130})], "interrupted", 130),
        ([("run.paused", {}), ("cell.completed", {})], "paused", 4),
        ([("run.rolled_back", {}), ("cell.completed", {})], "rolled_back", 5),
        ([("cell.started", {})], "crashed", None),
        ([("run.paused", {}), ("run.resumed", {})], "crashed", None),
        ([("run.failed", {"exit_code": 4}), ("run.resumed", {}), ("run.completed", {})],
         "completed", 0),
    ],
)  # fmt: skip
def test_the_last_word_of_the_journal_decides(
    tmp_path: Path, ends: list[tuple[str, dict[str, object]]], status: str, exit_code: int | None
):
    run(tmp_path, "a", *ends)
    (entry,) = list_runs(tmp_path)
    assert (status, exit_code, "OPS-1") == (entry.status, entry.exit_code, entry.ticket)


def test_a_run_whose_runner_lives_is_running(tmp_path: Path):
    path = run(tmp_path, "a")
    descriptor = os.open(path / HOLD_FILE, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert "running" == list_runs(tmp_path)[0].status
    finally:
        os.close(descriptor)
    assert "crashed" == list_runs(tmp_path)[0].status


def test_a_run_without_a_runner_is_open(tmp_path: Path):
    run(tmp_path, "a", held=False)
    assert "open" == list_runs(tmp_path)[0].status


def test_the_newest_comes_first_and_rubbish_is_left_out(tmp_path: Path):
    run(tmp_path, "b")
    time.sleep(0.001)
    run(tmp_path, "a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "journal.jsonl").write_text('{"seq":1,"ev')
    assert ["a", "b"] == [entry.id for entry in list_runs(tmp_path)]


def test_large_outputs_do_not_hide_the_end(tmp_path: Path):
    run(tmp_path, "a", ("cell.completed", {"outputs": "x" * 400_000}), ("run.completed", {}))
    assert "completed" == list_runs(tmp_path)[0].status


def test_no_runs_directory_means_no_runs(tmp_path: Path):
    assert [] == list_runs(tmp_path / "none")
