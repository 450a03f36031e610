"""Pages of sorted lists."""

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.paging import page


def key(item):
    return (item,)


def test_pages_follow_each_other_to_the_end():
    first, token = page([1, 2, 3], key, 2, "")
    second, end = page([1, 2, 3], key, 2, token)
    assert ([1, 2], [3], "") == (first, second, end)


@pytest.mark.parametrize(("size", "count"), [(0, 2), (1, 1), (3, 3), (9, 4)])
def test_sizes_have_a_default_and_a_maximum(size, count):
    shown, _ = page(list(range(6)), key, size, "", default=2, maximum=4)
    assert count == len(shown)


def test_what_comes_or_goes_between_two_pages_neither_repeats_nor_hides_others():
    _, token = page([2, 4, 6, 8], key, 2, "")
    shown, _ = page([1, 2, 6, 8], key, 2, token)
    assert [6, 8] == shown


@pytest.mark.parametrize("token", ["x", "!!", "e30=", "bnVsbA=="])
def test_a_token_that_was_never_given_out_is_refused(token):
    with pytest.raises(ApiError):
        page([1], key, 1, token)


def test_a_token_of_another_list_is_refused():
    _, token = page([("a", 1), ("b", 2)], lambda item: item, 1, "")
    with pytest.raises(ApiError):
        page([1, 2], key, 1, token)
