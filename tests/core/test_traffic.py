"""Traffic splits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.traffic import LATEST, Share, Split

shares = st.lists(
    st.builds(
        Share,
        revision=st.sampled_from(["", "web-1", "web-2"]),
        percent=st.integers(0, 100),
        tag=st.sampled_from(["", "candidate", "old"]),
    ),
    max_size=4,
).map(tuple)


@given(shares=shares)
def test_a_split_survives_being_written_as_data(shares: tuple[Share, ...]) -> None:
    assert Split(shares) == Split.from_data(Split(shares).as_data())


def test_an_empty_split_follows_the_latest_revision() -> None:
    assert Split(()).follows_latest
    assert {"web-1": 100} == Split(()).pinned("web-1").serving()


def test_pinning_names_the_revision_and_keeps_percent_and_tag() -> None:
    split = Split.of(Share(LATEST, 90, "new"), Share("web-1", 10))
    assert Split.of(Share("web-2", 90, "new"), Share("web-1", 10)) == split.pinned("web-2")
    assert not split.pinned("web-2").follows_latest


def test_splits_are_equivalent_when_traffic_and_tags_are() -> None:
    one = Split.of(Share("a", 90), Share("b", 10), Share("b", 0, "candidate"))
    other = Split.of(Share("b", 10, "candidate"), Share("a", 90))
    assert one.equivalent(other)
    assert not one.equivalent(Split.of(Share("a", 90), Share("b", 10)))
    assert not one.equivalent(Split.of(Share("a", 80), Share("b", 20, "candidate")))


@pytest.mark.parametrize(
    ("before", "without", "after"),
    [
        pytest.param([("a", 100, "")], "", [("b", 100, "")], id="no tags"),
        pytest.param([("a", 90, ""), ("b", 10, "")], "", [("b", 100, "")], id="two serve"),
        pytest.param(
            [("a", 100, "old"), ("c", 0, "new")],
            "",
            [("b", 100, ""), ("a", 0, "old"), ("c", 0, "new")],
            id="tags of others stay",
        ),
        pytest.param([("b", 100, "b")], "", [("b", 100, ""), ("b", 0, "b")], id="its own stays"),
        pytest.param(
            [("a", 100, "old"), ("c", 0, "candidate")],
            "candidate",
            [("b", 100, ""), ("a", 0, "old")],
            id="one goes",
        ),
    ],
)
def test_one_revision_gets_the_whole_traffic_and_tags_stay(
    before: list[tuple[str, int, str]], without: str, after: list[tuple[str, int, str]]
) -> None:
    split = Split.of(*(Share(*share) for share in before))
    assert Split.of(*(Share(*share) for share in after)) == split.whole("b", without=without)
