"""The directory of a run."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.notebook.run_directory import create_run_directory, write_private

NOW = datetime(2026, 11, 24, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("runbook", "stem"),
    [("release", "release"), ("../../Größe x", "gr-e-x"), ("", "notebook")],
)
def test_the_id_names_time_and_runbook(tmp_path: Path, runbook: str, stem: str):
    directory = create_run_directory(tmp_path, runbook, now=NOW)
    assert directory.id.startswith(f"20261124-070000-{stem}-")
    assert tmp_path == directory.path.parent
    assert 0o700 == stat.S_IMODE(directory.path.stat().st_mode)


def test_two_runs_in_one_second_have_two_directories(tmp_path: Path):
    ids = {create_run_directory(tmp_path, "a", now=NOW).id for _ in range(20)}
    assert 20 == len(ids)


def test_a_file_is_replaced_whole_and_private(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("old")
    write_private(path, "neu")
    assert ("neu", 0o600) == (path.read_text("utf-8"), stat.S_IMODE(path.stat().st_mode))
    assert [path] == list(tmp_path.iterdir())
