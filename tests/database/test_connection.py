"""Connections: named, read-only unless asked, with deadlines, and without a word of passwords."""

import socket
import traceback

import psycopg
import pytest

from leitstand.database.connection import connect, redacted, replace_host
from leitstand.database.errors import (
    AddressUnusable,
    DatabaseRefused,
    DatabaseUnreachable,
    translated,
)
from tests.fixtures.postgres import Cluster

SECRET = "geheim%2F1"


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    return cluster.database()


def test_a_session_has_a_name_deadlines_and_one_time_zone(cluster: Cluster, database: str):
    with connect(cluster.url(database), statement_timeout=1.5) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchall()[0][0]
            for name in ("application_name", "statement_timeout", "timezone", "row_security")
        ]
    assert ["leitstand", "1500ms", "UTC", "off"] == shown


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_connection_cannot_write_unless_asked_to(
    cluster: Cluster, database: str, autocommit: bool
):
    with (
        pytest.raises(DatabaseRefused, match="read-only transaction"),
        connect(cluster.url(database), autocommit=autocommit) as connection,
    ):
        connection.execute("CREATE TABLE t ()")


def test_a_writing_connection_commits_even_where_the_default_is_read_only(cluster: Cluster):
    database = cluster.database()
    with cluster.superuser("postgres") as admin:
        admin.execute(f"ALTER DATABASE {database} SET default_transaction_read_only TO on")
    with connect(cluster.url(database), read_only=False) as connection:
        connection.execute("CREATE TABLE t ()")
    with connect(cluster.url(database)) as connection:
        assert [(0,)] == connection.execute("SELECT count(*) FROM t").fetchall()


@pytest.mark.parametrize(("shows", "trusted"), [("true", "on"), ("t.a = 1", "off")])
def test_a_session_opens_and_judges_policies_although_their_table_is_locked(
    cluster: Cluster, shows: str, trusted: str
):
    database = cluster.database()
    with connect(cluster.url(database), read_only=False) as owner:
        owner.execute("CREATE TABLE t (a int)")
        owner.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        owner.execute(f"CREATE POLICY p ON t USING ({shows})")
    with cluster.superuser(database) as other, other.transaction():
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with connect(cluster.url(database), statement_timeout=2) as connection:
            assert [(trusted,)] == connection.execute("SHOW row_security").fetchall()


def test_a_statement_that_takes_too_long_counts_as_unreachable(cluster: Cluster, database: str):
    with (
        pytest.raises(DatabaseUnreachable, match="statement timeout"),
        connect(cluster.url(database), statement_timeout=0.05) as connection,
    ):
        connection.execute("SELECT pg_sleep(5)")


def test_a_session_that_is_ended_counts_as_unreachable(cluster: Cluster, database: str):
    def ended() -> None:
        with connect(cluster.url(database)) as connection:
            with cluster.superuser("postgres") as admin:
                pid = connection.info.backend_pid
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            connection.execute("SELECT 1")

    with pytest.raises(DatabaseUnreachable, match="terminating connection"):
        ended()


def test_nobody_listening_counts_as_unreachable(cluster: Cluster):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"postgresql://owner:{SECRET}@127.0.0.1:{probe.getsockname()[1]}/app"
        with pytest.raises(DatabaseUnreachable) as caught, connect(url):
            pass
    _assert_silent(caught.value)


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [("nobody_here", "postgres", "does not exist"), ("owner", "nowhere", "does not exist")],
)
def test_a_login_that_is_turned_down_counts_as_refused(
    cluster: Cluster, user: str, database: str, reason: str
):
    url = f"postgresql://{user}:{SECRET}@127.0.0.1:{cluster.port}/{database}"
    with pytest.raises(DatabaseRefused, match=reason) as caught, connect(url):
        pass
    _assert_silent(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "geheim",
        "mysql://owner:geheim@127.0.0.1/app",
        "postgresql://owner:geheim@127.0.0.1",
        "postgresql://owner:geheim@1@127.0.0.1/app",
        "postgresql://owner:geheim/1@127.0.0.1/app",
        "postgresql://owner:geheim%zz@127.0.0.1/app",
        "postgresql://owner:geheim@127.0.0.1:port/app",
        "postgresql://owner:x@127.0.0.1/app?geheim=1",
        "postgresql://owner:geheim@[::1/app",
        "host=127.0.0.1 password=geheim dbname=app",
    ],
)
def test_an_unusable_address_is_refused_without_being_shown(url: str):
    with pytest.raises(AddressUnusable) as caught, connect(url):
        pass
    _assert_silent(caught.value)
    assert "geheim" not in redacted(url)
    with pytest.raises(AddressUnusable):
        replace_host(url, "127.0.0.1", 1)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://owner:x@h:1/app", "postgresql://owner:***@h:1/app"),
        ("postgres://owner@h/app", "postgres://owner@h/app"),
        ("postgresql://h/app?password=x&sslmode=require", "postgresql://h/app?sslmode=require"),
        (
            "postgresql://o:p%40q@h/a?options=-c%20x%3D1",
            "postgresql://o:***@h/a?options=-c%20x%3D1",
        ),
        ("postgresql://o:p#q?r@h/a", "postgresql://o:***@h/a"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str):
    assert shown == redacted(url)


@pytest.mark.parametrize(
    ("url", "host", "moved"),
    [
        ("postgresql://o:p%40q@h:1/app", "10.0.0.1", "postgresql://o:p%40q@10.0.0.1:5432/app"),
        ("postgres://o@h/app?sslmode=require", "n", "postgres://o@n:5432/app?sslmode=require"),
        ("postgresql://o:p@/app?host=/cloudsql/x", "n", "postgresql://o:p@n:5432/app"),
        (
            "postgresql://o:p#q?r@h/a?options=-c%20x",
            "n",
            "postgresql://o:p#q?r@n:5432/a?options=-c%20x",
        ),
        ("postgresql://h/app", "::1", "postgresql://[::1]:5432/app"),
    ],
)
def test_only_the_place_of_an_address_is_replaced(url: str, host: str, moved: str):
    assert moved == replace_host(url, host, 5432)


def test_an_error_says_in_german_what_failed_and_what_to_do():
    with pytest.raises(DatabaseRefused) as caught, translated("Tabelle lesen"):
        raise psycopg.errors.UndefinedTable("relation x does not exist")
    assert (
        "Die Datenbank lehnt ab: Tabelle lesen: relation x does not exist. "
        "Beheben Sie die Ursache, und setzen Sie den Lauf fort."
    ) == str(caught.value)


def _assert_silent(error: BaseException) -> None:
    text = "".join(traceback.format_exception(error)) + repr(error)
    without_source = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert "geheim" not in without_source
