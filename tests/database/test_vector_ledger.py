"""The ledger of maintenance: made once, kept current, and no trouble where it cannot be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.vector_ledger import LedgerEntry, ensure_ledger, note, read
from tests.fixtures.postgres import Cluster

ENTRY = LedgerEntry("rag", "nearest", 2.5, 1000, 400, 300, "run-1")


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.database()


@pytest.fixture
def database(cluster: Cluster, shared: str) -> str:
    """A database without a ledger."""
    with cluster.superuser(shared) as admin:
        admin.execute("SET client_min_messages TO error")
        admin.execute("DROP SCHEMA IF EXISTS leitstand CASCADE")
    return shared


@pytest.fixture(scope="module")
def stranger(cluster: Cluster) -> str:
    """A role that may log in, and nothing else."""
    with cluster.superuser("postgres") as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
    return "stranger"


@pytest.mark.parametrize("autocommit", [False, True])
def test_what_was_noted_is_read_and_the_last_note_counts(
    cluster: Cluster, database: str, autocommit: bool
):
    url = cluster.url(database)
    with connect(url, read_only=False, autocommit=autocommit) as connection:
        assert ensure_ledger(connection)
        assert note(connection, ENTRY)
        assert note(connection, LedgerEntry("rag", "nearest", 3.5, 2000, 300, 600, ""))
        assert note(connection, LedgerEntry("rag", "another", 1, 1, 0, 1, ""))
    with connect(url) as connection:
        another, nearest = read(connection)
    assert ("rag", "another", 1.0, 1) == (
        another.schema, another.index, another.seconds, another.rows
    )  # fmt: skip
    assert ("nearest", 3.5, 2000) == (nearest.index, nearest.seconds, nearest.rows)
    assert timedelta(0) == nearest.at.utcoffset()
    assert abs(datetime.now(UTC) - nearest.at) < timedelta(minutes=1)


def test_without_a_ledger_nothing_is_read_and_nothing_is_noted(cluster: Cluster, database: str):
    with connect(cluster.url(database), read_only=False) as connection:
        assert () == read(connection)
        assert not note(connection, ENTRY)
        assert connection.execute("SELECT to_regnamespace('leitstand')").fetchone() == (None,)


def test_a_role_that_may_make_no_schema_has_no_ledger(
    cluster: Cluster, database: str, stranger: str
):
    with connect(cluster.url(database, stranger), read_only=False) as connection:
        assert not ensure_ledger(connection)
        assert not note(connection, ENTRY)
        assert () == read(connection)


@pytest.mark.parametrize(
    ("rights", "read_rows", "noted"),
    [
        ((), 0, False),
        (("USAGE ON SCHEMA leitstand",), 0, False),
        (("SELECT ON leitstand.vector_maintenance",), 0, False),
        (("USAGE ON SCHEMA leitstand", "SELECT ON leitstand.vector_maintenance"), 1, False),
        (
            (
                "USAGE ON SCHEMA leitstand",
                "SELECT, INSERT, UPDATE ON leitstand.vector_maintenance",
            ),
            1,
            True,
        ),
    ],
)
def test_another_ones_ledger_is_used_as_far_as_rights_go(
    cluster: Cluster,
    database: str,
    stranger: str,
    rights: tuple[str, ...],
    read_rows: int,
    noted: bool,
):
    with connect(cluster.url(database), read_only=False) as connection:
        ensure_ledger(connection)
        note(connection, ENTRY)
        for right in rights:
            connection.execute(f"GRANT {right} TO {stranger}".encode())
    with connect(cluster.url(database, stranger), read_only=False) as connection:
        assert noted == ensure_ledger(connection)
        assert read_rows == len(read(connection))
        assert noted == note(connection, ENTRY)


def test_many_tasks_at_once_make_one_ledger(cluster: Cluster, database: str):
    def task(number: int) -> bool:
        with connect(cluster.url(database), read_only=False) as connection:
            made = ensure_ledger(connection)
            entry = LedgerEntry("rag", f"index_{number}", 1, 1, 1, 1, "")
            return made and note(connection, entry)

    with ThreadPoolExecutor(8) as pool:
        assert [True] * 8 == list(pool.map(task, range(8)))
    with connect(cluster.url(database)) as connection:
        assert 8 == len(read(connection))


def test_a_ledger_is_not_made_on_a_connection_that_may_only_read(cluster: Cluster, database: str):
    with (
        pytest.raises(DatabaseRefused),
        connect(cluster.url(database)) as connection,
    ):
        ensure_ledger(connection)
