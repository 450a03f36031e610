"""Observations of a running database: clock, migrations, activity, locks, health."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from leitstand.core.database_state import ArchiverState, InvalidIndex
from leitstand.core.recovery_types import TableName
from leitstand.database.activity import (
    blocked_sessions,
    blockers_of,
    long_transactions,
    prepared_transactions,
)
from leitstand.database.advisory import is_free, lock_holders
from leitstand.database.clock import leave_commit, restore_point
from leitstand.database.connection import connect
from leitstand.database.errors import SessionsHidden
from leitstand.database.health import database_health
from leitstand.database.schema import applied_migrations, latest_migrations
from tests.fixtures.postgres import Cluster


@pytest.fixture
def database(cluster: Cluster) -> str:
    return cluster.database()


@contextmanager
def session(cluster: Cluster, database: str, name: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.url(database), application_name=name) as connection:
        yield connection
        connection.rollback()


def test_a_restore_point_is_the_moment_by_the_databases_clock(cluster: Cluster, database: str):
    with connect(cluster.url(database)) as connection:
        first = restore_point(connection)
        second = restore_point(connection)
    assert first.at < second.at
    assert timedelta(0) == first.at.utcoffset()
    assert abs(datetime.now(UTC) - first.at) < timedelta(seconds=5)


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_commit_can_be_left_behind_a_restore_point(
    cluster: Cluster, database: str, autocommit: bool
):
    with connect(cluster.url(database), autocommit=autocommit) as connection:
        before = restore_point(connection)
        after = leave_commit(connection)
        query = "SELECT pg_wal_lsn_diff(%s, %s)"
        grown = connection.execute(query, (after.lsn, before.lsn)).fetchall()[0][0]
    assert grown > 0
    assert before.at < after.at


def test_a_database_that_django_never_migrated_has_no_migrations(cluster: Cluster, database: str):
    with connect(cluster.url(database)) as connection:
        assert () == applied_migrations(connection)


def test_migrations_come_in_the_order_in_which_they_were_applied(cluster: Cluster, database: str):
    with cluster.superuser(database) as admin:
        admin.execute(
            "CREATE TABLE django_migrations (id serial, app text, name text, applied timestamptz)"
        )
        admin.execute("GRANT SELECT ON django_migrations TO owner")
        admin.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES"
            " ('vectors', '0001_a', now()), ('documents', '0001_b', now()),"
            " ('documents', '0002_c', now())"
        )
    with connect(cluster.url(database)) as connection:
        applied = [(found.app, found.name) for found in applied_migrations(connection)]
        latest = [(found.app, found.name) for found in latest_migrations(connection)]
    assert [("vectors", "0001_a"), ("documents", "0001_b"), ("documents", "0002_c")] == applied
    assert [("documents", "0002_c"), ("vectors", "0001_a")] == latest


def test_long_transactions_are_seen_while_they_last(cluster: Cluster, database: str):
    with connect(cluster.url(database)) as watching:
        with session(cluster, database, "sleeper") as sleeper:
            sleeper.execute("SELECT 1")
            time.sleep(0.25)
            found = long_transactions(watching, 0.2)
            assert ["sleeper"] == [item.session.application for item in found]
            assert found[0].age >= 0.2
            assert "idle in transaction" == found[0].state
            assert () == long_transactions(watching, 60)
        # Still in the watching transaction: the view is not what it was at its first reading.
        assert () == long_transactions(watching, 0)


def test_a_role_that_cannot_see_all_sessions_gets_no_incomplete_answer(
    cluster: Cluster, database: str
):
    with cluster.superuser("postgres") as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
        with session(cluster, database, "x"), connect(cluster.url(database, "stranger")) as own:
            with pytest.raises(SessionsHidden, match="stranger sieht 1 fremde"):
                long_transactions(own, 1)
            own.rollback()
            admin.execute("GRANT pg_read_all_stats TO stranger")
            assert () == long_transactions(own, 60)


def test_who_waits_for_whom_is_named_with_the_table(cluster: Cluster, database: str):
    with ExitStack() as stack:
        holder = stack.enter_context(session(cluster, database, "holder"))
        waiter = stack.enter_context(session(cluster, database, "waiter"))
        watching = stack.enter_context(connect(cluster.url(database)))
        holder.execute("CREATE TABLE accounts (id int)")
        holder.commit()
        holder.execute("SELECT * FROM accounts")
        assert () == blocked_sessions(watching)
        thread = threading.Thread(target=waiter.execute, args=("LOCK TABLE accounts",))
        thread.start()
        while not (blocks := blocked_sessions(watching)):
            time.sleep(0.01)
        (block,) = blocks
        assert ("waiter", "holder") == (block.waiting.application, block.blocker.application)
        assert ("AccessExclusiveLock", "accounts") == (block.mode, block.relation)
        assert holder.info.backend_pid == block.blocker.pid
        (same,) = blockers_of(watching, waiter.info.backend_pid)
        assert holder.info.backend_pid == same.blocker.pid
        assert () == blockers_of(watching, holder.info.backend_pid)
        holder.rollback()
        thread.join(5)
        assert () == blocked_sessions(watching)


def test_there_are_no_prepared_transactions(cluster: Cluster, database: str):
    with connect(cluster.url(database)) as connection:
        assert () == prepared_transactions(connection)


@pytest.mark.parametrize(
    ("key", "take"),
    [
        ((19539, 1), "pg_advisory_lock(19539, 1)"),
        ((-5, 7), "pg_advisory_lock(-5, 7)"),
        (2**40 + 3, "pg_advisory_lock(1099511627779)"),
        (-1, "pg_advisory_lock(-1)"),
    ],
)
def test_the_holder_of_an_advisory_lock_is_named(
    cluster: Cluster, database: str, key: int | tuple[int, int], take: str
):
    with connect(cluster.url(database)) as watching:
        assert is_free(watching, key)
        with session(cluster, database, "migrate-abc") as holder:
            holder.execute(f"SELECT {take}")
            (found,) = lock_holders(watching, key)
            assert (holder.info.backend_pid, "migrate-abc", "owner") == (
                found.pid,
                found.application,
                found.role,
            )
            assert is_free(watching, (19539, 2))
        while not is_free(watching, key):
            time.sleep(0.01)


def test_a_lock_of_another_database_is_not_this_ones(cluster: Cluster, database: str):
    with (
        connect(cluster.url(cluster.database())) as watching,
        session(cluster, database, "x") as holder,
    ):
        holder.execute("SELECT pg_advisory_lock(1, 1)")
        assert is_free(watching, (1, 1))


def test_health_names_invalid_indexes_and_what_left_them(cluster: Cluster, database: str):
    with cluster.superuser(database) as admin:
        admin.execute("CREATE TABLE t (a int)")
        admin.execute("INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            admin.execute("CREATE UNIQUE INDEX CONCURRENTLY broken_ccnew1 ON t (a)")
    with connect(cluster.url(database)) as connection:
        health = database_health(connection)
    (index,) = health.invalid_indexes
    assert InvalidIndex("broken_ccnew1", TableName("public", "t"), "btree", False) == index
    assert "new" == index.left_by
    assert "16." == health.server_version[:3]
    assert health.size_bytes > 1_000_000
    assert not health.read_only
    assert () == health.slots
    assert "0.8.5" == health.vector.installed == health.vector.available


def test_health_sees_that_a_database_is_read_only_by_default(cluster: Cluster, database: str):
    with cluster.superuser("postgres") as admin:
        admin.execute(f"ALTER DATABASE {database} SET default_transaction_read_only TO on")
        admin.execute("SELECT pg_create_physical_replication_slot('kept', true)")
        with connect(cluster.url(database)) as connection:
            health = database_health(connection)
        admin.execute("SELECT pg_drop_replication_slot('kept')")
    assert health.read_only
    (slot,) = health.slots
    assert ("kept", "physical", False) == (slot.name, slot.kind, slot.active)
    assert slot.retained_bytes is not None


EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("archived", "failed", "failing"),
    [
        (None, None, False),
        (EARLY, None, False),
        (None, EARLY, True),
        (EARLY, LATE, True),
        (LATE, EARLY, False),
    ],
)
def test_an_archiver_fails_if_its_last_try_failed(
    archived: datetime | None, failed: datetime | None, failing: bool
):
    state = ArchiverState(True, "", archived, 0, failed, "")
    assert failing == state.failing
