"""The migrate job: Google's client, a real task, a real migration on a real PostgreSQL."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.postgres import Cluster
from tests.sandbox.batching import DATABASE_SECRET, JOB, Batch, batch, condition_of, done, job
from tests.sandbox.test_sample_migrations import ask

SECRET = {"secret_key_ref": {"secret": "DATABASE_URL", "version": "1"}}
SMALL = (
    {"name": "DATABASE_URL", "value_source": SECRET},
    {"name": "APP_VECTOR_DIMENSIONS", "value": "8"},
)
COMMAND = ("python", "manage.py")


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.url(cluster.database())


@pytest.fixture
def work(tmp_path: Path, url: str) -> Iterator[Batch]:
    with batch(tmp_path, {DATABASE_SECRET: url.encode()}, grace=1.0) as made:
        settings = {"timeout": "60s", "max_retries": 1, "command": COMMAND, "env": SMALL}
        made.create("migrate", tag="2.1.0", **settings)
        yield made


def image(work: Batch, tag: str, **settings: Any) -> None:
    """Bring the job to another image, as a release does: RunJob cannot."""
    settings = {"timeout": "60s", "max_retries": 1, "command": COMMAND, "env": SMALL, **settings}
    done(work.jobs.update_job(job={"name": JOB, **job("migrate", tag=tag, **settings)}))


def long_lock(seconds: str, *args: str, timeout: str = "0") -> dict[str, Any]:
    variables = {"APP_LONG_LOCK_SECONDS": seconds, "MIGRATE_STATEMENT_TIMEOUT": timeout}
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return {"container_overrides": [{"args": list(args or ("migrate",)), "env": env}]}


def test_the_job_migrates_and_says_so_in_the_log(work: Batch, url: str) -> None:
    execution = work.run()

    assert execution.succeeded_count == 1
    assert work.events("migrate.started")[0]["execution"] == execution.name.rpartition("/")[2]
    assert [
        "documents.0001_initial",
        "documents.0002_bookmarks",
        "documents.0003_page_count",
        "documents.0004_drop_pages",
        "vectors.0001_extension",
        "vectors.0002_embeddings",
        "vectors.0003_ivfflat",
        "vectors.0004_hnsw",
    ] == sorted(line["migration"] for line in work.events("migration.done"))
    assert ask(url, "SELECT count(*) FROM documents") == [(0,)]


def test_arguments_of_the_run_choose_the_stage(work: Batch, url: str) -> None:
    work.run(container_overrides=[{"args": ["migrate", "documents"]}])
    work.run(container_overrides=[{"args": ["plan", "vectors"]}])

    assert ask(url, "SELECT DISTINCT app FROM django_migrations") == [("documents",)]
    assert len(work.events("plan.migration")) == 4


def test_a_second_execution_at_once_fails_with_its_own_code_and_changes_nothing(
    work: Batch,
) -> None:
    work.run()
    image(work, "2.2.0-long-lock", max_retries=0)
    first = work.jobs.run_job({"name": JOB, "overrides": long_lock("2")})
    while not any("bigint" in line["migration"] for line in work.events("migration.started")):
        pass

    second = work.run()

    assert work.only_task(second.name).last_attempt_result.exit_code == 75
    (locked,) = work.events("migrate.locked")
    assert locked["holder"] == first.metadata.name.rpartition("/")[2]
    assert done(first).succeeded_count == 1


def test_a_job_that_times_out_leaves_the_schema_and_no_lock(work: Batch, url: str) -> None:
    work.run()
    image(work, "2.2.0-long-lock", timeout="2s")

    execution = work.run(**long_lock("60"))

    assert "The configured timeout was reached." in condition_of(execution).message
    assert work.only_task(execution.name).retried == 1
    assert len(work.events("migration.interrupted")) == 2
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert ask(url, locks) == [(0,)]
    assert work.run(**long_lock("0.1"), timeout="60s").succeeded_count == 1


def test_a_retry_after_a_broken_attempt_finishes_the_migration(work: Batch, url: str) -> None:
    name = work.started()
    os.killpg(work.pids(name)[0], signal.SIGKILL)

    while not (execution := work.executions.get_execution(name=name)).completion_time:
        pass

    assert (execution.succeeded_count, execution.retried_count) == (1, 1)
    applied = "SELECT count(*) FROM django_migrations WHERE app = 'documents'"
    assert ask(url, applied) == [(4,)]
