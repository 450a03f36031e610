"""Jobs, executions and their logs, read against a real sandbox."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.cloud.errors import Conflict, NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.logs import Logs
from leitstand.core.cut_over import pinned_version
from leitstand.core.job import ExecutionState, prepared_template
from tests.fixtures.world import World


@pytest.fixture
def world(world_with_database: World) -> World:
    return world_with_database


def job_name(world: World) -> str:
    return world.environment.job_name("migrate")


def run(world: World, *args: str, **env: str) -> ExecutionState:
    jobs = CloudRunJobs(world.connection)
    job = jobs.job(job_name(world))
    name = jobs.start_execution(job.name, job.etag, args, env).execution
    while not (state := jobs.execution(name)).completed:
        time.sleep(0.05)
    return state


def test_a_job_tells_its_image_its_limits_and_its_secret(world: World) -> None:
    job = CloudRunJobs(world.connection).job(job_name(world))
    assert job.image.endswith("/web:1.0.0")
    assert (1800.0, "1", "") == (
        job.longest, pinned_version(job.template["template"], "database-url"), job.problem,
    )  # fmt: skip
    assert "" == pinned_version(job.template["template"], "other")


def test_a_job_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="nirgends"):
        CloudRunJobs(world.connection).job(job_name(world).replace("migrate", "nirgends"))


def test_a_change_keeps_all_but_the_template_and_is_refused_on_an_older_generation(
    world: World,
) -> None:
    jobs = CloudRunJobs(world.connection)
    before = jobs.job(job_name(world))
    wanted = prepared_template(before.template, before.image.replace("1.0.0", "1.1.0"), "60s", 0)
    operation = jobs.start_update(before.name, wanted, before.generation)
    while not jobs.operation(operation).done:
        time.sleep(0.02)
    after = jobs.job(before.name)
    assert wanted == after.template
    assert before.generation + 1 == after.generation
    with pytest.raises(Conflict, match="Jemand anderes"):
        jobs.start_update(before.name, before.template, before.generation)
    with pytest.raises(Conflict):
        jobs.start_execution(before.name, before.etag, ["plan"], {})


def test_an_execution_tells_its_variables_and_how_it_ended(world: World) -> None:
    done = run(world, "plan", COLOUR="grün")
    assert (True, "grün", 0) == (done.done, done.env["COLOUR"], done.retried)
    failed = run(world, "frobnicate")
    assert (True, False, 1, 1) == (failed.completed, failed.done, failed.failed, failed.retried)
    (task,) = CloudRunJobs(world.connection).tasks(failed.name)
    assert (2, 0, 1) == (task.exit_code, task.signal, task.retried)
    listed = CloudRunJobs(world.connection).executions(job_name(world))
    assert [failed.name, done.name] == [execution.name for execution in listed[:2]]


def test_the_log_of_an_execution_holds_its_structured_lines_only(world: World) -> None:
    execution = run(world, "plan")
    run(world, "plan")
    logs = Logs(world.connection)
    lines = logs.of_execution(execution.name)
    assert ["plan.done"] == [line.event for line in lines]
    assert ([], "INFO") == (lines[0].payload["pending"], lines[0].severity)
    assert () == logs.of_execution(execution.name, datetime.now(UTC) + timedelta(hours=1))
