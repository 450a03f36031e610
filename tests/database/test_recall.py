"""Recall measured on real indexes as the application searches: with tenants, and one of several."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
import pytest
from psycopg import sql

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.cures import SearchContext, cure
from leitstand.core.vectors.recall import compare
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.recall import (
    Actor,
    IndexNotUsed,
    Queries,
    Search,
    SearchUnusable,
    measure_recall,
)
from tests.fixtures.embeddings import (
    MODEL,
    as_text,
    clustered,
    copy_rows,
    embed,
    real_sentences,
)
from tests.fixtures.postgres import Cluster

ROWS, DIMENSIONS, TENANTS = 2000, 24, 100
TABLE = TableName("rag", "embeddings")
SEARCH = Search(TABLE, "embedding", "vector_cosine_ops")
POLICY = "tenant = NULLIF(current_setting('app.tenant_id', true), '')::int"
TENANT = Actor("app_tenant", "app.tenant_id", "7")
PROBES = {"ivfflat.probes": "2"}
INDEXES = {
    "ten": "ivfflat (embedding vector_cosine_ops) WITH (lists = 10)",
    "sixty": "ivfflat (embedding vector_cosine_ops) WITH (lists = 60)",
    "graph": "hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 16)",
    "denser": "hnsw (embedding vector_cosine_ops) WITH (m = 12, ef_construction = 24)",
    "by_tenant": "btree (tenant)",
}


@pytest.fixture(scope="module")
def filled(cluster: Cluster) -> str:
    """A database with one shared table, whose policy holds for its owner as well."""
    name = cluster.database()
    with cluster.superuser(name) as admin:
        admin.execute("CREATE ROLE app_tenant; GRANT app_tenant TO owner")
    with psycopg.connect(cluster.url(name)) as owner:
        owner.execute("CREATE SCHEMA rag; GRANT USAGE ON SCHEMA rag TO app_tenant")
        owner.execute(
            f"CREATE TABLE rag.embeddings (tenant int, embedding vector({DIMENSIONS}));"
            "GRANT SELECT ON rag.embeddings TO app_tenant;"
            "CREATE TABLE rag.questions (asked vector(24))"
        )
        vectors = clustered(ROWS, DIMENSIONS, spread=1.0)
        copy_rows(
            owner, "rag.embeddings", "tenant, embedding",
            ((number % TENANTS, as_text(vector)) for number, vector in enumerate(vectors)),
        )  # fmt: skip
        owner.execute(
            "INSERT INTO rag.questions SELECT embedding FROM rag.embeddings LIMIT 30;"
            f"CREATE POLICY own ON rag.embeddings USING ({POLICY}); ANALYZE"
        )
    return name


@contextmanager
def _with(
    cluster: Cluster, filled: str, *indexes: str, forced: bool = False
) -> Iterator[psycopg.Connection]:
    """A connection as leitstand makes it, to a copy with these indexes, built in this order."""
    database = cluster.copy(filled)
    with psycopg.connect(cluster.url(database)) as owner:
        for name in indexes:
            owner.execute(f"CREATE INDEX {name} ON rag.embeddings USING {INDEXES[name]}")
        if forced:
            owner.execute(
                "ALTER TABLE rag.embeddings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            )
    with connect(cluster.url(database)) as connection:
        yield connection


def test_without_an_index_a_search_is_exact(cluster: Cluster, filled: str):
    with _with(cluster, filled) as connection:
        measured = measure_recall(connection, SEARCH, k=10, sample=20)
    assert (20, 1.0, 0, "") == (
        measured.queries, measured.recall, measured.short, measured.index,
    )  # fmt: skip
    assert 0 < measured.p50 <= measured.p95 <= measured.p99


def test_more_probes_find_more_and_all_of_them_everything(cluster: Cluster, filled: str):
    with _with(cluster, filled, "sixty") as connection:
        one, two, all_lists = (
            measure_recall(
                connection, SEARCH, k=10, sample=60, settings={"ivfflat.probes": probes},
                index="sixty",
            )
            for probes in ("1", "2", "60")
        )  # fmt: skip
    assert one.recall < two.recall < all_lists.recall == 1.0
    assert one.recall_low < one.recall < one.recall_high < 1.0
    assert "sixty" == one.index


@pytest.mark.parametrize(
    ("older", "newest"),
    [
        ("ten", "sixty"), ("sixty", "ten"), ("ten", "graph"), ("graph", "ten"),
        ("graph", "denser"), ("denser", "graph"),
    ],
)  # fmt: skip
def test_the_newest_of_two_indexes_can_always_be_measured(
    cluster: Cluster, filled: str, older: str, newest: str
):
    with _with(cluster, filled, older, newest, "by_tenant") as connection:
        with psycopg.connect(cluster.url(connection.info.dbname)) as owner:
            owner.execute("ALTER TABLE rag.embeddings ENABLE ROW LEVEL SECURITY")
        for actor in (None, TENANT):
            measured = measure_recall(
                connection, SEARCH, k=5, sample=5, settings=PROBES, actor=actor, index=newest
            )
            assert (5, newest) == (measured.queries, measured.index)


def test_an_older_index_is_measured_where_some_cost_speaks_for_it_or_not_at_all(
    cluster: Cluster, filled: str
):
    with _with(cluster, filled, "ten", "graph") as connection:
        assert "ten" == measure_recall(connection, SEARCH, k=5, sample=5, index="ten").index
    with (
        _with(cluster, filled, "ten", "sixty") as connection,
        pytest.raises(IndexNotUsed, match="nicht den Index ten, sondern sixty") as caught,
    ):
        measure_recall(connection, SEARCH, k=5, sample=5, index="ten")
    assert ("ten", ("sixty",)) == (caught.value.wanted, caught.value.used)


def test_an_invalid_index_is_not_measured(cluster: Cluster, filled: str):
    with _with(cluster, filled, "graph") as connection:
        with cluster.superuser(connection.info.dbname) as admin:
            admin.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'rag.graph'::regclass"
            )
        with pytest.raises(IndexNotUsed, match="sondern keinen Index"):
            measure_recall(connection, SEARCH, k=5, sample=5, index="graph")


def test_row_level_security_empties_searches_without_an_error_and_the_cure_fills_them(
    cluster: Cluster, filled: str
):
    # The table is so small that the planner would rather read all of it.
    settings = {"hnsw.ef_search": "40", "enable_seqscan": "off"}
    with _with(cluster, filled, "denser", forced=True) as connection:
        before = measure_recall(
            connection, SEARCH, k=10, sample=20, settings=settings, actor=TENANT
        )
        assert (20, 20, "denser") == (before.queries, before.short, before.index)
        assert before.empty >= 5
        assert before.recall < 0.2

        context = SearchContext("hnsw", "0.8.5", ROWS, ROWS // TENANTS, settings)
        first = cure(before, context)[0]
        after = measure_recall(
            connection, SEARCH, k=10, sample=20, settings=settings | first.settings, actor=TENANT
        )
    assert (0, 0, "denser") == (after.short, after.empty, after.index)
    assert after.recall > 0.9
    assert compare(before, after, latency_ratio=100).better


def test_a_filter_of_the_application_is_measured_with_it(cluster: Cluster, filled: str):
    search = Search(TABLE, "embedding", "vector_cosine_ops", sql.SQL("tenant = 3 OR tenant = 4"))
    with _with(cluster, filled, "denser") as connection:
        measured = measure_recall(connection, search, k=10, sample=200, index="denser")
    assert 2 * ROWS // TENANTS == measured.queries == measured.short


def test_the_session_is_afterwards_as_it_was_before(cluster: Cluster, filled: str):
    with _with(cluster, filled, "ten", forced=True) as connection:
        names = ("role", "app.tenant_id", "row_security", "enable_seqscan", "seq_page_cost")
        state = "SELECT " + ", ".join(
            f"coalesce(current_setting('{name}', true), '')" for name in names
        )
        before = connection.execute(state).fetchall()
        measure_recall(connection, SEARCH, k=5, sample=5, actor=TENANT, index="ten")
        assert before == connection.execute(state).fetchall()
        with pytest.raises(DatabaseRefused, match="row-level security"):
            measure_recall(connection, SEARCH, k=5, sample=5)


def test_a_common_index_on_the_tenant_makes_the_search_of_few_rows_exact(
    cluster: Cluster, filled: str
):
    with _with(cluster, filled, "denser", "by_tenant", forced=True) as connection:
        measured = measure_recall(connection, SEARCH, k=10, sample=20, actor=TENANT)
    assert (1.0, 0, "") == (measured.recall, measured.short, measured.index)


def test_a_search_cannot_write_even_on_a_connection_that_can(cluster: Cluster, filled: str):
    database = cluster.copy(filled)
    with psycopg.connect(cluster.url(database)) as owner:
        owner.execute("CREATE SEQUENCE counter")
    search = Search(TABLE, "embedding", "vector_cosine_ops", sql.SQL("nextval('counter') > 0"))
    with (
        connect(cluster.url(database), read_only=False) as connection,
        pytest.raises(DatabaseRefused, match="read-only transaction"),
    ):
        measure_recall(connection, search, k=5, sample=5)


@pytest.mark.parametrize(
    "actor",
    [Actor("app_tenant", "app.tenant_id", "12345"), Actor("app_tenant"), TENANT],
    ids=["tenant without rows", "no tenant", "empty table"],
)
def test_without_rows_there_is_nothing_to_measure(cluster: Cluster, filled: str, actor: Actor):
    with _with(cluster, filled, "ten", forced=True) as connection:
        if actor is TENANT:
            with cluster.superuser(connection.info.dbname) as admin:
                admin.execute("TRUNCATE rag.embeddings")
        measured = measure_recall(connection, SEARCH, k=5, sample=5, actor=actor, index="ten")
    assert (0, 0, 0) == (measured.queries, measured.short, measured.empty)


def test_queries_come_from_a_table_that_the_tenant_need_not_read(cluster: Cluster, filled: str):
    queries = Queries(TableName("rag", "questions"), "asked")
    seen: list[tuple[int, int]] = []
    with _with(cluster, filled, "ten", forced=True) as connection:
        measured = measure_recall(
            connection, SEARCH, k=5, sample=100, queries=queries, actor=TENANT,
            settings={"ivfflat.probes": "10"}, watch=lambda done, of: seen.append((done, of)),
        )  # fmt: skip
    assert (30, 1.0) == (measured.queries, measured.recall)
    assert ((5, 30), (30, 30)) == (seen[0], seen[-1])


def test_the_same_seed_asks_the_same(cluster: Cluster, filled: str):
    with _with(cluster, filled, "sixty") as connection:
        first, again, other = (
            measure_recall(connection, SEARCH, k=10, sample=40, seed=seed).recall
            for seed in (1, 1, 2)
        )
    assert first == again != other


def test_duplicates_and_rows_without_a_vector_cost_no_recall(cluster: Cluster, filled: str):
    with _with(cluster, filled) as connection:
        with psycopg.connect(cluster.url(connection.info.dbname)) as owner:
            owner.execute("DELETE FROM rag.embeddings WHERE tenant > 3")
            owner.execute(
                "INSERT INTO rag.embeddings SELECT 1, embedding FROM rag.embeddings,"
                "generate_series(1, 20); INSERT INTO rag.embeddings SELECT 1, NULL FROM"
                " generate_series(1, 50); INSERT INTO rag.embeddings"
                " SELECT 1, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 5)"
            )
            owner.execute(f"CREATE INDEX ten ON rag.embeddings USING {INDEXES['ten']}")
        measured = measure_recall(
            connection, SEARCH, k=10, sample=50, index="ten", settings={"ivfflat.probes": "10"}
        )
    assert (1.0, 0) == (measured.recall, measured.short)
    assert 45 <= measured.queries <= 50


@pytest.mark.parametrize(
    ("search", "error", "message"),
    [
        (
            Search(TableName("rag", "gone"), "embedding", "vector_cosine_ops"),
            SearchUnusable,
            "gone",
        ),
        (Search(TABLE, "gone", "vector_cosine_ops"), SearchUnusable, "Spalte gone"),
        (Search(TABLE, "embedding", "no_ops"), SearchUnusable, "Operatorklasse no_ops"),
        (Search(TABLE, "tenant", "vector_cosine_ops"), DatabaseRefused, "cannot cast"),
    ],
)
def test_what_cannot_be_searched_is_said(
    cluster: Cluster, filled: str, search: Search, error: type[Exception], message: str
):
    with connect(cluster.url(filled)) as connection, pytest.raises(error, match=message):
        measure_recall(connection, search, k=5, sample=5)


@pytest.mark.parametrize(
    ("settings", "actor", "message"),
    [
        ({"hnsw.ef_serch": "64"}, None, "hnsw.ef_serch"),
        ({"hnsw.ef_search": "5000"}, None, "outside the valid range"),
        ({}, Actor("postgres"), "permission denied to set role"),
    ],
)
def test_a_wrong_setting_or_role_is_refused(
    cluster: Cluster, filled: str, settings: dict[str, str], actor: Actor | None, message: str
):
    with (
        connect(cluster.url(filled)) as connection,
        pytest.raises(DatabaseRefused, match=message),
    ):
        measure_recall(connection, SEARCH, k=5, sample=5, settings=settings, actor=actor)


def test_an_index_over_the_halved_column_is_searched_through_the_same_expression(
    cluster: Cluster, filled: str
):
    search = Search(TABLE, "embedding", "halfvec_l2_ops")
    with _with(cluster, filled) as connection:
        with psycopg.connect(cluster.url(connection.info.dbname)) as owner:
            owner.execute(
                "CREATE INDEX halved ON rag.embeddings"
                f" USING hnsw ((embedding::halfvec({DIMENSIONS})) halfvec_l2_ops)"
            )
        measured = measure_recall(connection, search, k=5, sample=20, index="halved")
    assert "halved" == measured.index
    assert measured.recall > 0.9


@pytest.mark.skipif(MODEL is None, reason="needs the extra embeddings: nox -s bench installs it")
def test_real_sentences_are_found_by_their_meaning(cluster: Cluster):
    known = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = embed([*known, *real_sentences(90)])
    # What the model's own library says of them: https://sbert.net, "Quickstart".
    alike = vectors[:3] @ vectors[:3].T
    expected = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
    np.testing.assert_allclose(expected, alike, atol=2e-4)

    database = cluster.database()
    with psycopg.connect(cluster.url(database)) as owner:
        owner.execute("CREATE SCHEMA rag; CREATE TABLE rag.embeddings (embedding vector(384))")
        copy_rows(owner, "rag.embeddings", "embedding", ((as_text(one),) for one in vectors))
        owner.execute(f"CREATE INDEX graph ON rag.embeddings USING {INDEXES['graph']}")
        owner.execute(f"CREATE INDEX ten ON rag.embeddings USING {INDEXES['ten']}")
    with connect(cluster.url(database)) as connection:
        lists = measure_recall(connection, SEARCH, k=10, sample=60, settings=PROBES, index="ten")
        with psycopg.connect(cluster.url(database)) as owner:
            owner.execute("DROP INDEX rag.ten")
        graph = measure_recall(connection, SEARCH, k=10, sample=60, index="graph")
    assert 0.3 < lists.recall < graph.recall
    assert graph.recall > 0.95
