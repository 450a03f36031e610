"""Pieces of a journal make one journal, and two journals of one run have one relation."""

import json

import pytest

from leitstand.core.open_runs import (
    Ended,
    Relation,
    StateDamaged,
    end_name,
    joined,
    piece_name,
    piece_of,
    relation,
    run_of_end,
)


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps({"seq": n, "event": "e"}).encode() + b"\n" for n in numbers)


ONE, TWO, THREE = lines(1), lines(2), lines(3)


@pytest.mark.parametrize(
    ("local", "stored", "expected"),
    [
        (ONE, ONE, Relation.SAME),
        (ONE + b'{"torn', ONE, Relation.SAME),
        (ONE, ONE + TWO, Relation.BEHIND),
        (ONE + b'{"torn', ONE + TWO, Relation.BEHIND),
        (b"", ONE, Relation.BEHIND),
        (ONE + TWO, ONE, Relation.AHEAD),
        (ONE + THREE, ONE + TWO, Relation.DIVERGED),
        (ONE + THREE + TWO, ONE + TWO, Relation.DIVERGED),
    ],
)
def test_a_journal_here_has_one_relation_to_the_stored_one(
    local: bytes, stored: bytes, expected: Relation
) -> None:
    assert expected is relation(local, stored)


def test_pieces_make_the_journal_that_they_were_cut_from() -> None:
    pieces = {len(ONE): TWO + THREE, 0: ONE}
    assert ONE + TWO + THREE == joined(pieces)
    assert b"" == joined({})


def test_a_torn_line_that_a_later_writer_closed_is_part_of_a_journal() -> None:
    assert ONE + b'{"torn\n' + TWO == joined({0: ONE + b'{"torn\n' + TWO})


@pytest.mark.parametrize(
    "pieces",
    [
        {len(ONE): TWO},
        {0: ONE, len(ONE) + 1: TWO},
        {0: ONE, len(ONE) - 1: TWO},
        {0: ONE, len(ONE): THREE},
        {0: ONE, len(ONE): ONE},
        {0: ONE + TWO[:-1]},
    ],
    ids=["no beginning", "hole", "overlap", "line lost", "line twice", "cut off"],
)
def test_pieces_that_do_not_fit_together_are_refused(pieces: dict[int, bytes]) -> None:
    with pytest.raises(StateDamaged):
        joined(pieces)


@pytest.mark.parametrize(
    "name", ["open/../x/000000000000", "open/r/1", "open/r", "ended/r.json", "open/.r/000000000000"]
)
def test_other_names_are_no_pieces(name: str) -> None:
    assert piece_of(name) is None


def test_names_tell_what_they_are_names_of() -> None:
    assert ("20261126-release-1", 7) == piece_of(piece_name("20261126-release-1", 7))
    assert "r" == run_of_end(end_name("r"))
    assert "" == run_of_end("ended/../r.json")


def test_an_end_is_read_as_it_was_written() -> None:
    ended = Ended("r", "büro", "2026-11-26T14:00:00Z")
    assert ended == Ended.decode(ended.encode())
    for content in (b"", b"[]", b"{}", b"\xff"):
        with pytest.raises(StateDamaged):
            Ended.decode(content)
