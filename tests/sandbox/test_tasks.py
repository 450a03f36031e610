"""google.cloud.run.v2.Tasks: attempts, timeouts, signals, and what they write."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import logging_v2, run_v2

from tests.sandbox.batching import JOB, Batch, batch, condition_of, done, python, wait_for
from tests.sandbox.serving import PROJECT
from tests.sandbox.supervised import family, gone

FAIL_ONCE = "import os; raise SystemExit(0 if os.environ['CLOUD_RUN_TASK_ATTEMPT'] == '1' else 3)"


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Batch]:
    with batch(tmp_path, grace=0.5) as made:
        yield made


def made(work: Batch, code: str, **settings: Any) -> None:
    args, more = python(code, **settings)
    work.create(*args, **more)


def test_a_failed_attempt_is_repeated_with_the_next_number(work: Batch) -> None:
    made(work, FAIL_ONCE, max_retries=1)

    execution = work.run()
    task = work.only_task(execution.name)

    assert (execution.succeeded_count, execution.retried_count) == (1, 1)
    assert task.retried == 1
    assert task.last_attempt_result.status.code == 0


def test_a_task_that_always_fails_gives_up_after_its_retries(work: Batch) -> None:
    made(work, "print('versucht'); raise SystemExit(3)", max_retries=2)

    operation = work.jobs.run_job(name=JOB)
    with pytest.raises(exceptions.GoogleAPICallError, match="The container exited with an error"):
        done(operation)

    execution = work.executions.get_execution(name=operation.metadata.name)
    task = work.only_task(execution.name)
    assert ["versucht"] * 3 == work.lines()
    assert (execution.failed_count, execution.succeeded_count, task.retried) == (1, 0, 2)
    assert task.last_attempt_result.exit_code == 3
    assert condition_of(execution).message == (
        f"Task {task.name.rpartition('/')[2]} failed with message: "
        "The container exited with an error."
    )
    assert condition_of(execution).execution_reason.name == "NON_ZERO_EXIT_CODE"


def test_the_other_tasks_run_to_their_end_when_one_fails(work: Batch) -> None:
    code = "import os; raise SystemExit(os.environ['CLOUD_RUN_TASK_INDEX'] == '1')"
    made(work, code, task_count=3)

    execution = work.run()

    assert (execution.succeeded_count, execution.failed_count) == (2, 1)


def test_the_timeout_holds_for_every_attempt_of_its_own(work: Batch) -> None:
    made(work, "import time; print('läuft', flush=True); time.sleep(30)", timeout="1s",
         max_retries=1)  # fmt: skip
    began = time.monotonic()

    execution = work.run()

    assert 2 <= time.monotonic() - began < 20  # an attempt alone would sleep for 30
    result = work.only_task(execution.name).last_attempt_result
    assert ["läuft"] * 2 == work.lines()
    assert result.status.message == "The configured timeout was reached."
    assert result.term_signal == signal.SIGTERM
    assert "The configured timeout was reached." in condition_of(execution).message


def test_a_killed_task_tells_the_signal_and_is_repeated(work: Batch) -> None:
    made(work, "import os, time; os.environ['CLOUD_RUN_TASK_ATTEMPT'] == '0' and time.sleep(60)",
         max_retries=1)  # fmt: skip
    name = work.started()

    os.killpg(work.pids(name)[0], signal.SIGKILL)
    wait_for(lambda: work.executions.get_execution(name=name).completion_time)

    assert work.executions.get_execution(name=name).succeeded_count == 1
    assert any("signal 9" in str(line) for line in work.lines("varlog/system"))


def test_a_program_that_is_not_there_fails_the_task(work: Batch) -> None:
    work.create("x", command=("does-not-exist",))

    execution = work.run()

    assert work.only_task(execution.name).last_attempt_result.exit_code == 127
    assert any("does-not-exist" in str(line) for line in work.lines("stderr"))


def test_what_a_task_started_does_not_outlive_it(work: Batch) -> None:
    made(
        work,
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60)']); time.sleep(0.3)",
    )
    pids = work.pids(work.started())
    processes = wait_for(lambda: len(found := family(*pids)) == 3 and found)

    wait_for(lambda: not work.resource.executions.running)

    assert gone(processes, 1)


def test_lines_become_entries_of_the_job_s_resource(work: Batch) -> None:
    made(work, "import json; print(json.dumps({'severity': 'WARNING', 'message': 'Achtung'}))")
    execution = work.run()

    client = work.server.client(logging_v2.services.logging_service_v2.LoggingServiceV2Client)
    filter_ = 'resource.type="cloud_run_job" AND severity="WARNING"'
    (entry,) = client.list_log_entries(
        {"resource_names": [f"projects/{PROJECT}"], "filter": filter_}
    )

    assert entry.log_name.endswith("run.googleapis.com%2Fstdout")
    assert dict(entry.resource.labels) == {
        "project_id": PROJECT,
        "location": "europe-west3",
        "job_name": "migrate",
    }
    assert entry.labels["run.googleapis.com/execution_name"] == execution.name.rpartition("/")[2]
    assert entry.json_payload["message"] == "Achtung"


def test_tasks_are_listed_by_their_number_and_found_by_name(work: Batch) -> None:
    made(work, "pass", task_count=11)
    execution = work.run()

    listed = list(work.tasks.list_tasks({"parent": execution.name, "page_size": 3}))

    assert list(range(11)) == [task.index for task in listed]
    assert work.tasks.get_task(name=listed[3].name).index == 3
    with pytest.raises(exceptions.NotFound):
        work.tasks.get_task(name=f"{execution.name}/tasks/x")


def test_a_secret_that_is_gone_when_the_task_starts_fails_the_task(tmp_path: Path) -> None:
    secrets = {f"projects/{PROJECT}/secrets/S/versions/1": b"x"}
    reference = {"secret_key_ref": {"secret": "S", "version": "1"}}
    with batch(tmp_path, secrets) as work:
        made(work, "pass", env=({"name": "S", "value_source": reference},))
        operation = work.jobs.run_job(name=JOB)
        done(operation)
        secrets.clear()
        with pytest.raises(exceptions.FailedPrecondition, match="not ready"):
            work.jobs.run_job(name=JOB)


def test_the_task_type_is_google_s(work: Batch) -> None:
    made(work, "pass")

    assert isinstance(work.only_task(work.run().name), run_v2.Task)
