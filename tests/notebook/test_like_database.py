"""The structure of a real database is read and made again; its rows and its secrets stay there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import RunFailed
from leitstand.core.predictions.structure import Structure, unlike_structure
from leitstand.core.predictions.world import World as Seen
from leitstand.core.statements import LARGE
from leitstand.database.connection import connect
from leitstand.database.sizes import lock_room, row_estimates, table_sizes
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.like_database import StructureUnreadable, load_structure, read_structure
from leitstand.notebook.like_secrets import add_versions, read_logins, set_versions
from leitstand.sandbox.control import Refused
from tests.fixtures.world import World

MARK = "diese Zeile bleibt, wo sie ist"


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Let an error be one."""
    yield


def administrator(world: World) -> str:
    access = DatabaseAccess(world.connection)
    return access.administrator_url(access.instance)


def lived_in(world: World) -> Structure:
    """Change the database as years would, and return its structure."""
    with psycopg.connect(administrator(world), autocommit=True) as session:
        session.execute("CREATE TABLE by_hand (id int PRIMARY KEY, note text DEFAULT 'a;b')")
        session.execute("CREATE INDEX documents_by_hand ON documents (title) WHERE pages > 3")
        session.execute("INSERT INTO by_hand VALUES (1, %s)", [MARK])
        session.execute("ANALYZE by_hand")
    return read_structure(world.connection)


def test_a_structure_is_made_again_without_rows(world_with_database: World) -> None:
    seen = lived_in(world_with_database)
    assert 1 == seen.rows["by_hand"]
    assert MARK not in repr(seen)
    grown = replace(seen, sizes={**seen.sizes, "documents": 20 * LARGE})
    assert () == load_structure(world_with_database.connection, grown)
    made = read_structure(world_with_database.connection)
    (amount,) = unlike_structure(grown, made)
    assert amount.startswith("Zeilen der Datenbank: Dort sind es etwa")
    assert seen.applied == made.applied
    with connect(administrator(world_with_database)) as database:
        assert LARGE <= table_sizes(database)["documents"]
        counts = [
            database.execute(query).fetchall()
            for query in ("SELECT count(*) FROM documents", "SELECT count(*) FROM by_hand")
        ]
    assert [[(0,)], [(0,)]] == counts


def test_whoever_holds_a_lock_is_not_waited_for(world_with_database: World) -> None:
    url = administrator(world_with_database)
    with psycopg.connect(url) as session:
        session.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(RunFailed) as caught:
            read_structure(world_with_database.connection)
    assert "lock timeout" in caught.value.message
    assert str(psycopg.conninfo.conninfo_to_dict(url)["password"]) not in caught.value.message


def test_what_cannot_be_made_is_told(world_with_database: World) -> None:
    seen = read_structure(world_with_database.connection)
    owner = "ALTER TABLE public.documents OWNER TO somebody"
    (told,) = load_structure(
        world_with_database.connection, replace(seen, statements=(*seen.statements, owner))
    )
    assert told.startswith(f"Datenbank, {owner}: ")
    assert "somebody" in told.removeprefix(f"Datenbank, {owner}: ")


def test_a_value_that_a_definition_quotes_is_not_told(world_with_database: World) -> None:
    seen = read_structure(world_with_database.connection)
    bad = "ALTER TABLE public.documents ADD COLUMN more int DEFAULT 'hush'"
    worse = "ALTER TABLE public.documents ADD 'hush'"
    told = load_structure(
        world_with_database.connection, replace(seen, statements=(*seen.statements, bad, worse))
    )
    assert (
        f"Datenbank, {bad.partition(' DEFAULT')[0]} DEFAULT: InvalidTextRepresentation",
        "Datenbank, ALTER TABLE public.documents ADD: SyntaxError",
    ) == told


def test_the_password_of_a_key_is_shown_to_nobody(world_with_database: World) -> None:
    secrets, settings = Secrets(world_with_database.connection), world_with_database.environment
    assert settings.database is not None
    name = f"projects/{settings.project}/secrets/{settings.database.administrator_url_secret}"
    url = secrets.value(name, "1")
    added = secrets.add_version(name, f"{url}?sslpassword=hush")
    with pytest.raises(StructureUnreadable) as caught:
        read_structure(world_with_database.connection)
    secrets.set_state(name, int(added), enabled=False)
    assert "hush" not in caught.value.message


def test_no_role_is_read_where_the_address_is_missing(world_with_database: World) -> None:
    connection = world_with_database.connection
    secrets, parent = Secrets(connection), f"projects/{connection.environment.project}"
    name = f"{parent}/secrets/database-url"
    url = secrets.value(name, "1")
    connection.secrets.delete_secret(name=name)
    try:
        assert {} == read_logins(connection, "database-app-password")
    finally:  # the next test has the same sandbox
        connection.secrets.create_secret(
            parent=parent, secret_id="database-url", secret={"replication": {"automatic": {}}}
        )
        secrets.add_version(name, url)


def test_a_server_tells_for_how_many_locks_it_has_room(world_with_database: World) -> None:
    with connect(administrator(world_with_database)) as database:
        tables, locks = lock_room(database)
        assert set(row_estimates(database)) == set(table_sizes(database))
        assert len(table_sizes(database)) == tables
    assert 2 * tables < locks


def test_versions_log_in_as_they_do_there_with_passwords_of_the_sandbox(
    world_with_database: World,
) -> None:
    sandbox = world_with_database.sandbox
    connection = Connection(world_with_database.environment, sandbox.grpc, sandbox.rest)
    secrets, parent = Secrets(connection), f"projects/{connection.environment.project}"
    first = secrets.value(f"{parent}/secrets/database-url", "1")
    password = psycopg.conninfo.conninfo_to_dict(first)["password"]
    connection.secrets.create_secret(
        parent=parent,
        secret_id="database-app-password",
        secret={"replication": {"automatic": {}}},
    )
    secrets.add_version(f"{parent}/secrets/database-app-password", str(password))
    there = Seen(
        {},
        secrets={"database-url": {1: "ENABLED", 2: "DISABLED", 3: "ENABLED"}},
        logins={"database-url": {1: "app", 3: "app_b"}},
    )
    add_versions(connection, there, noted)
    set_versions(connection, there, noted)
    assert there.logins == read_logins(connection, "database-app-password")
    states = {v.number: v.state for v in secrets.secret(f"{parent}/secrets/database-url").versions}
    assert there.secrets["database-url"] == states
    with psycopg.connect(secrets.value(f"{parent}/secrets/database-url", "3")) as session:
        who = session.execute("SELECT session_user, current_user").fetchone()
    assert ("app_b", "app") == who


def test_a_sandbox_is_as_old_as_it_is_told(world_with_database: World) -> None:
    cloud, sandbox = CloudRun(world_with_database.connection), world_with_database.sandbox
    (revision,) = cloud.list_revisions(world_with_database.service)
    name = f"{world_with_database.service}/revisions/{revision.name}"
    old = datetime(2025, 1, 2, 3, tzinfo=UTC)
    sandbox.set_times({name: old.isoformat(), f"{name}-never": old.isoformat()})
    found: Any = cloud.list_revisions(world_with_database.service)[0].template["create_time"]
    assert old == datetime.fromisoformat(str(found))
    with pytest.raises(Refused):
        sandbox.set_times({name: "2025-01-02T03:00:00"})
