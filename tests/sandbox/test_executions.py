"""google.cloud.run.v2.Executions: two at once, cancelled, deleted, and left over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.sandbox.batching import (
    JOB,
    LOCATION,
    Batch,
    batch,
    condition_of,
    done,
    python,
    wait_for,
)
from tests.sandbox.supervised import family, gone

State = run_v2.Condition.State
Reason = run_v2.Condition.ExecutionReason
SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('taub', flush=True); time.sleep(60)"
)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Batch]:
    with batch(tmp_path, grace=0.5) as made:
        yield made


def made(work: Batch, code: str, **settings: Any) -> None:
    args, more = python(code, **settings)
    work.create(*args, **more)


def test_nothing_prevents_two_executions_at_once(work: Batch) -> None:
    made(work, SLEEP)

    first, second = work.started(), work.started()

    assert first != second
    assert work.pids(first) != work.pids(second)
    names = [item.name for item in work.executions.list_executions(parent=JOB)]
    assert [second, first] == names


def test_an_execution_that_runs_says_so(work: Batch) -> None:
    made(work, SLEEP, task_count=2)

    execution = work.executions.get_execution(name=work.started())

    assert execution.reconciling
    assert execution.running_count == 2
    assert not execution.completion_time
    assert condition_of(execution).state == State.CONDITION_RECONCILING


def test_cancelling_ends_the_tasks_with_sigterm(work: Batch) -> None:
    made(work, SLEEP, task_count=2, max_retries=3)
    name = work.started()
    began = time.monotonic()

    execution = done(work.executions.cancel_execution(name=name))

    assert time.monotonic() - began < 30  # the tasks sleep for 60
    assert execution.cancelled_count == 2
    assert (execution.running_count, execution.failed_count) == (0, 0)
    assert condition_of(execution).execution_reason == Reason.CANCELLED
    tasks = list(work.tasks.list_tasks(parent=name))
    assert {signal.SIGTERM} == {task.last_attempt_result.term_signal for task in tasks}
    assert {0} == {task.retried for task in tasks}


def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(work: Batch) -> None:
    made(work, STUBBORN)
    name = work.started()
    wait_for(lambda: "taub" in work.lines())

    done(work.executions.cancel_execution(name=name))

    assert work.only_task(name).last_attempt_result.term_signal == signal.SIGKILL


def test_the_operation_of_a_cancelled_execution_answers_the_execution(work: Batch) -> None:
    made(work, SLEEP)
    operation = work.jobs.run_job(name=JOB)
    wait_for(lambda: work.pids(operation.metadata.name))
    work.executions.cancel_execution(name=operation.metadata.name)

    assert done(operation).cancelled_count == 1


def test_an_execution_that_ended_cannot_be_cancelled(work: Batch) -> None:
    made(work, "pass")
    name = work.run().name

    with pytest.raises(exceptions.FailedPrecondition, match="already completed"):
        work.executions.cancel_execution(name=name)


def test_deleting_an_execution_that_runs_stops_it_and_forgets_its_tasks(work: Batch) -> None:
    made(work, SLEEP)
    name = work.started()
    pids = work.pids(name)
    processes = wait_for(lambda: len(found := family(*pids)) == 2 and found)

    done(work.executions.delete_execution(name=name))

    assert gone(processes, 1)
    with pytest.raises(exceptions.NotFound):
        work.executions.get_execution(name=name)
    assert not list(work.tasks.list_tasks(parent=name))


def test_executions_of_all_jobs_can_be_listed(work: Batch) -> None:
    args, more = python("pass")
    for job_id in ("a", "b"):
        work.create(*args, job_id=job_id, **more)
        work.run(f"{LOCATION}/jobs/{job_id}")

    assert len(list(work.executions.list_executions(parent=f"{LOCATION}/jobs/-"))) == 2
    assert len(list(work.executions.list_executions(parent=f"{LOCATION}/jobs/a"))) == 1


def test_parallelism_limits_how_many_tasks_run_at_once(work: Batch) -> None:
    made(work, "import time; time.sleep(0.2)", task_count=4, parallelism=2)

    execution = work.run()

    tasks = list(work.tasks.list_tasks(parent=execution.name))
    assert execution.succeeded_count == 4
    for task in tasks:
        together = [
            other for other in tasks if other.start_time <= task.start_time < other.completion_time
        ]
        assert len(together) <= 2


def test_an_execution_is_found_failed_after_the_supervisor_stopped(tmp_path: Path) -> None:
    with batch(tmp_path) as first:
        made(first, SLEEP)
        name = first.started()
        pids = first.pids(name)
        processes = wait_for(lambda: len(found := family(*pids)) == 2 and found)
    assert gone(processes, 1)
    with batch(tmp_path) as second:
        execution = second.executions.get_execution(name=name)
        assert (execution.failed_count, execution.running_count) == (1, 0)
        assert condition_of(execution).message == "The sandbox was stopped during this execution."
        assert execution.completion_time
        assert condition_of(second.only_task(name)).state == State.CONDITION_FAILED
        reference = second.jobs.get_job(name=JOB).latest_created_execution
        assert reference.completion_status.name == "EXECUTION_FAILED"


def test_no_task_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    from leitstand.sandbox import control
    from tests.sandbox.batching import job
    from tests.sandbox.supervised import EMPTY, client

    command = ("python",)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    seed = {**EMPTY, "jobs": [{"name": JOB, **job("-c", code, command=command)}]}
    sandbox = control.start(tmp_path / "sandbox", seed, lifeline=True)
    try:
        jobs = client(sandbox, run_v2.JobsClient)
        jobs.run_job(name=JOB)
        processes = wait_for(lambda: len(found := family(sandbox.pid)) >= 4 and found)
        os.kill(sandbox.pid, signal.SIGKILL)
        assert gone(processes)
    finally:
        control.reset(tmp_path / "sandbox")
