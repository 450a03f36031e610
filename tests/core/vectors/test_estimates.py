"""Sizes and memory are what pgvector really takes; times follow the ledger where there is one."""

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.vectors.estimates import (
    expected_bytes,
    expected_seconds,
    needed_memory,
    pace,
    parallel_workers,
    sort_bytes,
)
from leitstand.core.vectors.types import ServerSettings
from tests.core.vectors.store import MEBIBYTE, a_store, a_table, an_index, maintained
from tests.fixtures.postgres import Cluster

ROWS = 1000
methods = st.sampled_from(["ivfflat", "hnsw"])


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    """Address of a database with a table of each width."""
    url = cluster.url(cluster.database())
    with psycopg.connect(url, autocommit=True) as connection:
        for kind, dimensions in (("vector", 384), ("vector", 2000), ("halfvec", 384)):
            connection.execute(f"CREATE TABLE {kind}_{dimensions} (v {kind}({dimensions}))")
            connection.execute(
                f"INSERT INTO {kind}_{dimensions} SELECT (SELECT array_agg(sin(i * j) + i %% 7) "
                f"FROM generate_series(1, {dimensions}) j)::{kind}({dimensions}) "
                f"FROM generate_series(1, %s) i",
                [ROWS if dimensions == 384 else 150],
            )
    return url


CASES = [
    ("ivfflat", "vector", 384, {"lists": 10}),
    ("ivfflat", "vector", 384, {"lists": 100}),
    ("ivfflat", "halfvec", 384, {"lists": 20}),
    ("ivfflat", "vector", 2000, {"lists": 5}),
    ("hnsw", "vector", 384, {"m": 16, "ef_construction": 64}),
    ("hnsw", "halfvec", 384, {"m": 4, "ef_construction": 8}),
    ("hnsw", "vector", 2000, {"m": 8, "ef_construction": 16}),
]


@pytest.mark.parametrize(("method", "type", "dimensions", "options"), CASES)
def test_an_index_is_as_large_as_expected_and_the_memory_is_enough(
    database: str, method: str, type: str, dimensions: int, options: dict[str, int]
) -> None:
    rows = ROWS if dimensions == 384 else 150
    memory = needed_memory(method, rows, dimensions, type, options)
    notices: list[str | None] = []
    with psycopg.connect(database, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.execute(f"SET maintenance_work_mem = '{memory // 1024}kB'")
        stated = ", ".join(f"{name} = {value}" for name, value in options.items())
        connection.execute(
            f"CREATE INDEX made ON {type}_{dimensions} USING {method} (v {type}_l2_ops) "
            f"WITH ({stated})"
        )
        size = connection.execute("SELECT pg_relation_size('made')").fetchone()[0]
        connection.execute("DROP INDEX made")
    assert [] == notices
    assert size == pytest.approx(expected_bytes(method, rows, dimensions, type, options), rel=0.1)


def test_with_clearly_less_memory_ivfflat_fails_and_hnsw_says_that_it_is_slow(
    database: str,
) -> None:
    notices: list[str | None] = []
    with psycopg.connect(database, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        lists = needed_memory("ivfflat", ROWS, 384, "vector", {"lists": 100})
        connection.execute(f"SET maintenance_work_mem = '{lists // 2 // 1024}kB'")
        with pytest.raises(psycopg.Error, match="memory required is"):
            connection.execute(
                "CREATE INDEX made ON vector_384 USING ivfflat (v vector_l2_ops) WITH (lists=100)"
            )
        graph = needed_memory("hnsw", ROWS, 384, "vector", {"m": 8}) - 4 * MEBIBYTE
        connection.execute(f"SET maintenance_work_mem = '{graph * 8 // 10 // 1024}kB'")
        connection.execute(
            "CREATE INDEX made ON vector_384 USING hnsw (v vector_l2_ops) "
            "WITH (m = 8, ef_construction = 16)"
        )
        connection.execute("DROP INDEX made")
    assert any("no longer fits into maintenance_work_mem" in str(notice) for notice in notices)


@settings(max_examples=30)
@given(methods, st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 2000))
def test_more_rows_never_take_less(method: str, a: int, b: int, dimensions: int) -> None:
    few, many = sorted((a, b))
    for estimate in (expected_bytes, needed_memory, expected_seconds):
        small = estimate(method, few, dimensions, "vector", {})
        assert small <= estimate(method, many, dimensions, "vector", {})


@settings(max_examples=30)
@given(methods, st.integers(0, 10**7), st.integers(1, 2000), st.integers(0, 16))
def test_workers_never_make_a_build_slower_nor_too_little_memory_faster(
    method: str, rows: int, dimensions: int, workers: int
) -> None:
    alone = expected_seconds(method, rows, dimensions, "vector", {})
    helped = expected_seconds(method, rows, dimensions, "vector", {}, workers=workers)
    assert helped <= alone
    assert alone <= expected_seconds(method, rows, dimensions, "vector", {}, memory=MEBIBYTE)


@pytest.mark.parametrize(
    ("method", "workers", "measured"),
    [("hnsw", 0, 36.8), ("hnsw", 2, 24), ("ivfflat", 0, 1.7), ("ivfflat", 2, 1.4)],
)
def test_what_was_measured_is_expected(method: str, workers: int, measured: float) -> None:
    seconds = expected_seconds(method, 100_000, 384, "vector", {}, workers=workers)
    assert measured == pytest.approx(seconds, rel=0.25)


def test_a_sort_takes_disk_only_where_it_does_not_fit_the_memory() -> None:
    assert 0 == sort_bytes("hnsw", 10**6, 384, "vector", MEBIBYTE)
    assert 0 == sort_bytes("ivfflat", 1000, 384, "vector", 64 * MEBIBYTE)
    assert sort_bytes("ivfflat", 100_000, 384, "vector", 64 * MEBIBYTE) > 100_000 * 4 * 384


def test_an_index_takes_as_long_as_last_time_for_each_of_its_rows() -> None:
    index = an_index()
    store = a_store(
        a_table(), indexes=(index,), ledger=(maintained(index, seconds=30.0, rows=10_000),)
    )
    assert 60.0 == pace(store).rebuild(index, 20_000, otherwise=5.0)


def test_on_a_slow_server_other_indexes_are_expected_to_be_slow_as_well() -> None:
    index, other = an_index(), an_index("other_ivfflat")
    model = expected_seconds("ivfflat", 20_000, 384, "vector", {"lists": 100}, workers=2)
    slow = maintained(index, seconds=4 * model)
    store = a_store(a_table(), indexes=(index, other), ledger=(slow,))
    assert 20.0 == pytest.approx(pace(store).rebuild(other, 20_000, otherwise=5.0))


def test_without_a_ledger_the_model_holds() -> None:
    index = an_index()
    assert 5.0 == pace(a_store(a_table(), indexes=(index,), ledger=())).rebuild(index, 9, 5.0)


@settings(max_examples=30)
@given(st.integers(0, 64), st.integers(0, 64), st.integers(0, 64), st.integers(1, 32))
def test_all_builds_together_never_ask_for_more_workers_than_there_are(
    each: int, together: int, processes: int, jobs: int
) -> None:
    settings = ServerSettings(160000, MEBIBYTE, each, together, processes)
    workers = parallel_workers(settings, jobs)
    assert 0 <= workers <= each
    assert workers * jobs <= min(together, processes)
