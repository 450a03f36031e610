"""Tasks of the image `leitstand`: the command itself, in the project the sandbox belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from tests.sandbox.batching import LOCATION, batch, done, job

IMAGE = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/leitstand:1.0.0"
SHOW = "import json, os; print(json.dumps({'found': 'LEITSTAND_HOME' in os.environ}))"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_each_task_runs_the_command_and_finds_where_runs_lie(tmp_path: Path, home: Path) -> None:
    run = home / "runs" / "20260101-probe"
    run.mkdir(parents=True)
    Journal(run / "journal.jsonl").append("run.started", run=run.name, runbook="probe")
    wanted: dict[str, Any] = job("runs", "--json", task_count=2)
    wanted["template"]["template"]["containers"][0]["image"] = IMAGE
    with batch(tmp_path) as work:
        done(work.jobs.create_job(parent=LOCATION, job_id="migrate", job=wanted))
        execution = work.run()
        written = "\n".join(map(str, work.lines()))

    assert 2 == execution.succeeded_count, written
    assert 2 == written.count("'id': '20260101-probe'") + written.count('"id": "20260101-probe"')


def test_tasks_of_other_images_are_told_nothing_of_it(tmp_path: Path) -> None:
    with batch(tmp_path) as work:
        work.create("-c", SHOW, command=("python",))
        work.run()
        assert [{"found": False}] == work.lines()
