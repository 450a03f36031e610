"""The head of a chain in a bucket is found with few calls, whatever is known or missing."""

from bisect import bisect_left
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.audit.store_gcs import BucketStore


class Names:
    """A bucket of which only names are known.

    Attributes:
        calls: How many pages were asked for.
    """

    def __init__(self, numbers: list[int], others: tuple[str, ...] = ()) -> None:
        self.all = sorted([*(f"chain/{n:012}.json" for n in numbers), *others])
        self.calls = 0

    def names(self, prefix: str, *, start: str = "", end: str = "", page: int = 0) -> Iterator[str]:
        at = bisect_left(self.all, max(prefix, start))
        while True:
            self.calls += 1
            shown = [
                name
                for name in self.all[at : at + (page or 1000)]
                if name.startswith(prefix) and (not end or name < end)
            ]
            yield from shown
            at += page or 1000
            if len(shown) < (page or 1000) or at >= len(self.all):
                return


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2001, 100_000])
def test_few_calls_find_it_and_fewer_find_it_again(count: int):
    names = Names(list(range(1, count + 1)))
    store = BucketStore(names)
    assert (count, True) == (store.head(), names.calls <= 16)
    names.calls = 0
    assert (count, True) == (store.head(), names.calls <= 1)


@given(
    st.sets(st.integers(1, 40_000), max_size=30),
    st.lists(st.integers(1, 3_000), max_size=3),
    st.integers(0, 50_000),
    st.booleans(),
)
def test_gaps_strays_and_a_wrong_hint_do_not_mislead(
    numbers: set[int], whole: list[int], hint: int, strays: bool
):
    numbers = numbers | {n for end in whole for n in range(1, end)}
    others = ("chain/", "chain/00000000000x.json", "chain/000000000007.json.bak", "chain/zzz", "d")
    store = BucketStore(Names(sorted(numbers), others if strays else ()))
    store._known = hint
    assert max(numbers, default=0) == store.head() == store.head()


def test_the_highest_number_of_all_is_found():
    assert 10**12 - 1 == BucketStore(Names([1, 10**12 - 1])).head()
