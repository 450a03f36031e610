"""Maintenance of vector indexes on a real server, with what goes wrong there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from leitstand.core.recovery_types import TableName
from leitstand.database.vector_builds import build
from leitstand.database.vector_control import Cancelled, Control
from leitstand.database.vector_errors import MaintenanceRefused, Trouble
from leitstand.database.vector_maintenance import analyze, drop, reindex, update_extension, vacuum
from leitstand.database.vector_sessions import Limits, Sessions
from leitstand.sandbox.sql.binaries import ACCOUNT
from tests.database.vector_tables import (
    ROWS,
    SLOW,
    Background,
    Store,
    in_background,
    limits,
    make_store,
    seen,
    sessions,
    wait_for,
)
from tests.fixtures.postgres import Cluster

FLAT = {**SLOW, "method": "ivfflat", "options": {"lists": 20}}


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return make_store(cluster)


@pytest.fixture
def used(store: Store) -> Iterator[Sessions]:
    made = sessions(store)
    yield made
    made.close()


def rebuild(
    used: Sessions,
    table: TableName,
    oid: int,
    control: Control | None = None,
    given: Limits | None = None,
    index: str = "i",
) -> dict[str, object]:
    return reindex(
        used, table, index, oid=oid, limits=given or limits(), control=control or Control()
    )


def slow_build(used: Sessions, table: TableName, given: Limits | None = None) -> Background:
    """Begin a build that takes seconds."""
    return in_background(
        lambda control: build(used, table, "slow", SLOW, limits=given or limits(), control=control)
    )


def test_a_rebuilt_index_is_another_one_of_the_same_name(store: Store, used: Sessions) -> None:
    table = store.table()
    before = store.oid(table)
    evidence = rebuild(used, table, before)
    assert before != store.oid(table)
    assert {"i": True} == store.indexes(table)
    assert {"bytes_before", "bytes_after", "seconds", "rows"} == set(evidence)


def test_an_index_that_was_replaced_since_it_was_observed_is_left_alone(
    store: Store, used: Sessions
) -> None:
    table = store.table()
    before = store.oid(table)
    rebuild(used, table, before)
    after = store.oid(table)
    assert rebuild(used, table, before)["found"] is True
    assert after == store.oid(table)


def test_an_invalid_index_is_made_valid(store: Store, used: Sessions) -> None:
    table = store.table()
    with store.cluster.superuser(store.name) as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s", (store.oid(table),)
        )
    rebuild(used, table, store.oid(table))
    assert {"i": True} == store.indexes(table)


def test_an_open_writer_ends_a_rebuild_by_name_and_its_leftover_goes_with_the_next_attempt(
    store: Store, used: Sessions
) -> None:
    table = store.table()
    before = store.oid(table)
    with store.writer(table) as writer:
        with pytest.raises(MaintenanceRefused) as refused:
            rebuild(used, table, before, given=limits(0.3))
        pid = writer.info.backend_pid
    assert Trouble.LOCK_TIMEOUT == refused.value.trouble
    assert f"schreiber (pid {pid}, Rolle owner" in refused.value.message
    assert "Es bleibt i_ccnew" in refused.value.message
    assert {"i": True, "i_ccnew": False} == store.indexes(table)
    assert ["i_ccnew"] == rebuild(used, table, before)["dropped"]
    assert {"i": True} == store.indexes(table)


def test_a_wait_is_shown_with_who_is_in_the_way(store: Store, used: Sessions) -> None:
    table = store.table()
    with store.writer(table) as writer:
        work = in_background(partial(rebuild, used, table, store.oid(table)))
        wait_for(lambda: seen(store, work).startswith("wartet auf schreiber (pid "))
        writer.rollback()
    assert ROWS == work.result()["rows"]


def test_the_progress_of_a_build_is_told_in_german(store: Store, used: Sessions) -> None:
    table = store.table(index=None)
    work = slow_build(used, table)
    wait_for(lambda: re.fullmatch(r"lädt Tupel, \d+ von \d+ Blöcken", seen(store, work)))
    work.control.cancel()
    with pytest.raises(Cancelled):
        work.result()


@pytest.mark.parametrize("by", ["server", "control"])
def test_a_cancelled_build_leaves_nothing_behind(store: Store, used: Sessions, by: str) -> None:
    table = store.table()
    work = slow_build(used, table)
    if by == "server":
        store.ask("SELECT pg_cancel_backend(%s)", work.control.pid)
        with pytest.raises(MaintenanceRefused, match="wurde auf dem Server abgebrochen") as refused:
            work.result()
        assert Trouble.CANCELLED == refused.value.trouble
    else:
        work.control.cancel()
        with pytest.raises(Cancelled):
            work.result()
    assert {"i": True} == store.indexes(table)


def test_a_session_that_was_ended_is_told_and_the_next_attempt_succeeds(
    store: Store, used: Sessions
) -> None:
    table = store.table()
    before = store.oid(table)
    with store.writer(table):
        work = in_background(partial(rebuild, used, table, before))
        wait_for(lambda: "i_ccnew" in store.indexes(table))
        store.ask("SELECT pg_terminate_backend(%s)", work.control.pid)
        with pytest.raises(MaintenanceRefused) as refused:
            work.result()
    assert Trouble.CONNECTION_LOST == refused.value.trouble
    assert ["i_ccnew"] == rebuild(used, table, before)["dropped"]
    assert {"i": True} == store.indexes(table)


def test_ivfflat_says_how_much_memory_it_needs(store: Store, used: Sessions) -> None:
    table = store.table(index=None)
    wanted = {**FLAT, "options": {"lists": 2000}}
    given = Limits(memory=1 << 20)
    with pytest.raises(MaintenanceRefused, match=r"nötig sind .* ist 1 MB") as refused:
        build(used, table, "i", wanted, limits=given, control=Control())
    assert Trouble.MEMORY_SHORT == refused.value.trouble
    assert {} == store.indexes(table)


def test_an_hnsw_build_that_outgrows_its_memory_is_called_slow(
    store: Store, used: Sessions
) -> None:
    table = store.table(index=None)
    wanted = {**SLOW, "options": {"ef_construction": 32, "m": 16}}
    given = Limits(memory=1 << 20)
    assert build(used, table, "h", wanted, limits=given, control=Control())["slow_build"] is True


def test_vectors_of_too_many_dimensions_are_refused_with_a_way_out(
    store: Store, used: Sessions
) -> None:
    store.ask("CREATE SCHEMA wide")
    store.ask("CREATE TABLE wide.embeddings (embedding vector(2001))")
    with pytest.raises(MaintenanceRefused) as refused:
        build(used, TableName("wide", "embeddings"), "i", SLOW, limits=limits(), control=Control())
    assert Trouble.TOO_MANY_DIMENSIONS == refused.value.trouble
    assert "halfvec" in refused.value.advice


@pytest.mark.parametrize("verb", ["reindex", "drop", "build", "vacuum", "analyze"])
def test_a_role_without_rights_is_refused(store: Store, verb: str) -> None:
    table = store.table()
    with store.cluster.superuser(store.name) as connection:
        connection.execute(
            "DO $$ BEGIN CREATE ROLE stranger LOGIN;"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    store.ask(f"GRANT USAGE ON SCHEMA {table.schema} TO stranger")
    used, both = sessions(store, "stranger"), {"limits": limits(), "control": Control()}
    oid = store.oid(table)
    calls: dict[str, Callable[[], object]] = {
        "reindex": lambda: reindex(used, table, "i", oid=oid, **both),
        "drop": lambda: drop(used, table, "i", oid=oid, **both),
        "build": lambda: build(used, table, "j", FLAT, **both),
        "vacuum": lambda: vacuum(used, table, **both),
        "analyze": lambda: analyze(used, table, **both),
    }
    with pytest.raises(MaintenanceRefused) as refused:
        calls[verb]()
    used.close()
    assert Trouble.NO_RIGHTS == refused.value.trouble
    assert {"i": True} == store.indexes(table)


def test_without_the_extension_there_is_nothing_to_update(cluster: Cluster) -> None:
    bare = Store(cluster, cluster.database())
    with cluster.superuser(bare.name) as connection:
        connection.execute("DROP EXTENSION vector")
    used = sessions(bare)
    with pytest.raises(MaintenanceRefused) as refused:
        update_extension(used, "0.8.5", limits=limits(), control=Control())
    used.close()
    assert Trouble.EXTENSION_MISSING == refused.value.trouble


def test_the_extension_is_updated_to_the_version_that_was_planned(cluster: Cluster) -> None:
    old = Store(cluster, cluster.database())
    with cluster.superuser(old.name) as connection:
        newest = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        version = str(newest.fetchall()[0][0])
        connection.execute("UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector'")
    used, both = sessions(old, "postgres"), {"limits": limits(), "control": Control()}
    assert {"before": "0.8.1", "after": version} == update_extension(used, version, **both)
    assert update_extension(used, version, **both)["found"] is True
    used.close()


def test_a_schema_that_is_gone_leaves_nothing_to_do(store: Store, used: Sessions) -> None:
    table = store.table()
    oid, both = store.oid(table), {"limits": limits(), "control": Control()}
    store.ask(f"DROP SCHEMA {table.schema} CASCADE")
    assert {"gone": True} == reindex(used, table, "i", oid=oid, **both)
    assert {"gone": True} == build(used, table, "i", FLAT, **both)
    assert {"gone": True} == drop(used, table, "i", oid=oid, **both)
    assert {"gone": True} == vacuum(used, table, **both)
    assert {"gone": True} == analyze(used, table, **both)


def test_a_schema_that_is_dropped_meanwhile_ends_a_build_as_gone(
    store: Store, used: Sessions
) -> None:
    table = store.table()
    oid = store.oid(table)
    with psycopg.connect(store.url()) as dropping:
        dropping.execute(f"DROP SCHEMA {table.schema} CASCADE".encode())
        work = in_background(partial(rebuild, used, table, oid), at_once=True)
        wait_for(lambda: store.ask("SELECT 1 FROM pg_locks WHERE NOT granted"))
        dropping.commit()
    assert {"gone": True} == work.result()


def test_two_runs_never_work_on_one_table(store: Store, used: Sessions) -> None:
    table, other = store.table(), sessions(store, run="r2")
    work = slow_build(used, table)
    with pytest.raises(MaintenanceRefused, match=f"leitstand r1 {table} .pid") as refused:
        analyze(other, table, limits=limits(), control=Control())
    assert Trouble.HELD == refused.value.trouble
    work.control.cancel()
    with pytest.raises(Cancelled):
        work.result()
    assert "rows" in analyze(other, table, limits=limits(), control=Control())
    other.close()


def test_an_index_of_another_definition_is_never_replaced_unless_its_name_is_temporary(
    store: Store, used: Sessions
) -> None:
    table, both = store.table(), {"limits": limits(), "control": Control()}
    with pytest.raises(MaintenanceRefused) as refused:
        build(used, table, "i", FLAT, **both)
    assert Trouble.NAME_TAKEN == refused.value.trouble
    store.ask(f"ALTER INDEX {table.schema}.i RENAME TO i_lsnew")
    assert ["i_lsnew"] == build(used, table, "i_lsnew", FLAT, **both)["dropped"]
    assert build(used, table, "i_lsnew", FLAT, **both)["found"] is True


def test_only_the_index_that_was_observed_is_dropped(store: Store, used: Sessions) -> None:
    table, both = store.table(), {"limits": limits(), "control": Control()}
    oid = store.oid(table)
    assert drop(used, table, "i", oid=oid + 1, **both)["found"] is True
    assert {"i": True} == store.indexes(table)
    assert drop(used, table, "i", oid=oid, **both)["bytes_after"] == 0
    assert {} == store.indexes(table)


def test_dead_rows_are_removed(store: Store, used: Sessions) -> None:
    table, both = store.table(), {"limits": limits(), "control": Control()}
    store.ask(f"DELETE FROM {table} WHERE id > 100")
    vacuum(used, table, **both)
    assert 100 == analyze(used, table, **both)["rows"]
    assert [(0,)] == store.ask(
        "SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = %s::regclass", str(table)
    )


def test_any_name_can_be_maintained(store: Store, used: Sessions) -> None:
    schema, table, index = 'müll "x%s', "Tafel; --", "ü" * 31
    with store.connect() as connection:
        for statement in (
            "CREATE SCHEMA {schema}",
            "CREATE TABLE {schema}.{table} (embedding vector(3))",
            "CREATE INDEX {index} ON {schema}.{table} USING hnsw (embedding vector_l2_ops)",
        ):
            names = {"schema": schema, "table": table, "index": index}
            connection.execute(
                psycopg.sql.SQL(statement).format(
                    **{key: psycopg.sql.Identifier(name) for key, name in names.items()}
                )
            )
    place = TableName(schema, table)
    oid = int(str(store.ask("SELECT oid FROM pg_class WHERE relname = %s", index)[0][0]))
    with psycopg.connect(store.url()) as writer:
        statement = psycopg.sql.SQL("INSERT INTO {} VALUES ('[1,2,3]')")
        writer.execute(statement.format(psycopg.sql.Identifier(schema, table)))
        with pytest.raises(MaintenanceRefused):
            rebuild(used, place, oid, given=limits(0.2), index=index)
    evidence = rebuild(used, place, oid, index=index)
    assert ["ü" * 28 + "_ccnew"] == evidence["dropped"]


def test_sessions_are_used_again_and_closed_after_a_moment(store: Store) -> None:
    used, table = sessions(store, run="kept"), store.table()
    for _ in range(3):
        analyze(used, table, limits=limits(), control=Control())
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'leitstand kept%'"
    assert [(1,)] == store.ask(mine)
    wait_for(lambda: store.ask(mine) == [(0,)], 4)


@pytest.fixture
def full_disk(store: Store) -> Iterator[str]:
    """A table space that holds one index, and not two."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = Path(tempfile.mkdtemp(prefix="leitstand-full-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=500k,mode=0700", "tmpfs", str(place)],
        capture_output=True,
    )
    try:
        if mounted.returncode:
            pytest.skip("this machine lets nobody mount a small file system")
        os.chown(place, ACCOUNT or 0, ACCOUNT or 0)
        with store.cluster.superuser(store.name) as connection:
            connection.execute(
                f"CREATE TABLESPACE full_disk OWNER owner LOCATION '{place}'".encode()
            )
        yield "full_disk"
        with store.cluster.superuser(store.name) as connection:
            connection.execute("DROP TABLESPACE full_disk")
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(place)], check=True)
        shutil.rmtree(place)


def test_a_full_disk_ends_a_rebuild_and_leaves_the_old_index(
    store: Store, used: Sessions, full_disk: str
) -> None:
    small = store.table(index=None)
    store.ask(
        f"CREATE INDEX j ON {small} USING ivfflat (embedding vector_cosine_ops) WITH (lists = 10)"
        f" TABLESPACE {full_disk}"
    )
    with pytest.raises(MaintenanceRefused) as refused:
        rebuild(used, small, store.oid(small, "j"), index="j")
    left = store.indexes(small)
    store.ask(f"DROP TABLE {small}")
    assert Trouble.DISK_FULL == refused.value.trouble
    assert {"j": True} == left


def test_waiting_for_a_lock_can_be_given_up(store: Store, used: Sessions) -> None:
    table, other = store.table(), sessions(store, run="r2", patience=60)
    work = slow_build(used, table)
    began = time.monotonic()
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        analyze(other, table, limits=limits(), control=control)
    assert time.monotonic() - began < 30  # its patience is 60
    work.control.cancel()
    with pytest.raises(Cancelled):
        work.result()
    other.close()
