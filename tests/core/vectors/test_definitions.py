"""Lists by rows, names that PostgreSQL takes, and kinds that know their operator classes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.vectors.definitions import (
    advised_type,
    complete,
    final_name,
    new_name,
    search_settings,
    supports,
    temporary_name,
    wanted_definition,
    wanted_lists,
)
from leitstand.core.vectors.types import VectorColumn
from tests.core.vectors.store import HNSW_POLICY, POLICY, an_index


@pytest.mark.parametrize(
    ("rows", "lists"),
    [
        (0, 100),
        (99_999, 100),
        (100_000, 100),
        (316_000, 316),
        (1_000_000, 1000),
        (4_000_000, 2000),
        (10**12, 32768),
    ],
)
def test_lists_follow_the_rows_and_never_fall_below_the_policy(rows: int, lists: int) -> None:
    assert lists == wanted_lists(rows, 100)


@settings(max_examples=30)
@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(1, 32768))
def test_more_rows_never_want_fewer_lists(a: int, b: int, least: int) -> None:
    assert wanted_lists(min(a, b), least) <= wanted_lists(max(a, b), least)


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_a_temporary_name_is_one_that_postgresql_keeps_whole(name: str) -> None:
    made = temporary_name(name)
    assert len(made.encode()) <= 63
    assert made.endswith("_lsnew")
    assert name.startswith(made.removesuffix("_lsnew"))


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        ("embeddings_ivfflat", "hnsw", "embeddings_hnsw"),
        ("embeddings_hnsw", "ivfflat", "embeddings_ivfflat"),
        ("embeddings_ivfflat", "ivfflat", "embeddings_ivfflat"),
        ("embeddings_idx", "hnsw", "embeddings_idx"),
        ("x" * 59 + "hnsw", "ivfflat", "x" * 59 + "ivff"),
    ],
)
def test_a_name_that_says_the_kind_says_the_new_one(name: str, method: str, expected: str) -> None:
    assert expected == final_name(name, method)


def test_a_first_index_gets_a_name_that_is_free_and_fits() -> None:
    taken = {"t_embedding_hnsw", "t_embedding_hnsw2"}
    assert "t_embedding_hnsw3" == new_name("t", "embedding", "hnsw", taken)
    long = new_name("ä" * 40, "embedding", "ivfflat", ())
    assert long.endswith("_ivfflat")
    assert len(long.encode()) <= 63


def test_where_ivfflat_does_not_know_the_distance_hnsw_is_wanted() -> None:
    column = VectorColumn("embedding", "vector", 384)
    assert not supports("ivfflat", "vector_l1_ops")
    assert "hnsw" == wanted_definition(column, "vector_l1_ops", 5000, POLICY, "0.8.5").method
    sparse = VectorColumn("embedding", "sparsevec", 30_000)
    assert "hnsw" == wanted_definition(sparse, "sparsevec_l2_ops", 5000, POLICY, "0.8.5").method


def test_before_there_was_hnsw_it_is_not_wanted() -> None:
    column = VectorColumn("embedding", "vector", 384)
    old = wanted_definition(column, "vector_cosine_ops", 5000, HNSW_POLICY, "0.4.4")
    assert "ivfflat" == old.method
    new = wanted_definition(column, "vector_cosine_ops", 5000, HNSW_POLICY, "0.5.0")
    assert ("hnsw", {"m": 16, "ef_construction": 64}) == (new.method, new.options)


def test_a_search_sets_only_what_its_version_knows() -> None:
    assert {"ivfflat.probes": "10"} == search_settings("ivfflat", POLICY, "0.7.4")
    assert {
        "hnsw.ef_search": "64",
        "hnsw.iterative_scan": "strict_order",
    } == search_settings("hnsw", POLICY, "0.8.0")


@pytest.mark.parametrize(
    ("dimensions", "expected"), [(2001, "halfvec"), (4000, "halfvec"), (4001, "bit"), (64_001, "")]
)
def test_a_type_is_advised_that_can_be_indexed(dimensions: int, expected: str) -> None:
    assert expected == advised_type(dimensions)


def test_part_of_the_rows_or_an_expression_is_not_all_of_an_index() -> None:
    assert complete(an_index())
    assert not complete(an_index(column=""))
    assert not complete(an_index(predicate="(tenant = 1)"))
    assert not complete(an_index(attached=True))
