"""What `wear_vectors` does to a vector store, on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from leitstand.sandbox.images.app.sample_tenants import tenant_id
from tests.fixtures.postgres import Cluster
from tests.sandbox.test_sample_migrations import Result, ask, run

DIMENSIONS = "48"
INDEXES = (
    "SELECT i.indexrelid::regclass::text, i.indisvalid, c.reloptions FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam "
    "WHERE m.amname = 'ivfflat' ORDER BY 1"
)


def command(url: str, *arguments: str, model: str = "row_level_security") -> Result:
    """Run one on version 1.1.0, whose vector store has no vector index yet."""
    more = {"APP_VECTOR_DIMENSIONS": DIMENSIONS, "APP_TENANCY": model}
    return run("1.1.0", url, *arguments, **more)


def loaded(cluster: Cluster, model: str) -> str:
    url = cluster.url(cluster.database())
    for arguments in (("migrate",), ("load_sample", "--tenants", "2", "--documents", "200")):
        assert 0 == command(url, *arguments, model=model).code
    return url


@pytest.fixture(scope="module")
def fresh(cluster: Cluster) -> str:
    """Name of a database as the sandbox begins with; to be copied."""
    return loaded(cluster, "row_level_security").rpartition("/")[2]


@pytest.fixture(scope="module")
def worn(cluster: Cluster, fresh: str) -> tuple[str, Result]:
    url = cluster.url(cluster.copy(fresh))
    result = command(url, "wear_vectors", "--documents", "1500")
    assert 0 == result.code, result.text
    return url, result


def copy_of(cluster: Cluster, url: str) -> str:
    return cluster.url(cluster.copy(url.rpartition("/")[2]))


def recall(connection: psycopg.Connection[Any]) -> float:
    """Share of the ten nearest rows of a tenant that a search with ten probes finds."""
    connection.execute("SET LOCAL ROLE app_tenant")
    tenant = str(tenant_id(1))
    connection.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant])
    sample = "SELECT embedding FROM rag.embeddings ORDER BY document_id DESC LIMIT 50"
    vectors = [vector for (vector,) in connection.execute(sample)]
    found = []
    for index in ("off", "on"):
        connection.execute(f"SET LOCAL enable_indexscan = {index}")
        connection.execute(f"SET LOCAL enable_seqscan = {'off' if index == 'on' else 'on'}")
        connection.execute("SET LOCAL ivfflat.probes = 10")
        query = "SELECT document_id FROM rag.embeddings ORDER BY embedding <=> %s LIMIT 10"
        # Without a prepared statement, which would keep the plan of the other setting.
        found.append([set(connection.execute(query, [v], prepare=False)) for v in vectors])
    pairs = zip(*found, strict=True)
    return sum(len(exact & seen) for exact, seen in pairs) / (10 * len(vectors))


def test_rows_came_and_went_and_nobody_analyzed_or_vacuumed(worn: tuple[str, Result]) -> None:
    url, result = worn
    (done,) = result.events("wear_vectors.done")
    (rows,) = ask(url, "SELECT count(*) FROM rag.embeddings")[0]
    table = "'rag.embeddings'::regclass"
    ((believed, dead, options),) = ask(
        url,
        f"SELECT c.reltuples, pg_stat_get_dead_tuples({table}), c.reloptions "
        f"FROM pg_class c WHERE c.oid = {table}",
    )

    assert (3000, 400 + 3000 - done["deleted"]) == (done["added"], rows)
    assert 1600 < done["deleted"] < 2000
    assert (400, done["deleted"]) == (believed, dead)
    assert ["autovacuum_enabled=off"] == options


def test_the_index_fits_no_longer_and_a_cut_off_rebuild_is_left(worn: tuple[str, Result]) -> None:
    assert [
        ("rag.embeddings_hand_ivfflat", True, ["lists=1000"]),
        ("rag.embeddings_hand_ivfflat_ccnew", False, ["lists=1000"]),
    ] == ask(worn[0], INDEXES)


def test_searches_miss_much_until_an_index_is_built_that_fits(
    cluster: Cluster, worn: tuple[str, Result]
) -> None:
    url = copy_of(cluster, worn[0])  # a build counts the rows, and no rollback takes that back
    with psycopg.connect(url) as connection:
        before = recall(connection)
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX rag.embeddings_hand_ivfflat_ccnew")
        connection.execute("ALTER INDEX rag.embeddings_hand_ivfflat SET (lists = 50)")
        connection.execute("REINDEX INDEX rag.embeddings_hand_ivfflat")
        after = recall(connection)
        connection.rollback()

    assert before < 0.9
    assert after > 0.95


def test_what_was_there_before_stays(
    worn: tuple[str, Result], cluster: Cluster, fresh: str
) -> None:
    oldest = "SELECT md5(string_agg(title, '' ORDER BY id)) FROM documents WHERE id <= 400"
    assert ask(cluster.url(fresh), oldest) == ask(worn[0], oldest)


def test_it_wears_a_store_again_that_is_worn_already(
    cluster: Cluster, worn: tuple[str, Result]
) -> None:
    url = copy_of(cluster, worn[0])
    again = command(url, "wear_vectors", "--documents", "10")

    assert 0 == again.code, again.text
    assert [True, False] == [valid for _, valid, _ in ask(url, INDEXES)]


def test_the_index_of_the_migrations_is_the_one_that_is_worn(cluster: Cluster, fresh: str) -> None:
    url = cluster.url(cluster.copy(fresh))
    more = {"APP_VECTOR_DIMENSIONS": DIMENSIONS}
    assert 0 == run("2.0.0", url, "migrate", **more).code

    worn = run("2.0.0", url, "wear_vectors", "--documents", "10", **more)

    assert 0 == worn.code, worn.text
    assert [
        ("rag.embeddings_ivfflat", True, ["lists=1000"]),
        ("rag.embeddings_ivfflat_ccnew", False, ["lists=1000"]),
    ] == ask(url, INDEXES)


def test_with_a_schema_per_tenant_each_store_is_worn(cluster: Cluster) -> None:
    url = loaded(cluster, "schema_per_tenant")

    result = command(url, "wear_vectors", "--documents", "20", model="schema_per_tenant")

    assert 0 == result.code, result.text
    assert [
        "tenant_rag_mandant_1.embeddings_hand_ivfflat",
        "tenant_rag_mandant_2.embeddings_hand_ivfflat",
    ] == [line["index"] for line in result.events("wear_vectors.store")]
    assert 4 == len(ask(url, INDEXES))


@pytest.mark.parametrize(
    ("prepared", "message"),
    [((), "erst migrieren"), (("migrate",), "Es gibt keine Mandanten")],
)
def test_without_a_store_or_tenants_it_says_what_is_missing(
    cluster: Cluster, prepared: tuple[str, ...], message: str
) -> None:
    url = cluster.url(cluster.database())
    if prepared:
        assert 0 == command(url, *prepared).code

    refused = command(url, "wear_vectors")

    assert 2 == refused.code
    assert message in refused.events("wear_vectors.refused")[0]["message"]
