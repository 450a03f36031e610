"""Fences and sessions by hand, on a real PostgreSQL, do what the runbooks do."""

import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action
from leitstand.database.fence import fence, is_fenced, unfence
from tests.core.commands.by_hand import INSTANCE, TARGET, do, run
from tests.core.commands.samples import SETTING
from tests.fixtures.postgres import Cluster


@pytest.fixture(scope="module")
def group(cluster: Cluster) -> str:
    with cluster.superuser("postgres") as connection:
        connection.execute("CREATE ROLE cloudsqlsuperuser CREATEDB CREATEROLE")
        connection.execute("GRANT pg_monitor, pg_signal_backend TO cloudsqlsuperuser")
    return "cloudsqlsuperuser"


class Fenced:
    """A database with an application's role and an administrator, as Cloud SQL makes them."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        mark = uuid.uuid4().hex[:6]
        self.cluster, self.database = cluster, cluster.database()
        self.app, self.own, self.admin = f"app {mark}", f"own_{mark}", f"admin_{mark}"
        with cluster.superuser("postgres") as connection:
            connection.execute(f"ALTER DATABASE {self.database} OWNER TO {group}".encode())
            connection.execute(f'CREATE ROLE "{self.app}" LOGIN'.encode())
            create = f"CREATE ROLE {self.admin} LOGIN CREATEROLE IN ROLE {group}"
            connection.execute(create.encode())
        self.url = cluster.url(self.database, self.admin)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {self.own} LOGIN".encode())

    def action(self, kind: str) -> Action:
        roles = [self.app, self.own]
        return Action("fence", kind, INSTANCE, {"database": self.database, "roles": roles})

    @property
    def fenced(self) -> bool:
        return is_fenced(self.url, self.database, [self.app, self.own])

    def opened(self, role: str = "") -> bool:
        name = role or self.app
        login = self.cluster.url(self.database, "x").replace("//x:", f"//{name}:")
        try:
            psycopg.connect(login.replace(" ", "%20")).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def place(cluster: Cluster, group: str) -> Fenced:
    return Fenced(cluster, group)


def test_the_fence_shuts_the_application_out_and_is_taken_down_again(place: Fenced) -> None:
    assert (False, True) == (place.fenced, place.opened())
    do(place.action("sql_fence"), place.url)
    assert (True, False) == (place.fenced, place.opened())
    do(place.action("sql_unfence"), place.url)
    assert (False, True) == (place.fenced, place.opened())


def test_a_fence_of_the_library_is_taken_down_by_hand_as_it_was_before(place: Fenced) -> None:
    comment = f"COMMENT ON DATABASE {place.database} IS 'von früher'"
    with place.cluster.superuser("postgres") as connection:
        connection.execute(comment.encode())
    fence(place.url, place.database, [place.app, place.own])
    assert place.fenced
    do(place.action("sql_unfence"), place.url)
    assert (False, True) == (place.fenced, place.opened())
    with place.cluster.superuser("postgres") as connection:
        found = connection.execute(
            "SELECT shobj_description(pg_database.oid, 'pg_database'), rolcanlogin"
            " FROM pg_database, pg_roles"
            " WHERE datname = %s AND rolname = %s", (place.database, place.own),
        ).fetchall()  # fmt: skip
    assert [("von früher", True)] == found
    unfence(place.url, place.database)  # nothing is left for the library to do
    assert place.opened()


def test_a_role_that_logs_in_for_another_is_shut_out_and_let_in_with_it(place: Fenced) -> None:
    other = f"{place.own}_b"
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {other} LOGIN IN ROLE {place.own}".encode())
        connection.execute(f"ALTER ROLE {other} SET role TO {place.own}".encode())
    (look,) = block_of(place.action("sql_fence"), SETTING).looks
    do(place.action("sql_fence"), place.url)
    assert (True, False) == (place.fenced, place.opened(other))
    assert f"{other} | f" in run(look, place.url)
    do(place.action("sql_unfence"), place.url)
    assert (False, True) == (place.fenced, place.opened(other))
    assert f"{other} | t" in run(look, place.url)


def test_what_leitstand_gave_and_set_for_a_fence_goes_with_it(place: Fenced) -> None:
    state = (
        "SELECT array(SELECT DISTINCT entry.grantee::regrole::text FROM aclexplode("
        "coalesce(datacl, acldefault('d', datdba))) AS entry"
        " WHERE entry.privilege_type = 'CONNECT' ORDER BY 1), setting.setconfig"
        " FROM pg_database LEFT JOIN pg_db_role_setting AS setting"
        " ON setdatabase = pg_database.oid AND setrole = 0 WHERE datname = %s"
    )

    def found() -> list[tuple[Any, ...]]:
        with place.cluster.superuser("postgres") as connection:
            return connection.execute(state.encode(), (place.database,)).fetchall()

    with place.cluster.superuser("postgres") as connection:
        off = f"ALTER DATABASE {place.database} SET default_transaction_read_only TO off"
        connection.execute(off.encode())
    before = found()
    fence(place.url, place.database, [place.app, place.own])
    assert before != found()
    do(place.action("sql_unfence"), place.url)
    assert before == found()


def test_a_session_is_ended_only_in_the_transaction_of_the_plan(place: Fenced) -> None:
    with psycopg.connect(place.cluster.url(place.database)) as session:
        row = session.execute(
            "SELECT pg_backend_pid(), backend_start::text, xact_start::text FROM pg_stat_activity"
            " WHERE pid = pg_backend_pid()"
        ).fetchone()
        assert row is not None
        pid, connected, begun = row
        arguments = {"pid": pid, "connected_at": connected, "transaction_at": begun}
        action = Action("end", "session_end", TARGET, arguments)
        other = replace(action, arguments={**arguments, "transaction_at": None})
        do(other, place.url)
        session.execute("SELECT 1")
        do(action, place.url)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
