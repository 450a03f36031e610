"""What is signed has one form, and everything that matters is in it."""

import json
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from leitstand.core.approvals.duration import DurationUnreadable, parse_duration
from leitstand.core.approvals.request import Request
from leitstand.core.approvals.statement import Statement, StatementUnreadable
from tests.fixtures.approving import NOW, asked, emergency, statement

SAID = statement("erika")


@pytest.mark.parametrize(
    "said",
    [
        SAID,
        statement("anna", **emergency(reason="Größere Störung „jetzt“ \U0001f525")),
        statement("erika", at=NOW + timedelta(microseconds=5)),
    ],
)
def test_a_statement_is_the_same_after_it_was_read(said: Statement) -> None:
    assert said == Statement.decoded(said.encoded())


def test_every_field_is_signed() -> None:
    assert {field.name for field in fields(Statement)} == set(json.loads(SAID.encoded()))


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "ab"}, {"nonce": "AB" * 16}, {"kind": "maybe"}, {"at": "2026-11-26T03:14:00"},
        {"at": "2026-11-26T04:14:00+01:00"}, {"run": 1}, {"surprise": "x"},
        {"at": "2026-13-26T03:14:00Z"},
    ],
)  # fmt: skip
def test_what_is_no_statement_is_not_read(change: dict[str, object]) -> None:
    text = json.dumps({**json.loads(SAID.encoded()), **change}, sort_keys=True)
    with pytest.raises(StatementUnreadable):
        Statement.decoded(text.replace(", ", ",").replace(": ", ":").encode())


@pytest.mark.parametrize("field", [field.name for field in fields(Statement)])
def test_nothing_may_be_left_out(field: str) -> None:
    data = json.loads(SAID.encoded())
    del data[field]
    with pytest.raises(StatementUnreadable):
        Statement.decoded(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), (" 1h ", 3600)]
)
def test_a_duration_is_read_as_one_types_it(text: str, seconds: int) -> None:
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize("text", ["", "2", "h", "0m", "-1h", "2 Stunden", "30m2h", "99999h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationUnreadable):
        parse_duration(text)


def test_a_request_is_the_same_after_it_was_written_down() -> None:
    request = Request(asked(), "OPS-1", NOW, NOW + timedelta(minutes=30))
    assert request == Request.from_data(json.loads(json.dumps(request.as_data())))
    assert request != replace(request, ticket="OPS-2")
