"""Actions of vector maintenance on a real server: taken up, given up, exchanged, postponed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName
from leitstand.database.vector_errors import Trouble
from leitstand.execution.executor import Handler
from leitstand.execution.history import History
from leitstand.execution.vector_handlers import vector_handlers
from leitstand.execution.vector_threads import MaintenanceFailed
from tests.database.vector_tables import SLOW, Store, make_store, wait_for
from tests.execution.vector_runs import executor
from tests.fixtures.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
TENANCY = load_environment("sandbox").tenancy
FLAT = {
    "method": "ivfflat",
    "column": "embedding",
    "operator_class": "vector_cosine_ops",
    "options": {"lists": 10},
}
GRAPH = {**FLAT, "method": "hnsw", "options": {"ef_construction": 16, "m": 8}}
GATE = {
    "k": 5,
    "sample": 10,
    "minimum": 0.5,
    "latency_ratio": 50.0,
    "settings_old": {"ivfflat.probes": "10"},
    "settings_new": {"hnsw.ef_search": "64"},
    "tenant": "",
}
PATIENT = 30.0
SESSIONS = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'leitstand run rag%'"


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return make_store(cluster)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def handlers(store: Store, run: str = "run") -> dict[str, Handler]:
    return vector_handlers(store.url, store.url, run, TENANCY, patience=0.3)


def act(kind: str, table: TableName, id: str = "", /, **arguments: Any) -> Action:
    common = {"schema": table.schema, "table": table.name, "step": 2, "after": [], "slow": False}
    given = {"lock_seconds": PATIENT, **arguments}
    return Action(id or kind, f"vector_{kind}", "db", {**common, **given})


def reindexing(store: Store, table: TableName, **more: Any) -> Action:
    return act("reindex", table, index="i", oid=store.oid(table), **more)


def exchanging(table: TableName, **more: Any) -> Action:
    names = {"old": "i", "new": "i_lsnew", "final": "i_hnsw", "definition": GRAPH, "gate": GATE}
    return act("exchange", table, **{**names, **more})


def test_a_rebuild_is_noted_in_the_ledger(store: Store, journal: Journal) -> None:
    table = store.table()
    action = reindexing(store, table)
    done = executor([action], journal, handlers(store)).apply("reindex")
    assert {"bytes_before", "bytes_after", "seconds", "rows"} == set(done)
    noted = "SELECT run, bytes_after FROM leitstand.vector_maintenance WHERE schema_name = %s"
    assert [("run", done["bytes_after"])] == store.ask(noted, table.schema)


def test_a_rebuild_whose_process_was_killed_is_done_again(store: Store, journal: Journal) -> None:
    table = store.table()
    oid = store.oid(table)
    command = [sys.executable, "-m", "tests.execution.vector_process"]
    command += [store.url(), str(journal.path), table.schema, str(oid)]
    with store.writer(table):
        process = subprocess.Popen(command, cwd=ROOT)
        wait_for(lambda: "i_ccnew" in store.indexes(table))
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: not store.ask(SESSIONS))
    assert oid == store.oid(table)
    action = Action(
        "reindex",
        "vector_reindex",
        "db",
        {"schema": table.schema, "table": "embeddings", "index": "i", "oid": oid},
    )
    done = executor([action], journal, handlers(store)).apply("reindex")
    assert ["i_ccnew"] == done["dropped"]
    assert {"i": True} == store.indexes(table)
    assert "done" == History.read(journal).action("reindex").status


def test_what_a_killed_process_had_finished_is_only_found(store: Store, journal: Journal) -> None:
    table = store.table()
    action = reindexing(store, table)
    run = executor([action], journal, handlers(store))
    journal.append("action.intent", id="reindex", kind="vector_reindex", target="db")
    store.ask(f"REINDEX INDEX CONCURRENTLY {table.schema}.i")
    rebuilt = store.oid(table)
    assert run.apply("reindex")["found"] is True
    assert rebuilt == store.oid(table)
    assert "found_done" == History.read(journal).action("reindex").status


def test_an_interrupted_build_ends_on_the_server_and_stays_open_in_the_journal(
    store: Store, journal: Journal
) -> None:
    table = store.table(index=None)
    action = act("build", table, index="slow", **SLOW)
    run = executor([action], journal, handlers(store))

    def interrupt(told: str) -> None:
        if told.startswith("Baut slow: lädt Tupel"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.apply("build", interrupt)
    assert {} == store.indexes(table)
    assert [] == store.ask("SELECT 1 FROM pg_stat_progress_create_index")
    assert "" == History.read(journal).action("build").status


def test_a_wait_for_an_open_writer_is_told_by_name_and_in_the_error(
    store: Store, journal: Journal
) -> None:
    table = store.table()
    run = executor([reindexing(store, table, lock_seconds=1.5)], journal, handlers(store))
    told: list[str] = []
    with store.writer(table), pytest.raises(MaintenanceFailed, match="schreiber") as failed:
        run.apply("reindex", told.append)
    assert Trouble.LOCK_TIMEOUT == failed.value.trouble
    assert any(line.startswith("Baut i neu: wartet auf schreiber (pid") for line in told)
    assert "failed" == History.read(journal).action("reindex").status
    run.apply("reindex")
    assert {"i": True} == store.indexes(table)


def test_a_schema_that_was_dropped_counts_as_done(store: Store, journal: Journal) -> None:
    table = store.table()
    actions = [
        reindexing(store, table),
        act("build", table, index="j", **FLAT),
        exchanging(table),
        act("leftover", table, index="i_ccnew", oid=1),
        act("vacuum", table),
        act("analyze", table),
    ]
    run = executor(actions, journal, handlers(store))
    store.ask(f"DROP SCHEMA {table.schema} CASCADE")
    run.apply_all()
    history = History.read(journal)
    assert {True} == {history.action(action.id).evidence["gone"] for action in actions}


def test_a_better_index_takes_the_place_of_the_old_one(store: Store, journal: Journal) -> None:
    table = store.table()
    actions = [act("build", table, index="i_lsnew", gate=GATE, **GRAPH), exchanging(table)]
    run = executor(actions, journal, handlers(store))
    run.apply_all()
    evidence = History.read(journal).action("exchange").evidence
    assert evidence["exchanged"] is True
    assert 10 == evidence["before"]["queries"]
    assert (10, "i_lsnew") == (evidence["after"]["queries"], evidence["after"]["index"])
    assert {"i_hnsw": True} == store.indexes(table)
    noted = "SELECT index_name FROM leitstand.vector_maintenance WHERE schema_name = %s"
    assert ("i_hnsw",) in store.ask(noted, table.schema)


def test_a_worse_index_is_dropped_again_with_the_reasons(store: Store, journal: Journal) -> None:
    table = store.table()
    gate = {**GATE, "minimum": 1.0, "settings_new": {"hnsw.ef_search": "1"}}
    worse = {**GRAPH, "options": {"ef_construction": 4, "m": 2}}
    actions = [
        act("build", table, index="i_lsnew", **worse),
        exchanging(table, definition=worse, gate=gate),
    ]
    executor(actions, journal, handlers(store)).apply_all()
    evidence = History.read(journal).action("exchange").evidence
    assert evidence["exchanged"] is False
    assert any("Recall" in reason for reason in evidence["reasons"])
    assert {"i": True} == store.indexes(table)


def test_an_exchange_is_taken_back_by_building_the_old_index_again(
    store: Store, journal: Journal
) -> None:
    table = store.table()
    actions = [act("build", table, index="i_lsnew", **GRAPH), exchanging(table, gate=None)]
    names = {"old": "i_hnsw", "new": "i_lsnew", "final": "i", "definition": FLAT, "gate": None}
    back = [
        act("build", table, "back-build", index="i_lsnew", **FLAT),
        act("exchange", table, "back-exchange", **names),
    ]
    run = executor(actions, journal, handlers(store), back)
    run.apply_all()
    assert {"i_hnsw": True} == store.indexes(table)
    run.take_back()
    assert {"i": True} == store.indexes(table)
    run.take_back()
    assert {"i": True} == store.indexes(table)


def break_off(store: Store, table: TableName, state: str) -> None:
    """Bring both indexes into what a crash during an exchange leaves."""
    space = table.schema
    if state in {"dropped", "renamed"}:
        store.ask(f"DROP INDEX {space}.i")
    if state == "renamed":
        store.ask(f"ALTER INDEX {space}.i_lsnew RENAME TO i_hnsw")
    invalid = {"dropping the old": "i", "dropping the new": "i_lsnew"}.get(state)
    if invalid:
        with store.cluster.superuser(store.name) as connection:
            connection.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s",
                (store.oid(table, invalid),),
            )


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ("decided on nothing", "i_hnsw"),
        ("dropping the old", "i_hnsw"),
        ("dropped", "i_hnsw"),
        ("renamed", "i_hnsw"),
        ("dropping the new", "i"),
    ],
)
def test_an_exchange_is_taken_up_wherever_it_was_broken_off(
    store: Store, journal: Journal, state: str, left: str
) -> None:
    table = store.table()
    store.ask(
        f"CREATE INDEX i_lsnew ON {table} USING hnsw (embedding vector_cosine_ops)"
        " WITH (m = 8, ef_construction = 16)"
    )
    break_off(store, table, state)
    run = executor([exchanging(table, gate=None)], journal, handlers(store))
    journal.append("action.intent", id="exchange", kind="vector_exchange", target="db")
    assert (left == "i_hnsw") is run.apply("exchange")["exchanged"]
    assert {left: True} == store.indexes(table)


def test_another_run_on_the_table_is_named(store: Store, journal: Journal, tmp_path: Path) -> None:
    table = store.table(index=None)
    other = executor(
        [act("build", table, index="slow", **SLOW)], Journal(tmp_path / "other"), handlers(store)
    )
    run = executor([act("analyze", table)], journal, handlers(store, run="second"))
    failed: list[MaintenanceFailed] = []

    def look(told: str) -> None:
        try:
            run.apply("analyze")
        except MaintenanceFailed as error:
            failed.append(error)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.apply("build", look)
    assert Trouble.HELD == failed[0].trouble
    assert "leitstand run " in failed[0].message
