"""google.cloud.run.v2.Jobs with Google's client and real processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.sandbox.batching import (
    DATABASE_SECRET,
    IMAGE,
    JOB,
    LOCATION,
    Batch,
    batch,
    condition_of,
    done,
    job,
    python,
)

State = run_v2.Condition.State
PRINT = (
    "import json, os; print(json.dumps({'event': 'seen', **{k: v for k, v in os.environ.items() "
    "if k.startswith(('CLOUD_RUN', 'APP_VERSION', 'MODE', 'DATABASE'))}}))"
)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Batch]:
    with batch(tmp_path, {DATABASE_SECRET: b"postgresql://one"}) as made:
        yield made


def made(work: Batch, code: str = PRINT, **settings: Any) -> run_v2.Job:
    args, more = python(code, **settings)
    return work.create(*args, **more)


def test_a_new_job_is_ready_and_has_google_s_defaults(work: Batch) -> None:
    created = done(
        work.jobs.create_job(
            parent=LOCATION,
            job_id="migrate",
            job={"template": {"template": {"containers": [{"image": f"{IMAGE}:1.0.0"}]}}},
        )
    )

    assert created.name == JOB
    assert created.template.task_count == 1
    assert created.template.template.max_retries == 3
    assert created.template.template.timeout == timedelta(seconds=600)
    assert created.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert not created.reconciling
    assert created.observed_generation == created.generation == 1


def test_a_job_runs_to_its_end_and_its_operation_ends_with_the_execution(work: Batch) -> None:
    made(work, "print('fertig')")

    operation = work.jobs.run_job(name=JOB)
    begun = operation.metadata
    ended = done(operation)

    assert begun.name == ended.name
    assert (ended.succeeded_count, ended.failed_count, ended.running_count) == (1, 0, 0)
    assert not ended.reconciling
    assert ended.create_time <= ended.start_time <= ended.completion_time
    assert condition_of(ended).state == State.CONDITION_SUCCEEDED
    assert work.lines() == ["fertig"]


def test_the_job_names_its_newest_execution(work: Batch) -> None:
    made(work, "pass")
    execution = work.run()

    reference = work.jobs.get_job(name=JOB).latest_created_execution
    assert reference.name == execution.name.rpartition("/")[2]
    assert reference.completion_status.name == "EXECUTION_SUCCEEDED"
    assert work.jobs.get_job(name=JOB).execution_count == 1


def test_a_task_sees_its_job_its_execution_and_its_number(work: Batch) -> None:
    made(work, task_count=3)

    execution = work.run()

    seen = sorted(work.events("seen"), key=lambda line: line["CLOUD_RUN_TASK_INDEX"])
    assert ["0", "1", "2"] == [line["CLOUD_RUN_TASK_INDEX"] for line in seen]
    assert {"3"} == {line["CLOUD_RUN_TASK_COUNT"] for line in seen}
    assert {"0"} == {line["CLOUD_RUN_TASK_ATTEMPT"] for line in seen}
    assert {"migrate"} == {line["CLOUD_RUN_JOB"] for line in seen}
    assert {execution.name.rpartition("/")[2]} == {line["CLOUD_RUN_EXECUTION"] for line in seen}
    assert {"1.0.0"} == {line["APP_VERSION"] for line in seen}


def test_a_run_can_override_arguments_variables_tasks_and_timeout(work: Batch) -> None:
    made(work, "raise SystemExit(1)", env=({"name": "MODE", "value": "job"},))

    execution = work.run(
        container_overrides=[{"args": ["-c", PRINT], "env": [{"name": "MODE", "value": "run"}]}],
        task_count=2,
        timeout="30s",
    )

    assert {"run"} == {line["MODE"] for line in work.events("seen")}
    assert execution.task_count == execution.succeeded_count == 2
    assert execution.template.timeout == timedelta(seconds=30)
    kept = work.jobs.get_job(name=JOB)
    assert kept.template.task_count == 1
    assert kept.template.template.containers[0].env[0].value == "job"


def test_the_execution_keeps_the_image_by_digest_and_a_later_update_does_not_touch_it(
    work: Batch,
) -> None:
    made(work, "pass")
    execution = work.run()

    args, more = python("pass", tag="1.1.0")
    done(work.jobs.update_job(job={"name": JOB, **job(*args, **more)}))

    assert "@sha256:" in execution.template.containers[0].image
    again = work.executions.get_execution(name=execution.name)
    assert again.template.containers[0].image == execution.template.containers[0].image
    assert work.run().template.containers[0].image != again.template.containers[0].image


def test_a_secret_is_read_by_version(work: Batch) -> None:
    reference = {"secret_key_ref": {"secret": "DATABASE_URL", "version": "1"}}
    made(work, env=({"name": "DATABASE_URL", "value_source": reference},))

    work.run()

    assert ["postgresql://one"] == [line["DATABASE_URL"] for line in work.events("seen")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {
                "env": (
                    {
                        "name": "DATABASE_URL",
                        "value_source": {
                            "secret_key_ref": {"secret": "DATABASE_URL", "version": "9"}
                        },
                    },
                )
            },
            "DATABASE_URL/versions/9",
        ),
        ({"tag": "9.9.9"}, "not found"),
    ],
)
def test_a_job_whose_image_or_secret_is_missing_is_not_ready_and_does_not_run(
    work: Batch, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match=message):
        made(work, **settings)

    assert work.jobs.get_job(name=JOB).terminal_condition.state == State.CONDITION_FAILED
    with pytest.raises(exceptions.FailedPrecondition, match="not ready"):
        work.jobs.run_job(name=JOB)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": {"template": {"containers": []}}}, "exactly one container"),
        ({"template": {"template": {"containers": [{}]}}}, "image"),
        (job(max_retries=11), "max_retries"),
        (job(timeout="700000s"), "168 hours"),
        (job(task_count=20_000), "task_count"),
        (job(task_count=2, parallelism=3), "parallelism"),
        (job(env=({"name": "CLOUD_RUN_JOB", "value": "x"},)), "reserved"),
    ],
)
def test_a_template_that_cloud_run_refuses_is_refused_at_once(
    work: Batch, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=message):
        work.jobs.create_job(parent=LOCATION, job_id="migrate", job=change)


@pytest.mark.parametrize("job_id", ["Migrate", "1st", "a-", "", "x" * 64])
def test_a_job_id_must_be_a_label(work: Batch, job_id: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="job_id"):
        work.jobs.create_job(parent=LOCATION, job_id=job_id, job=job())


@pytest.mark.parametrize(
    "overrides",
    [
        {"container_overrides": [{"name": "other", "args": ["x"]}]},
        {"container_overrides": [{"args": ["x"], "clear_args": True}]},
        {"container_overrides": [{"args": ["x"]}, {"args": ["y"]}]},
        {"task_count": -1},
        {"timeout": "700000s"},
    ],
)
def test_overrides_that_do_not_fit_are_refused(work: Batch, overrides: dict[str, Any]) -> None:
    made(work)
    with pytest.raises(exceptions.InvalidArgument):
        work.jobs.run_job({"name": JOB, "overrides": overrides})


def test_running_an_old_etag_is_a_conflict(work: Batch) -> None:
    old = made(work, "pass").etag
    args, more = python("pass", task_count=2)
    done(work.jobs.update_job(job={"name": JOB, "etag": old, **job(*args, **more)}))

    for call in (
        lambda: work.jobs.run_job({"name": JOB, "etag": old}),
        lambda: work.jobs.delete_job({"name": JOB, "etag": old}),
        lambda: work.jobs.update_job(job={"name": JOB, "etag": old, **job()}),
    ):
        with pytest.raises(exceptions.Aborted, match="Conflict for resource 'migrate'"):
            call()


def test_an_update_that_changes_nothing_keeps_generation_and_etag(work: Batch) -> None:
    args, more = python("pass")
    first = work.create(*args, **more)

    second = done(work.jobs.update_job(job={"name": JOB, **job(*args, **more)}))

    assert (first.generation, first.etag) == (second.generation, second.etag)


def test_a_validated_run_makes_no_execution(work: Batch) -> None:
    made(work)
    done(work.jobs.run_job({"name": JOB, "validate_only": True}))

    assert not list(work.executions.list_executions(parent=JOB))


def test_deleting_a_job_ends_its_tasks_and_forgets_its_executions(work: Batch) -> None:
    made(work, "import time; time.sleep(60)")
    execution = work.started()

    done(work.jobs.delete_job(name=JOB))

    assert not work.pids(execution)
    assert not list(work.jobs.list_jobs(parent=LOCATION))
    with pytest.raises(exceptions.NotFound):
        work.executions.get_execution(name=execution)


def test_jobs_are_listed_by_name(work: Batch) -> None:
    for job_id in ("b", "a"):
        work.create(job_id=job_id)

    names = [item.name for item in work.jobs.list_jobs({"parent": LOCATION, "page_size": 1})]

    assert [f"{LOCATION}/jobs/a", f"{LOCATION}/jobs/b"] == names


def test_a_seeded_job_is_kept_over_a_restart(tmp_path: Path) -> None:
    seed = [{"name": JOB, **job("-c", "pass", command=("python",), max_retries=1)}]
    with batch(tmp_path) as first:
        first.resource.seed(seed)
        assert first.run().succeeded_count == 1
    with batch(tmp_path) as second:
        second.resource.seed(seed)
        assert second.jobs.get_job(name=JOB).execution_count == 1
        assert len(list(second.executions.list_executions(parent=JOB))) == 1
