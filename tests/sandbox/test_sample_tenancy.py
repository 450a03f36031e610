"""The sample application in both models of tenancy: who sees what, and what a search finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.tenancy.names import NameUnusable
from leitstand.core.tenancy.names import slug as slug_of_onboarding
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from leitstand.sandbox.images.app.tenant_names import TenantNames, slug
from tests.fixtures.postgres import Cluster
from tests.sandbox.test_sample_migrations import ask, environment, run
from tests.sandbox.test_sample_project import App, app

FIRST, SECOND = (str(tenant_id(number)) for number in (1, 2))
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module", params=["row_level_security", "schema_per_tenant"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loaded(cluster: Cluster) -> dict[str, str]:
    """Address of a database for each model, with the same rows."""
    found = {}
    for model in ("row_level_security", "schema_per_tenant"):
        found[model] = cluster.url(cluster.database())
        for command in (("migrate",), ("load_sample", "--tenants", "2", "--documents", "40")):
            ended = run("1.1.0", found[model], *command, APP_TENANCY=model)
            assert 0 == ended.code, ended.text
    return found


@pytest.fixture(scope="module")
def url(cluster: Cluster, loaded: dict[str, str], model: str) -> str:
    return cluster.url(cluster.copy(loaded[model].rpartition("/")[2]))


@pytest.fixture(scope="module")
def started(url: str, model: str) -> Iterator[App]:
    options = {"APP_IVFFLAT_PROBES": "10", "APP_HNSW_ITERATIVE_SCAN": "strict_order"}
    with app("1.1.0", url, APP_TENANCY=model, **options) as found:
        yield found


@pytest.fixture
def schemas(loaded: dict[str, str]) -> str:
    return loaded["schema_per_tenant"]


@contextmanager
def as_role(url: str, role: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL ROLE {role}")
        yield connection


def hits(started: App, tenant: str, text: str = "Fund") -> list[dict[str, Any]]:
    status, answer = started.call(f"/api/search?q={quote(text)}", tenant)
    assert 200 == status, answer
    found: list[dict[str, Any]] = answer["treffer"]
    return found


def test_tenants_see_add_and_find_their_own_documents_only(started: App) -> None:
    before = len(started.documents(SECOND))
    status, added = started.call("/api/documents", FIRST, {"titel": "Neu", "seiten": 5})
    own, other, nobody, unknown = (
        started.documents(tenant) for tenant in (FIRST, SECOND, "", UNKNOWN)
    )
    found = [hits(started, tenant) for tenant in (FIRST, SECOND, "", UNKNOWN)]

    assert 201 == status
    assert {"id": added["id"], "titel": "Neu", "seiten": 5} == own[0]
    assert (before, [], []) == (len(other), nobody, unknown)
    assert [10, 10, 0, 0] == list(map(len, found))
    # With a schema per tenant two documents may have the same number.
    assert {hit["titel"] for hit in found[0]} <= {document["titel"] for document in own}
    assert 404 == started.call("/api/documents", UNKNOWN, {"titel": "Neu"})[0]


def test_a_search_finds_the_nearest_first(started: App) -> None:
    found = hits(started, FIRST, "Wartung Kühlkreislauf")

    assert sorted(hit["abstand"] for hit in found) == [hit["abstand"] for hit in found]
    assert {"id", "titel", "abstand"} == set(found[0])


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20", f"?q={'x' * 1001}"])
def test_a_search_for_nothing_or_too_much_is_refused(started: App, query: str) -> None:
    answer = {"fehler": "q braucht 1 bis 1000 Zeichen."}
    assert (400, answer) == started.call(f"/api/search{query}", FIRST)


@pytest.mark.parametrize(("probes", "found"), [("1", False), ("32", True)])
def test_a_search_looks_into_as_many_lists_as_its_environment_says(
    cluster: Cluster, loaded: dict[str, str], probes: str, found: bool
) -> None:
    name = cluster.copy(loaded["row_level_security"].rpartition("/")[2])
    with psycopg.connect(cluster.url(name), autocommit=True) as connection:
        connection.execute(
            "CREATE INDEX one ON rag.embeddings USING ivfflat (embedding vector_cosine_ops) "
            "WITH (lists = 32)"
        )
        for setting in ("seqscan", "sort", "bitmapscan", "hashjoin", "mergejoin"):
            connection.execute(f"ALTER DATABASE {name} SET enable_{setting} = off")
    with app("1.1.0", cluster.url(name), APP_IVFFLAT_PROBES=probes) as started:
        assert found == (len(hits(started, FIRST)) == 10)


def test_without_a_database_a_search_finds_nothing() -> None:
    with app("1.1.0", "") as started:
        assert [] == hits(started, FIRST)


def test_the_worker_embeds_in_the_tenants_own_tables(started: App, url: str, model: str) -> None:
    body = {"titel": "Fund", "text": "einzigartig"}
    document = started.call("/api/documents", FIRST, body)[1]["id"]
    code = "import sys; from leitstand.sandbox.images.app.work import embed_document as embed; "
    arguments = [f"{code}embed(int(sys.argv[1]), sys.argv[2])", str(document), FIRST]
    done = subprocess.run(
        [sys.executable, "-P", "-c", *arguments], capture_output=True, text=True, check=True,
        env=environment("1.1.0", url, APP_TENANCY=model),
    )  # fmt: skip
    found = hits(started, FIRST, "Fund einzigartig")[0]

    assert '"stored": true' in done.stdout
    assert (document, "Fund") == (found["id"], found["titel"])
    assert found["abstand"] < 1e-5
    assert "Fund" not in {hit["titel"] for hit in hits(started, SECOND)}


def test_a_tenants_role_reaches_no_other_tenants_schema(schemas: str) -> None:
    own, other = TenantNames("mandant_1"), TenantNames("mandant_2")
    with as_role(schemas, own.role) as connection:
        for table in (f"{own.schema}.documents", f"{own.rag_schema}.embeddings"):
            (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
            assert rows >= 40
    for table in (f"{other.schema}.documents", f"{other.rag_schema}.embeddings", "public.tenants"):
        with (
            as_role(schemas, own.role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"SELECT count(*) FROM {table}")


def test_a_tenants_schemas_hold_what_the_shared_ones_hold_without_vector_indexes(
    schemas: str,
) -> None:
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, is_identity FROM "
        "information_schema.columns WHERE table_schema = '{}' ORDER BY 1, 2"
    )
    keys = (
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace::regnamespace::text LIKE 'tenant%1' ORDER BY 1, 2"
    )
    shared = ask(schemas, columns.format("rag"))
    assert shared == ask(schemas, columns.format("tenant_rag_mandant_1"))
    assert [
        ("tenant_mandant_1.bookmarks", "tenant_mandant_1.documents"),
        ("tenant_mandant_1.bookmarks", "tenants"),
        ("tenant_mandant_1.documents", "tenants"),
        ("tenant_rag_mandant_1.embeddings", "tenant_mandant_1.documents"),
    ] == ask(schemas, keys)
    assert [(0, 0)] == ask(
        schemas, "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM rag.embeddings)"
    )


def test_a_registered_tenant_without_schemas_is_an_error_and_not_an_empty_list(
    cluster: Cluster, schemas: str
) -> None:
    url = cluster.url(cluster.copy(schemas.rpartition("/")[2]))
    ask(url, f"INSERT INTO tenants (id, name) VALUES ('{UNKNOWN}', 'Neu & Co') RETURNING id")
    with app("1.1.0", url, APP_TENANCY="schema_per_tenant") as started:
        status, answer = started.call("/api/documents", UNKNOWN)

    assert (500, "22023") == (status, answer["sqlstate"])


def test_a_migration_reaches_the_tables_of_every_tenant(cluster: Cluster, schemas: str) -> None:
    url = cluster.url(cluster.copy(schemas.rpartition("/")[2]))
    model = {"APP_TENANCY": "schema_per_tenant"}
    first = run("2.0.0", url, "migrate", **model)
    again = run("2.0.0", url, "migrate", **model)
    with app("2.0.0", url, **model) as started:
        own = started.documents(FIRST)
        added = started.call("/api/documents", FIRST, {"titel": "Neu", "seiten": 5})[0]
        found = len(hits(started, FIRST))

    assert (0, 0) == (first.code, again.code), first.text + again.text
    done = first.events("migration.done")
    names = ["documents.0003_page_count", "vectors.0003_ivfflat"]
    assert [
        (name, schema)
        for schema in (None, "tenant_mandant_1", "tenant_mandant_2")
        for name in names
    ] == [(line["migration"], line.get("schema")) for line in done]
    assert [] == again.migrated()
    assert (40, 201, 10) == (len(own), added, found)
    assert all(document["seiten"] > 0 for document in own)
    vector_indexes = (
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c "
        "ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam WHERE m.amname = 'ivfflat'"
    )
    assert [("rag.embeddings_ivfflat",)] == ask(url, vector_indexes)
    grants = (
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants "
        "WHERE table_schema = 'tenant_mandant_1' AND grantee <> 'owner'"
    )
    assert [("tenant_mandant_1",)] == ask(url, grants)


def test_commands_of_the_owner_see_all_rows_of_forced_tables(
    cluster: Cluster, loaded: dict[str, str]
) -> None:
    """As onboarding makes them: forced, and open to the owner with app.migration only."""
    url = cluster.url(cluster.copy(loaded["row_level_security"].rpartition("/")[2]))
    with psycopg.connect(url) as connection:
        for table in ("tenants", "documents", "rag.embeddings"):
            connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            connection.execute(
                f"CREATE POLICY migration ON {table} TO owner "
                "USING (current_setting('app.migration', true) = 'on')"
            )
        assert (0,) == connection.execute("SELECT count(*) FROM tenants").fetchone()
    migrated = run("2.0.0", url, "migrate", "documents")
    added = run("2.0.0", url, "load_sample", "--tenants", "3", "--documents", "5")

    assert (0, 0) == (migrated.code, added.code), migrated.text + added.text
    assert 5 == added.events("load_sample.done")[0]["documents"]
    with psycopg.connect(url) as connection:
        connection.execute("SET app.migration = 'on'")
        assert (3,) == connection.execute("SELECT count(*) FROM tenants").fetchone()
        wrong = connection.execute("SELECT count(*) FROM documents WHERE page_count <> pages")
        assert (0,) == wrong.fetchone()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mandant 1", "mandant_1"),
        ("Müller & Söhne", "mueller_soehne"),
        ("  Ärzte-GmbH Straße!", "aerzte_gmbh_strasse"),
        ("x" * 50, "x" * 40),
    ],
)
def test_a_tenants_name_becomes_a_part_of_identifiers(name: str, expected: str) -> None:
    assert expected == slug(name)


@given(st.text(max_size=60))
def test_the_application_and_the_onboarding_name_a_tenant_alike(name: str) -> None:
    try:
        expected = slug_of_onboarding(name)
    except NameUnusable:
        expected = ""

    assert expected == slug(name)
