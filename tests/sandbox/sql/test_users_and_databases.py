"""Users and databases of an instance."""

import psycopg
import pytest
from google.api_core import exceptions

from tests.fixtures.cloud_sql import OperationFailed


def test_a_new_password_works_and_the_old_one_does_not(cloud):
    cloud.done(cloud.users.insert(request=cloud.on(body={"name": "worker", "password": "alt"})))
    with cloud.connect(user="worker", password="alt") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("worker",)
    change = cloud.on(name="worker", body={"password": "neu"})
    cloud.done(cloud.users.update(request=change))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        cloud.connect(user="worker", password="alt")
    cloud.connect(user="worker", password="neu").close()
    cloud.done(cloud.users.delete(request=cloud.on(name="worker")))
    with pytest.raises(exceptions.NotFound):
        cloud.users.get(request=cloud.on(name="worker"))


def test_users_are_listed_without_passwords_and_without_the_sandboxs_own(cloud):
    found = cloud.users.list(request=cloud.on()).items
    assert [("app", ""), ("postgres", "")] == [(user.name, user.password) for user in found]


def test_a_user_keeps_googles_role_beside_those_given_until_they_are_revoked(cloud):
    user = {"name": "reader-1", "password": "p", "database_roles": ["pg_read_all_data"]}
    named = cloud.on(name=user["name"])
    cloud.done(cloud.users.insert(request=cloud.on(body=user)))
    found = cloud.users.get(request=named).database_roles
    assert ["cloudsqlsuperuser", "pg_read_all_data"] == found
    change = {**named, "revoke_existing_roles": True, "database_roles": ["pg_monitor"]}
    cloud.done(cloud.users.update(request=change))
    assert ["pg_monitor"] == cloud.users.get(request=named).database_roles
    cloud.done(cloud.users.update(request={**named, "revoke_existing_roles": True}))
    assert [] == cloud.users.get(request=named).database_roles
    cloud.done(cloud.users.delete(request=named))
    user["database_roles"] = ["nosuch"]
    with pytest.raises(OperationFailed, match="nosuch"):
        cloud.done(cloud.users.insert(request=cloud.on(body=user)))


def test_passwords_stand_in_no_file_of_the_sandbox(cloud):
    cloud.done(cloud.users.insert(request=cloud.on(body={"name": "once", "password": "Xy7pqrs"})))
    cloud.done(cloud.users.delete(request=cloud.on(name="once")))
    cloud.ask("SELECT pg_switch_wal FROM (SELECT 1 AS pg_switch_wal) AS nothing")
    for path in cloud.sandbox.directory.rglob("*"):
        if path.is_file() and path.suffix in ("", ".json", ".log", ".conf"):
            assert b"Xy7pqrs" not in path.read_bytes(), path


def test_an_app_user_is_no_superuser_and_can_fence_a_database(cloud):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cloud.ask("ALTER SYSTEM SET work_mem = '1MB'")
    cloud.done(cloud.users.insert(request=cloud.on(body={"name": "other", "password": "p"})))
    with cloud.connect(user="other", password="p") as victim:
        pid = victim.info.backend_pid
        cloud.ask(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(psycopg.OperationalError):
            victim.execute("SELECT 1")
    cloud.ask("REVOKE CONNECT ON DATABASE app FROM PUBLIC")
    cloud.ask("GRANT CONNECT ON DATABASE app TO PUBLIC")
    cloud.done(cloud.users.delete(request=cloud.on(name="other")))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"name": "x"}, exceptions.InvalidArgument),
        ({"name": "", "password": "p"}, exceptions.InvalidArgument),
        ({"name": "cloudsqladmin", "password": "p"}, exceptions.InvalidArgument),
        ({"name": "app", "password": "p"}, exceptions.AlreadyExists),
    ],
)
def test_users_that_cannot_be_are_refused(cloud, body, error):
    with pytest.raises(error):
        cloud.users.insert(request=cloud.on(body=body))


def test_names_with_quotes_are_only_names(cloud):
    name = "a\"b'; DROP ROLE app --"
    cloud.done(cloud.users.insert(request=cloud.on(body={"name": name, "password": "p'\"q"})))
    cloud.connect(user=name, password="p'\"q").close()
    cloud.done(cloud.users.delete(request=cloud.on(name=name)))


def test_a_user_that_owns_something_stays(cloud):
    cloud.ask("CREATE TABLE owned (id int)")
    with pytest.raises(OperationFailed, match="cannot be dropped"):
        cloud.done(cloud.users.delete(request=cloud.on(name="app")))
    cloud.ask("DROP TABLE owned")


def test_a_database_is_made_used_and_deleted(cloud):
    cloud.done(cloud.databases.insert(request=cloud.on(body={"name": "litellm"})))
    cloud.ask("CREATE EXTENSION IF NOT EXISTS vector", database="litellm")
    cloud.ask("CREATE TABLE t (e vector(3))", database="litellm")
    names = [found.name for found in cloud.databases.list(request=cloud.on()).items]
    assert names == ["app", "litellm", "postgres"]
    with pytest.raises(exceptions.AlreadyExists):
        cloud.databases.insert(request=cloud.on(body={"name": "litellm"}))
    with (
        cloud.connect(database="litellm"),
        pytest.raises(OperationFailed, match="being accessed by other users"),
    ):
        cloud.done(cloud.databases.delete(request=cloud.on(database="litellm")))
    cloud.done(cloud.databases.delete(request=cloud.on(database="litellm")))
    with pytest.raises(exceptions.NotFound):
        cloud.databases.get(request=cloud.on(database="litellm"))


def test_a_charset_the_sandbox_does_not_have_is_refused(cloud):
    with pytest.raises(exceptions.InvalidArgument, match="UTF8 only"):
        cloud.databases.insert(request=cloud.on(body={"name": "x", "charset": "LATIN1"}))
