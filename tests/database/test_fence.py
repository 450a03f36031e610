"""The fence: nothing is written once it stands, and taking it down leaves no trace."""

import threading
import uuid
from dataclasses import dataclass

import psycopg
import pytest

from leitstand.core.database_state import FenceState
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused, FenceIncomplete
from leitstand.database.fence import fence, fence_state, is_fenced, unfence
from tests.fixtures.postgres import Cluster

PRIVILEGES = """
SELECT array(SELECT coalesce(role.rolname, 'PUBLIC') || entry.privilege_type || entry.is_grantable
             FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS entry
             LEFT JOIN pg_roles AS role ON role.oid = entry.grantee
             WHERE datname = %(database)s ORDER BY 1),
       array(SELECT unnest(setconfig) FROM pg_db_role_setting
             WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %(database)s)),
       (SELECT shobj_description(oid, 'pg_database') FROM pg_database
        WHERE datname = %(database)s),
       array(SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY rolname)
"""


@dataclass(frozen=True)
class Instance:
    """A database with the roles that Cloud SQL's API makes: nobody is a superuser.

    Attributes:
        admin: Member of ``cloudsqlsuperuser``; may end sessions, has ADMIN OPTION on no one.
        app: The application's role, a member of ``cloudsqlsuperuser`` as well.
        job: A role that ``admin`` has made by itself, on which it has ADMIN OPTION.
    """

    cluster: Cluster
    database: str
    admin: str
    app: str
    job: str

    @property
    def admin_url(self) -> str:
        return self.cluster.url("postgres", self.admin)

    def url(self, role: str) -> str:
        return self.cluster.url(self.database, role)

    def privileges(self) -> list[object]:
        with self.cluster.superuser("postgres") as connection:
            return connection.execute(PRIVILEGES, {"database": self.database}).fetchall()


@pytest.fixture(scope="module")
def group(cluster: Cluster) -> str:
    with cluster.superuser("postgres") as connection:
        connection.execute("CREATE ROLE cloudsqlsuperuser CREATEDB CREATEROLE")
        connection.execute("GRANT pg_monitor, pg_signal_backend TO cloudsqlsuperuser")
    return "cloudsqlsuperuser"


@pytest.fixture
def instance(cluster: Cluster, group: str) -> Instance:
    suffix = uuid.uuid4().hex[:6]
    found = Instance(
        cluster, cluster.database(), f"admin_{suffix}", f"app_{suffix}", f"job_{suffix}"
    )
    with cluster.superuser("postgres") as connection:
        connection.execute(f"ALTER DATABASE {found.database} OWNER TO {group}")
        for role in (found.admin, found.app):
            connection.execute(f"CREATE ROLE {role} LOGIN CREATEDB CREATEROLE IN ROLE {group}")
        connection.execute(f"GRANT CREATE ON DATABASE {found.database} TO {found.app}")
    with psycopg.connect(found.admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {found.job} LOGIN")
    with psycopg.connect(found.url(found.app), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA own")
        connection.execute("CREATE TABLE own.written (writer int, number int)")
        connection.execute(f"GRANT USAGE ON SCHEMA own TO {found.job}")
        connection.execute(f"GRANT SELECT, INSERT ON own.written TO {found.job}")
    return found


def test_after_the_fence_no_role_is_in_and_none_gets_in(instance: Instance):
    roles = (instance.app, instance.job)
    logins = [instance.url(role) for role in roles]
    with psycopg.connect(instance.url(instance.app)) as session:
        before = fence_state(instance.admin_url, instance.database, roles)
        assert FenceState(instance.database, roles, (instance.app,), False) == before
        assert not is_fenced(instance.admin_url, instance.database, roles, logins)
        after = fence(instance.admin_url, instance.database, roles)
        assert FenceState(instance.database, (), (), True) == after
        assert after.fenced
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert is_fenced(instance.admin_url, instance.database, roles, logins)
    for url in logins:
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|not permitted"):
            psycopg.connect(url)


def test_a_login_that_works_as_a_fenced_role_is_shut_out_with_it(instance: Instance):
    stand_in = f"{instance.app}_b"
    with instance.cluster.superuser("postgres") as connection:
        connection.execute(f"CREATE ROLE {stand_in} LOGIN IN ROLE {instance.app}")
        connection.execute(f"ALTER ROLE {stand_in} SET role TO {instance.app}")
    with psycopg.connect(instance.url(stand_in), autocommit=True) as session:
        session.execute("INSERT INTO own.written VALUES (1, 1)")
        assert fence(instance.admin_url, instance.database, (instance.app,)).fenced
        with pytest.raises(psycopg.OperationalError):
            session.execute("INSERT INTO own.written VALUES (1, 2)")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(instance.url(stand_in))
    unfence(instance.admin_url, instance.database)
    psycopg.connect(instance.url(stand_in)).close()


def test_no_write_is_accepted_once_the_fence_stands(instance: Instance):
    """Writers connect anew all the time, so some are always on their way in."""
    stop = threading.Event()
    accepted = [0] * 4

    def write(writer: int) -> None:
        role = instance.app if writer % 2 else instance.job
        while not stop.is_set():
            try:
                with psycopg.connect(instance.url(role), autocommit=True) as connection:
                    for _ in range(writer * 3 + 1):
                        connection.execute("SET default_transaction_read_only TO off")
                        values = (writer, accepted[writer] + 1)
                        connection.execute("INSERT INTO own.written VALUES (%s, %s)", values)
                        accepted[writer] += 1
            except psycopg.Error:
                continue

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            while min(accepted) == 0:
                stop.wait(0.01)
            fence(instance.admin_url, instance.database, (instance.app, instance.job))
            standing = _written(instance)
            stop.wait(0.15)
            assert standing == _written(instance)
            for number in range(4):
                accepted[number] = 0
            unfence(instance.admin_url, instance.database)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def _written(instance: Instance) -> int:
    with instance.cluster.superuser(instance.database) as connection:
        number: int = connection.execute("SELECT count(*) FROM own.written").fetchall()[0][0]
    return number


def test_taking_the_fence_down_leaves_everything_as_it_was(instance: Instance):
    with instance.cluster.superuser("postgres") as connection:
        connection.execute(f"COMMENT ON DATABASE {instance.database} IS 'Unsere Datenbank'")
        grant = f"GRANT CONNECT ON DATABASE {instance.database} TO {instance.job} WITH GRANT OPTION"
        connection.execute(grant)
        setting = "default_transaction_read_only TO off"
        connection.execute(f"ALTER DATABASE {instance.database} SET {setting}")
        connection.execute(f"CREATE ROLE idle_{instance.job} NOLOGIN")
    before = instance.privileges()
    roles = (instance.app, instance.job, f"idle_{instance.job}")
    fence(instance.admin_url, instance.database, roles)
    assert before != instance.privileges()
    unfence(instance.admin_url, instance.database)
    assert before == instance.privileges()
    for role in (instance.app, instance.job):
        with psycopg.connect(instance.url(role)) as connection:
            connection.execute("SELECT 1")


def test_fencing_twice_and_with_more_roles_keeps_the_first_state(instance: Instance):
    before = instance.privileges()
    fence(instance.admin_url, instance.database, (instance.app,))
    fence(instance.admin_url, instance.database, (instance.app,))
    fence(instance.admin_url, instance.database, (instance.app, instance.job))
    unfence(instance.admin_url, instance.database)
    unfence(instance.admin_url, instance.database)
    assert before == instance.privileges()


def test_a_fence_that_was_cut_off_before_the_sessions_ended_is_finished_by_another_call(
    instance: Instance,
):
    roles = (instance.app, instance.job)
    with psycopg.connect(instance.url(instance.app)):
        # What the call leaves that is killed right after its transaction.
        with pytest.raises(FenceIncomplete, match="endet nicht"):
            fence(instance.admin_url, instance.database, roles, timeout=-1)
        state = fence_state(instance.admin_url, instance.database, roles)
        assert ((), (instance.app,)) == (state.admitted, state.connected)
        assert fence(instance.admin_url, instance.database, roles).fenced


def test_the_administrator_still_gets_in_and_reads_what_the_application_owns(instance: Instance):
    with instance.cluster.superuser("postgres") as connection:
        connection.execute(f"GRANT {instance.app} TO {instance.admin}")
    with psycopg.connect(instance.url(instance.app)) as connection:
        connection.execute("INSERT INTO own.written VALUES (1, 1)")
        connection.execute("ALTER TABLE own.written ENABLE ROW LEVEL SECURITY")
    fence(instance.url(instance.admin), instance.database, (instance.app, instance.job))
    with connect(instance.url(instance.admin)) as connection:
        assert [(1, 1)] == connection.execute("SELECT * FROM own.written").fetchall()


def test_both_ways_in_are_closed_where_the_administrator_may(instance: Instance):
    fence(instance.admin_url, instance.database, (instance.app, instance.job))
    with instance.cluster.superuser("postgres") as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {instance.database} TO PUBLIC")
    state = fence_state(instance.admin_url, instance.database, (instance.app, instance.job))
    assert (instance.app,) == state.admitted


def test_another_database_of_the_instance_stays_open(instance: Instance):
    other = instance.cluster.database()
    with psycopg.connect(instance.cluster.url(other, instance.app)) as session:
        fence(instance.admin_url, instance.database, (instance.app,))
        session.execute("SELECT 1")


def test_an_administrator_without_the_right_changes_nothing(instance: Instance):
    before = instance.privileges()
    with pytest.raises(DatabaseRefused, match="owner of database"):
        fence(instance.cluster.url("postgres", instance.job), instance.database, (instance.app,))
    assert before == instance.privileges()


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("nobody_here", "gibt es nicht"),
        ("postgres", "Superuser"),
        ("{admin}", "die Rolle, die hier sperrt"),
    ],
)
def test_a_role_that_cannot_be_fenced_is_refused(instance: Instance, role: str, reason: str):
    before = instance.privileges()
    roles = (instance.app, role.format(admin=instance.admin))
    with pytest.raises(DatabaseRefused, match=reason):
        fence(instance.admin_url, instance.database, roles)
    assert before == instance.privileges()


def test_a_database_that_does_not_exist_is_refused(instance: Instance):
    with pytest.raises(DatabaseRefused, match="gibt es nicht"):
        fence(instance.admin_url, "nowhere", (instance.app,))


def test_two_fences_at_once_both_stand(instance: Instance):
    before = instance.privileges()
    states: list[FenceState] = []
    arguments = (instance.admin_url, instance.database, (instance.app, instance.job))
    threads = [threading.Thread(target=lambda: states.append(fence(*arguments))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [True] * 4 == [state.fenced for state in states]
    unfence(instance.admin_url, instance.database)
    assert before == instance.privileges()
