"""Statements and the places that their files can name."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leitstand.core.records.facts import RunFacts
from leitstand.core.records.statement import (
    BlockHasher,
    MalformedStatement,
    Statement,
    Subject,
    canonical,
)

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def measured(content: bytes, *, size: int | None = None, block: int = 0) -> Subject:
    hasher = BlockHasher("f", len(content) if size is None else size, block)
    hasher.update(content)
    return hasher.subject()


@settings(max_examples=40)
@given(values)
@example("\ud800")
@example({"b": 1, "a": "ü"})
def test_the_canonical_form_reads_back_and_is_canonical_again(value: Any):
    form = canonical(value)
    assert value == json.loads(form)
    assert form == canonical(json.loads(form))


def test_the_canonical_form_sorts_and_spares_spaces():
    assert '{"a":"ü","b":[1,2.5]}'.encode() == canonical({"b": [1, 2.5], "a": "ü"})


def test_what_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


@given(st.dictionaries(texts, values, max_size=3), st.binary(max_size=20))
def test_a_statement_reads_back(parameters: dict[str, Any], content: bytes):
    facts = RunFacts("r", parameters=parameters).as_data()
    statement = Statement((measured(content),), facts, 2, "a" * 64, "2026-11-26T07:00:00Z")
    again = Statement.decode(statement.encode())
    assert statement.encode() == again.encode()
    assert RunFacts("r", parameters=parameters) == again.run


def change(data: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *parents, last = path.split(".")
    inner: Any = data
    for name in parents:
        inner = inner[int(name)] if isinstance(inner, list) else inner[name]
    inner[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1"),
        ("predicateType", "https://slsa.dev/provenance/v1"),
        ("predicate", None),
        ("predicate.seq", "1"),
        ("predicate.seq", True),
        ("predicate.seq", -1),
        ("predicate.previous", None),
        ("predicate.previous", "abc"),
        ("predicate.run", 1),
        ("subject", None),
        ("subject.0.digest", {"sha1": "a"}),
        ("subject.0.digest.sha256", "A" * 64),
        ("subject.0.name", None),
        ("subject.0.annotations", {}),
        ("subject.0.annotations.block", 0),
    ],
)
def test_what_is_no_statement_of_a_run_is_refused(path: str, value: object):
    facts = RunFacts("r").as_data()
    data = json.loads(Statement((measured(b"x"),), facts, 1, "", "t").encode())
    with pytest.raises(MalformedStatement):
        Statement.decode(canonical(change(data, path, value)))


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_rubbish_is_refused(payload: bytes):
    with pytest.raises(MalformedStatement):
        Statement.decode(payload)


def test_two_files_of_one_name_are_refused():
    statement = Statement((measured(b"x"), measured(b"y")), RunFacts("r").as_data(), 1, "", "t")
    with pytest.raises(MalformedStatement, match="same name"):
        Statement.decode(statement.encode())


@given(st.binary(max_size=100), st.lists(st.integers(1, 30), max_size=5), st.integers(1, 40))
def test_pieces_make_no_difference(content: bytes, cuts: list[int], block: int):
    hasher, rest = BlockHasher("f", len(content), block), content
    for cut in cuts:
        hasher.update(rest[:cut])
        rest = rest[cut:]
    hasher.update(rest)
    subject = hasher.subject()
    assert measured(content, block=block) == subject
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (subject.digest, subject.size)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_the_place_of_a_change_lies_where_it_is_named(content: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    start, end = measured(content, block=16).first_difference(measured(changed, block=16))
    assert start <= at < end
    assert end - start <= 16


@pytest.mark.parametrize(
    ("content", "changed", "place"),
    [
        (b"a" * 32, b"a" * 16, (16, 17)),
        (b"a" * 32, b"a" * 33, (32, 33)),
        (b"a" * 32, b"", (0, 1)),
        (b"", b"a", (0, 1)),
        (b"a" * 32, b"a" * 20, (16, 20)),
    ],
)
def test_the_place_of_a_cut_is_the_block_where_it_begins(
    content: bytes, changed: bytes, place: tuple[int, int]
):
    subject = measured(content, block=16)
    assert place == subject.first_difference(measured(changed, block=16))


@pytest.mark.parametrize(
    ("size", "block"), [(0, 4096), (4096 * 64, 4096), (4096 * 64 + 1, 8192), (1 << 30, 1 << 24)]
)
def test_a_file_never_has_more_than_64_blocks(size: int, block: int):
    assert block == BlockHasher("f", size).subject().block
    assert -(-size // block) <= 64
