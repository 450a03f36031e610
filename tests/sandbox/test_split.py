"""How requests are dealt to revisions."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.sandbox.split import Split


@given(st.integers(0, 100), st.integers(10, 2000))
def test_every_window_is_within_a_few_requests_of_the_wanted_share(percent: int, n: int) -> None:
    split = Split([("new", percent), ("old", 100 - percent)])

    counts = Counter(split.next() for _ in range(n))

    assert abs(counts["new"] - n * percent / 100) <= 5


@pytest.mark.parametrize("every", [2, 5, 10, 20])
def test_shares_do_not_fall_in_step_with_a_pattern_of_requests(every: int) -> None:
    split = Split([("new", 10), ("old", 90)])

    chosen = [split.next() for _ in range(4000)]
    of_one_path = Counter(chosen[::every])

    assert abs(of_one_path["new"] / len(chosen[::every]) - 0.1) < 0.05


def test_a_target_with_no_percent_gets_nothing() -> None:
    split = Split([("tagged", 0), ("old", 100)])

    assert {"old"} == {split.next() for _ in range(500)}


def test_without_targets_there_is_none() -> None:
    assert Split([]).next() is None
