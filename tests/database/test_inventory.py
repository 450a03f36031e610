"""The inventory: exact, complete, of one moment, and never silently short."""

from datetime import UTC, datetime

import pytest

from leitstand.core.recovery_types import Inventory, Policy, Table, TableName
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.inventory import read_inventory
from tests.fixtures.postgres import Cluster

SCHEMA = '''
CREATE SCHEMA rag;
CREATE TABLE "Große ""Tabelle""" (b int, a text, primary key (a, b));
CREATE TABLE documents (
    id bigserial PRIMARY KEY, created_at timestamptz, updated_at timestamp, title text);
INSERT INTO documents (created_at) VALUES
    ('2026-03-01T12:00+02'), ('infinity'), (NULL), ('-infinity'), ('12000-01-01Z');
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON documents FOR SELECT TO owner USING (title = 'x');
CREATE TABLE rag.embeddings (id int PRIMARY KEY, embedding vector(3), updated_at timestamptz);
CREATE INDEX nearest ON rag.embeddings USING hnsw (embedding vector_cosine_ops);
CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO parts VALUES (1, '2026-05-05'), (2, '2026-05-06');
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO child VALUES (1);
CREATE VIEW seen AS SELECT * FROM documents;
CREATE TABLE django_migrations (id serial, app text, name text, applied timestamptz);
INSERT INTO django_migrations (app, name, applied) VALUES ('documents', '0001', now());
'''


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    name = cluster.database()
    with connect(cluster.url(name), read_only=False) as connection:
        connection.execute(SCHEMA.encode())
    return name


@pytest.fixture(scope="module")
def inventory(cluster: Cluster, database: str) -> Inventory:
    with connect(cluster.url(database)) as connection:
        return read_inventory(connection)


def _table(inventory: Inventory, schema: str, name: str) -> Table:
    return next(table for table in inventory.tables if table.name == TableName(schema, name))


def test_every_user_table_is_there_and_a_partitioned_one_as_a_whole(inventory: Inventory):
    assert [
        ("public", 'Große "Tabelle"', 0),
        ("public", "child", 1),
        ("public", "django_migrations", 1),
        ("public", "documents", 5),
        ("public", "parent", 0),
        ("public", "parts", 2),
        ("rag", "embeddings", 0),
    ] == [(table.name.schema, table.name.name, table.rows) for table in inventory.tables]


def test_a_primary_key_has_its_columns_in_its_own_order(inventory: Inventory):
    assert ("a", "b") == _table(inventory, "public", 'Große "Tabelle"').primary_key
    assert () == _table(inventory, "public", "parts").primary_key


def test_the_newest_row_is_the_newest_that_has_a_time(inventory: Inventory):
    documents = _table(inventory, "public", "documents")
    assert datetime(2026, 3, 1, 10, tzinfo=UTC) == documents.newest_created
    assert documents.newest_updated is None


def test_row_level_security_is_read_with_its_policies(inventory: Inventory):
    documents = _table(inventory, "public", "documents")
    assert documents.row_security
    assert not documents.row_security_forced
    expected = Policy("own", "SELECT", True, ("owner",), "(title = 'x'::text)", "")
    assert (expected,) == documents.policies


def test_indexes_extensions_roles_and_migrations_are_read(inventory: Inventory):
    nearest = next(index for index in inventory.indexes if index.name == "nearest")
    assert ("hnsw", True) == (nearest.method, nearest.valid)
    assert "public.vector_cosine_ops" in nearest.definition
    assert ("vector", "0.8.5") in inventory.extensions
    owner = next(role for role in inventory.roles if role.name == "owner")
    assert (True, False, ()) == (owner.login, owner.bypasses_row_security, owner.member_of)
    assert [("documents", "0001")] == [(found.app, found.name) for found in inventory.migrations]


def test_two_readings_of_an_unchanged_database_are_equal(
    cluster: Cluster, database: str, inventory: Inventory
):
    with connect(cluster.url(database)) as connection:
        connection.execute("SELECT 1")
        again = read_inventory(connection)
        assert inventory.taken_at < again.taken_at
        assert (inventory.tables, inventory.indexes) == (again.tables, again.indexes)


def test_a_reader_whose_rows_a_policy_would_hide_is_refused(cluster: Cluster):
    database = cluster.database()
    with cluster.superuser(database) as admin:
        admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        admin.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        admin.execute("GRANT SELECT ON t TO owner")
    with (
        pytest.raises(DatabaseRefused, match="row-level security"),
        connect(cluster.url(database)) as connection,
    ):
        read_inventory(connection)
