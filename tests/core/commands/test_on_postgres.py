"""Tenants and indexes by hand, through psql, are as the runbooks make them, on a real server."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action
from leitstand.core.tenancy.names import slug, tenant_names
from leitstand.core.tenancy.onboarding import Newcomer, plan_onboarding
from leitstand.core.tenancy.types import Tenant
from leitstand.database.connection import connect
from leitstand.database.isolation import read_isolation
from leitstand.database.tenants import create_tenant, has_tenant
from tests.core.commands.by_hand import TARGET, do, run
from tests.core.commands.samples import SETTING
from tests.fixtures.postgres import Cluster
from tests.fixtures.tenants import TenantDatabase, tenant_database

COLUMNS = """SELECT table_schema = %(own)s, table_name, column_name, data_type, is_nullable
FROM information_schema.columns WHERE table_schema = %(own)s ORDER BY table_name, ordinal_position
"""
TABLES = """SELECT relname, (SELECT count(*) FROM pg_constraint WHERE conrelid = pg_class.oid),
       (SELECT array_agg(confrelid::regclass::text ORDER BY conname) FROM pg_constraint
        WHERE conrelid = pg_class.oid AND contype = 'f'),
       (SELECT count(*) FROM pg_index WHERE indrelid = pg_class.oid)
FROM pg_class WHERE relnamespace = %(own)s::regnamespace AND relkind = 'r' ORDER BY relname"""


@pytest.fixture(scope="module")
def tenants(cluster: Cluster) -> TenantDatabase:
    return tenant_database(cluster)


def planned(database: TenantDatabase, name: str, model: Any) -> tuple[Action, Action]:
    with connect(database.url) as connection:
        facts = read_isolation(connection, database.tenancy, [database.app])
    names = tenant_names(slug(name), database.tenancy)
    plan = plan_onboarding(
        Newcomer(Tenant(str(uuid.uuid4()), name), names, model), facts, database.tenancy,
        environment="sandbox", target=TARGET, application=[database.app], rag_schemas=["rag"],
    )  # fmt: skip
    (create,) = (a for a in plan.actions if a.kind == "tenant_create")
    (remove,) = (a for a in plan.way_back if a.kind == "tenant_remove")
    return create, remove


@pytest.mark.parametrize("model", ["row_level_security", "schema_per_tenant"])
def test_a_tenant_is_added_and_removed_again(tenants: TenantDatabase, model: str) -> None:
    create, remove = planned(tenants, f"O'Hara & Söhne {model}", model)
    do(create, tenants.url)
    with connect(tenants.url) as connection:
        assert (True, True) == has_tenant(connection, create.arguments)
    do(remove, tenants.url)
    with connect(tenants.url) as connection:
        assert (False, False) == has_tenant(connection, create.arguments)


def test_a_tenants_schemas_are_like_those_that_the_library_makes(tenants: TenantDatabase) -> None:
    by_hand, _ = planned(tenants, "Von Hand", "schema_per_tenant")
    by_library, _ = planned(tenants, "Von Leitstand", "schema_per_tenant")
    do(by_hand, tenants.url)
    with connect(tenants.url, read_only=False) as connection:
        create_tenant(connection, by_library.arguments)
    with tenants.cluster.superuser(tenants.name) as connection:

        def shape(action: Action) -> list[object]:
            found: list[object] = []
            for schema in action.arguments["schemas"]:
                for query in (COLUMNS, TABLES):
                    rows = connection.execute(query, {"own": schema}).fetchall()
                    own = action.arguments["role"]
                    found.append(str(rows).replace(own.rpartition("_")[2], "X"))
            return found

        def marked(action: Action) -> list[object]:
            names = {name: f"schema{n}" for n, name in enumerate(action.arguments["schemas"])}
            shown = []
            for text in shape(action):
                for name, mark in names.items():
                    text = str(text).replace(name, mark)
                shown.append(text)
            return shown

        assert marked(by_library) == marked(by_hand)


def test_a_tenant_with_rows_is_not_removed(tenants: TenantDatabase) -> None:
    create, remove = planned(tenants, "Benutzt", "row_level_security")
    do(create, tenants.url)
    tenants.execute(
        "SET app.migration TO 'on'",
        f"SET app.tenant_id TO '{create.arguments['id']}'",
        f"INSERT INTO documents (tenant_id, title) VALUES ('{create.arguments['id']}', 't')",
    )
    with pytest.raises(AssertionError, match=r"hat schon Zeilen in public\.documents"):
        do(remove, tenants.url)
    with connect(tenants.url) as connection:
        assert (True, True) == has_tenant(connection, create.arguments)


def test_rows_that_a_policy_would_hide_keep_a_tenant_from_being_removed(cluster: Cluster) -> None:
    own = tenant_database(cluster, rows=False)
    create, remove = planned(own, "Verborgen", "row_level_security")
    do(create, own.url)
    with own.cluster.superuser(own.name) as connection:
        connection.execute("ALTER TABLE documents FORCE ROW LEVEL SECURITY")
    with pytest.raises(AssertionError, match="row-level security"):
        do(remove, own.url)


def test_a_row_that_comes_between_look_and_removal_keeps_the_tenant(
    tenants: TenantDatabase,
) -> None:
    create, remove = planned(tenants, "Eben noch", "schema_per_tenant")
    do(create, tenants.url)
    schema = next(iter(create.arguments["schemas"]))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with (
        psycopg.connect(tenants.app_url) as writer,
        tenants.cluster.superuser("postgres") as looking,
        ThreadPoolExecutor(1) as pool,
    ):
        row = f"INSERT INTO {schema}.documents (tenant_id, title) VALUES (%s, 't')"
        writer.execute(row.encode(), (create.arguments["id"],))
        removal = pool.submit(do, remove, tenants.url)
        while not removal.done() and [(0,)] == looking.execute(waits, (tenants.name,)).fetchall():
            time.sleep(0.02)
        writer.commit()
        with pytest.raises(AssertionError, match="hat schon Zeilen"):
            removal.result(10)


def test_row_level_security_is_changed_and_changed_back(tenants: TenantDatabase) -> None:
    policy = {"name": 'eigene "Zeilen"', "command": "ALL", "permissive": True, "roles": ["public"],
              "using": "tenant_id::text = current_setting('app.tenant_id', true)",
              "check": ""}  # fmt: skip
    forth = {"schema": "public", "table": "notes", "enabled": [True, True],
             "forced": [False, True], "drop": [], "create": [policy]}  # fmt: skip
    back = {**forth, "forced": [True, False], "drop": [policy], "create": []}
    state = (
        "SELECT relforcerowsecurity, array(SELECT polname::text FROM pg_policy"
        " WHERE polrelid = pg_class.oid ORDER BY 1) FROM pg_class WHERE oid = 'notes'::regclass"
    )

    def found() -> tuple[Any, ...]:
        with tenants.cluster.superuser(tenants.name) as connection:
            return connection.execute(state.encode()).fetchall()[0]

    before = found()
    do(Action("rls", "tenant_row_security", TARGET, forth), tenants.url)
    assert (True, sorted(['eigene "Zeilen"', *before[1]])) == (found()[0], sorted(found()[1]))
    do(Action("rls", "tenant_row_security", TARGET, back), tenants.url)
    assert before == found()


def test_an_index_of_embeddings_is_built_exchanged_rebuilt_and_dropped(cluster: Cluster) -> None:
    database = cluster.database()
    url = cluster.url(database)
    table = {"schema": "rag x", "table": "embeddings", "memory": 33554432, "workers": 0}
    definition = {"method": "hnsw", "column": "embedding", "operator_class": "vector_cosine_ops",
                  "options": {"m": 4, "ef_construction": 8}}  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "rag x"')
        connection.execute('CREATE TABLE "rag x".embeddings (id int, embedding vector(3))')
        connection.execute("INSERT INTO \"rag x\".embeddings VALUES (1, '[1,2,3]')")
        connection.execute('CREATE INDEX i ON "rag x".embeddings USING hnsw (embedding'
                           ' vector_cosine_ops)')  # fmt: skip

    def act(kind: str, **arguments: Any) -> None:
        do(Action(kind, kind, TARGET, {**table, **arguments}), url)

    def indexes() -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT indexname, indexdef LIKE '%m=%' FROM pg_indexes"
                " WHERE schemaname = 'rag x' ORDER BY 1"
            ).fetchall()

    act("vector_build", index="i_lsnew", **definition)
    assert [("i", False), ("i_lsnew", True)] == indexes()
    act("vector_exchange", old="i", new="i_lsnew", final="i", definition=definition)
    assert [("i", True)] == indexes()
    for kind in ("vector_reindex", "vector_vacuum", "vector_analyze"):
        act(kind, index="i", oid=1)
    assert [("i", True)] == indexes()
    act("vector_drop", index="i", oid=1)
    assert [] == indexes()


def test_what_is_to_be_looked_at_can_be_looked_at(tenants: TenantDatabase) -> None:
    create, _ = planned(tenants, "Angesehen", "schema_per_tenant")
    do(create, tenants.url)
    for look in block_of(create, SETTING).looks:
        assert create.arguments["id"] in run(look, tenants.url)
