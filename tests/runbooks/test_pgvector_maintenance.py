"""The maintenance of a worn vector store: seen, planned, repaired, measured again."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import run_v2
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.execution.database_access import DatabaseAccess
from leitstand.sandbox import control
from tests.fixtures.command import Command, furnished, new_project


@cache
def worn() -> Path:
    """Return the directory of a small sandbox whose vector store was worn out, and stopped."""
    directory = Path(tempfile.mkdtemp(prefix="leitstand-template-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    command = Command(*new_project(directory), template=furnished(database=True))
    command.production(database=True)
    for arguments in (["up"], ["wear"], ["down"]):
        ended = command("sandbox", *arguments)
        assert (0, "") == (ended.code, ended.problems)
    return command.home / "sandbox"


@pytest.fixture
def store(leitstand: Command) -> Command:
    leitstand.template = worn()
    leitstand.configure(rag_store__recall__sample=40)
    assert 0 == leitstand("sandbox", "up").code
    return leitstand


def searches(command: Command, stage: str, run: int = -1) -> list[dict[str, Any]]:
    (event,) = [
        e for e in command.journal(run) if e["event"] == "vectors.searched" and e["stage"] == stage
    ]
    found: Any = event["searches"]
    return list(found)


def planned(command: Command, run: int = -1) -> list[str]:
    (made,) = [e["plan"] for e in command.journal(run) if e["event"] == "plan.made"]
    return [action["kind"] for action in made["actions"]]  # type: ignore[index]  # a plan's data


def test_an_index_is_exchanged_for_a_better_one_and_the_next_run_finds_nothing(
    store: Command,
) -> None:
    ended = store("run", "pgvector_maintenance", "-p", "change=policy", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    pairs = list(zip(searches(store, "before"), searches(store, "after"), strict=True))
    assert pairs
    for before, after in pairs:
        assert before["measurement"]["recall"] < 0.8 < 0.95 <= after["measurement"]["recall"]
        assert after["bytes"] < before["bytes"]
    again = store("run", "pgvector_maintenance", "-p", "change=policy", "-p", "searches=0")
    assert (0, "") == (again.code, again.problems)
    assert [] == planned(store)


@pytest.mark.parametrize("crash_after", [32, pytest.param(35, marks=pytest.mark.sweep)])
def test_a_killed_maintenance_is_finished_by_resume(store: Command, crash_after: int) -> None:
    store.extra = {"LEITSTAND_CRASH_AFTER": str(crash_after)}
    store("run", "pgvector_maintenance", "-p", "change=policy", "--apply")
    store.extra = {}
    assert [e for e in store.events() if e == "action.intent"]
    resumed = store("resume", store.runs[0].name)
    assert (0, "") == (resumed.code, resumed.problems)
    done = [e["id"] for e in store.journal(0) if e["event"] == "action.outcome"]
    assert sorted(set(done)) == sorted(done)
    assert all(one["measurement"]["recall"] >= 0.95 for one in searches(store, "after", 0))


def test_a_part_plans_for_its_own_tables_what_searches_prove_and_changes_nothing(
    store: Command,
) -> None:
    ended = [store("run", "pgvector_maintenance", "-p", f"part={n}/2") for n in (1, 2)]
    assert [(0, ""), (0, "")] == [(one.code, one.problems) for one in ended]
    (mine,) = (run for run in (0, 1) if planned(store, run))
    assert {"vector_leftover", "vector_reindex", "vector_vacuum", "vector_analyze"} <= set(
        planned(store, mine)
    )
    assert all(one["measurement"]["recall_high"] < 0.95 for one in searches(store, "before", mine))
    assert [] == searches(store, "before", 1 - mine)
    assert not [event for event in store.events(mine) if event.startswith("action.")]
    refused = store("run", "pgvector_maintenance", "-p", "part=3/2")
    assert "kein Teil der Tabellen" in refused.problems


SCHEMAS = 6
MAKE = """
DO $$ BEGIN FOR n IN 1..6 LOOP
    EXECUTE format('CREATE SCHEMA tenant_rag_%s', n);
    EXECUTE format('CREATE TABLE tenant_rag_%s.embeddings (id bigserial, embedding vector(3))', n);
    EXECUTE format('INSERT INTO tenant_rag_%s.embeddings (embedding)'
        ' SELECT array[random(), random(), r %% 9]::vector FROM generate_series(1, 1500) AS r', n);
    EXECUTE format('CREATE INDEX i ON tenant_rag_%s.embeddings'
        ' USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)', n);
END LOOP; END $$
"""
LEDGER = "SELECT schema_name, run FROM leitstand.vector_maintenance ORDER BY schema_name"


def test_the_tasks_of_a_job_share_the_tables_and_each_index_is_rebuilt_once(
    leitstand: Command,
) -> None:
    assert 0 == leitstand("sandbox", "up").code
    sandbox = control.find(leitstand.home / "sandbox")
    assert sandbox is not None
    environment = load_environment("sandbox")
    access = DatabaseAccess(Connection(environment, sandbox.grpc))
    with psycopg.connect(access.application_url("1"), autocommit=True) as database:
        database.execute(MAKE)
    arguments = ["run", "pgvector_maintenance", "-q", "-p", "searches=0", "--apply"]
    channel = grpc.insecure_channel(sandbox.grpc)
    jobs = run_v2.JobsClient(transport=JobsGrpcTransport(channel=channel))
    container = {
        "image": f"{environment.artifact_registry.repository}/leitstand:1.0.0",
        "args": arguments,
    }
    template = {"task_count": 2, "template": {"containers": [container], "max_retries": 0}}
    parent = environment.job_name("x").partition("/jobs/")[0]
    fast = {"timeout": 100, "polling": DEFAULT_POLLING.with_delay(0.1, 0.5)}
    jobs.create_job(parent=parent, job_id="maintenance", job={"template": template}).result(**fast)
    execution = jobs.run_job(name=environment.job_name("maintenance")).result(**fast)
    assert (2, 0) == (execution.succeeded_count, execution.failed_count)
    url = access.administrator_url(access.instance)
    with psycopg.connect(url, autocommit=True) as database:
        rebuilt = database.execute(LEDGER).fetchall()
    assert [f"tenant_rag_{n}" for n in range(1, SCHEMAS + 1)] == [schema for schema, _ in rebuilt]
    assert 2 == len({run for _, run in rebuilt}) == len(leitstand.runs)
