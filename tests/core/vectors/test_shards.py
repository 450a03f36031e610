"""Every table belongs to exactly one task, and all know without asking which one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.shards import WHOLE, Part, holds

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
tables = st.builds(TableName, texts, texts)


@settings(max_examples=30)
@given(tables, st.integers(1, 64))
def test_every_table_is_in_exactly_one_part(table: TableName, count: int) -> None:
    assert 1 == sum(holds(Part(index, count), table) for index in range(count))


@settings(max_examples=30)
@given(tables)
def test_the_whole_holds_every_table(table: TableName) -> None:
    assert holds(WHOLE, table)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 16), st.integers(0, 10_000))
def test_tenants_are_spread_evenly(count: int, first: int) -> None:
    tenants = [TableName(f"tenant_rag_{first + n}", "embeddings") for n in range(100 * count)]
    part = Part(first % count, count)
    held = sum(holds(part, table) for table in tenants)
    assert 40 <= held <= 160  # of 100; six standard deviations


def test_the_part_of_a_table_is_the_same_in_every_release() -> None:
    parts = [
        next(index for index in range(4) if holds(Part(index, 4), TableName("rag", table)))
        for table in ("embeddings", "chunks", "pages", "notes")
    ]
    assert [3, 3, 3, 0] == parts


def test_a_dot_in_a_name_does_not_make_two_tables_one() -> None:
    one, other = TableName("a.b", "c"), TableName("a", "b.c")
    assert any(holds(Part(0, n), one) != holds(Part(0, n), other) for n in range(2, 12))


@settings(max_examples=30)
@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_a_part_is_read_as_it_is_written(numbers: tuple[int, int]) -> None:
    part = Part(*numbers)
    assert part == Part.parse(str(part))


def test_people_count_from_one() -> None:
    assert Part(1, 4) == Part.parse(" 2/4 ")


@pytest.mark.parametrize(
    "text", ["", "2", "0/4", "5/4", "-1/4", "1/0", "1/4/2", "1,2", "a/b", "¹/4", "01/4", "1/4\n2"]
)
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="part"):
        Part.parse(text)
