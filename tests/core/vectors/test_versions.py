"""Versions are compared as numbers, and each defect ends where it was fixed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.vectors.types import Extension
from leitstand.core.vectors.versions import DEFECTS, best, known_defects, newer

versions = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("0.8.10", "0.8.9", True),
        ("0.8.9", "0.8.10", False),
        ("0.10.0", "0.9.9", True),
        ("1.0", "1", False),
        ("0.8.2", "0.8.2", False),
        ("0.8.2", "", True),
        ("", "0.8.2", False),
    ],
)
def test_numbers_count_and_not_letters(a: str, b: str, expected: bool) -> None:
    assert expected == newer(a, b)


@settings(max_examples=30)
@given(versions, versions, versions)
def test_newer_is_an_order(a: str, b: str, c: str) -> None:
    assert not newer(a, a)
    assert not (newer(a, b) and newer(b, a))
    assert newer(a, c) or not (newer(a, b) and newer(b, c))


@pytest.mark.parametrize(
    ("available", "expected"),
    [((), ""), (("0.8.4", "0.8.10", "0.8.5"), "0.8.10"), (("0.7.0",), "0.7.0")],
)
def test_the_newest_available_version_is_best(available: tuple[str, ...], expected: str) -> None:
    assert expected == best(Extension("0.7.0", available))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("", set()),
        ("0.8.5", set()),
        ("0.8.4", set()),
        ("0.8.3", {"#993", "#986"}),
        ("0.8.2", {"#993", "#986", "#988"}),
        ("0.8.1", {"#993", "#986", "#988", "CVE-2026-3172"}),
        ("0.5.1", {"#993", "#986", "#988", "unlogged"}),
        ("0.4.4", {"#986", "unlogged", "null-distances"}),
        ("0.2.7", {"#986", "unlogged", "null-distances", "lost-inserts"}),
    ],
)
def test_a_version_has_the_defects_that_were_fixed_later(version: str, expected: set[str]) -> None:
    assert expected == {defect.id for defect in known_defects(version)}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_each_defect_is_said_in_a_sentence_and_with_its_source(defect) -> None:
    assert defect.text.endswith(".")
    assert defect.source.startswith("https://github.com/pgvector/pgvector/")
    assert newer(defect.fixed_in, defect.since)
    assert defect not in known_defects(defect.fixed_in)
    assert defect in known_defects(defect.since)
