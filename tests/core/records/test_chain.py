"""Chains of any length, and what is done to them."""

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.records.chain import ChainCheck, Head, Link
from leitstand.core.records.findings import FindingKind, RecordFinding
from leitstand.core.records.statement import Statement


def record(seq: int, previous: str, run: str, part: int, continues: str) -> Statement:
    moment = f"2026-11-26T{seq // 3600:02}:{seq // 60 % 60:02}:{seq % 60:02}Z"
    return Statement((), {"run": run}, seq, previous, moment, part, continues)


def digest(statement: Statement) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()


def chain(runs: list[str]) -> list[Statement]:
    """A chain in which each run gets one more part whenever its name comes again."""
    made: list[Statement] = []
    last: dict[str, Statement] = {}
    for seq, run in enumerate(runs, start=1):
        before = last.get(run)
        statement = record(
            seq,
            digest(made[-1]) if made else "",
            run,
            before.part + 1 if before else 1,
            digest(before) if before else "",
        )
        made.append(statement)
        last[run] = statement
    return made


def check(statements: dict[int, Statement], *anchors: Head) -> list[RecordFinding]:
    checker = ChainCheck(anchors)
    found = [
        finding
        for place in sorted(statements)
        for finding in checker.take(Link(place, digest(statements[place]), statements[place]))
    ]
    return found + checker.end()


def numbered(statements: list[Statement]) -> dict[int, Statement]:
    return dict(enumerate(statements, start=1))


chains = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=12).map(chain)
random_choices = st.randoms(use_true_random=False)
few = settings(max_examples=50)


@few
@given(chains)
def test_a_chain_as_it_was_made_has_no_finding(made: list[Statement]):
    head = Head(len(made), digest(made[-1]))
    assert [] == check(numbered(made), head, Head(1, digest(made[0])))


@few
@given(chains, random_choices)
def test_a_removed_record_is_found_by_its_number(made: list[Statement], choice: random.Random):
    whole = numbered(made)
    gone = choice.randrange(1, len(made))
    del whole[gone]
    found = check(whole)
    assert (FindingKind.RECORD_MISSING, gone) in [(f.kind, f.place.seq) for f in found]


@few
@given(chains, random_choices)
def test_a_removed_record_is_found_when_the_rest_moves_up(
    made: list[Statement], choice: random.Random
):
    gone = choice.randrange(len(made) - 1)
    found = check(numbered(made[:gone] + made[gone + 1 :]))
    assert FindingKind.WRONG_PLACE in {f.kind for f in found}
    assert gone + 1 == min(f.place.seq for f in found)


@few
@given(chains, random_choices)
def test_two_swapped_records_are_found(made: list[Statement], choice: random.Random):
    one, two = sorted(choice.sample(range(len(made)), 2))
    made[one], made[two] = made[two], made[one]
    places = {f.place.seq for f in check(numbered(made)) if f.kind is FindingKind.WRONG_PLACE}
    assert {one + 1, two + 1} <= places


@few
@given(chains, random_choices)
def test_a_record_that_is_put_in_twice_is_found(made: list[Statement], choice: random.Random):
    extra, at = choice.choice(made), choice.randrange(len(made) + 1)
    found = check(numbered([*made[:at], extra, *made[at:]]))
    assert any(f.breaks for f in found)


@few
@given(chains, random_choices)
def test_a_record_that_says_something_else_breaks_the_link_behind_it(
    made: list[Statement], choice: random.Random
):
    at = choice.randrange(len(made) - 1)
    made[at] = replace(made[at], facts={**made[at].facts, "ticket": "other"})
    found = [(f.kind, f.place.seq) for f in check(numbered(made))]
    assert (FindingKind.BROKEN_LINK, at + 2) in found


@few
@given(chains, random_choices)
def test_a_cut_tail_is_found_by_any_anchor_behind_the_cut(
    made: list[Statement], choice: random.Random
):
    kept = choice.randrange(len(made))
    anchor = choice.randrange(kept, len(made)) + 1
    found = check(numbered(made[:kept]), Head(anchor, digest(made[anchor - 1])))
    assert [(FindingKind.TAIL_CUT, kept + 1)] == [(f.kind, f.place.seq) for f in found]


@few
@given(chains, random_choices)
def test_a_chain_that_was_made_anew_differs_from_every_anchor(
    made: list[Statement], choice: random.Random
):
    at = choice.randrange(len(made))
    anchor = Head(at + 1, digest(made[at]))
    forged: list[Statement] = []
    for seq in range(1, len(made) + 1):
        forged.append(record(seq, digest(forged[-1]) if forged else "", f"x{seq}", 1, ""))
    found = [(f.kind, f.place.seq) for f in check(numbered(forged), anchor)]
    assert [(FindingKind.ANCHOR_DIFFERS, at + 1)] == found


@few
@given(chains, random_choices)
def test_a_clock_that_went_back_is_found_and_breaks_nothing(
    made: list[Statement], choice: random.Random
):
    at = choice.randrange(1, len(made))
    late = replace(made[at], sealed_at="2020-01-01T00:00:00Z")
    found = check(numbered([*made[:at], late]))
    assert [(FindingKind.CLOCK_BACK, at + 1, False)] == [
        (f.kind, f.place.seq, f.breaks) for f in found
    ]


def test_a_record_that_cannot_be_read_still_holds_its_place():
    made = chain(["a", "b", "c"])
    checker = ChainCheck()
    found = checker.take(Link(1, digest(made[0]), made[0]))
    found += checker.take(Link(2, digest(made[1]), None))
    found += checker.take(Link(3, digest(made[2]), made[2]))
    assert [] == found


@pytest.mark.parametrize("head", [Head(0, ""), Head(7, "a" * 64)])
def test_an_anchor_reads_back(head: Head):
    assert head == Head.from_data(head.as_data())


@pytest.mark.parametrize(
    "data",
    [{}, {"seq": 1}, {"seq": "1", "digest": "a" * 64}, {"seq": True, "digest": "a" * 64},
     {"seq": 1, "digest": ""}, {"seq": 0, "digest": "a" * 64}, {"seq": 1, "digest": "A" * 64},
     {"seq": -1, "digest": "a" * 64}],
)  # fmt: skip
def test_what_is_no_anchor_is_refused(data: dict[str, object]):
    with pytest.raises(ValueError, match="anchor"):
        Head.from_data(data)
