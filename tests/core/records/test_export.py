"""Rows for long-term storage: what each column holds, and that every row fits its table."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from leitstand.core.records.export import (
    EVENT_FIELDS,
    RECORD_FIELDS,
    Column,
    event_row,
    record_row,
    schema,
)
from leitstand.core.records.facts import Action, ApiCall, Approval, Plan, RunFacts
from leitstand.core.records.statement import Statement, Subject

FACTS = RunFacts(
    run="20261126-050155-release-72fa", runbook="release", env="prod", operator="a@example.org",
    ticket="OPS-1", parameters={"percent": 10, "name": "Größe"}, git_dirty=False,
    started_at="2026-11-26T06:01:55+01:00", ended_at="2026-11-26T05:02:25.5Z", status="completed",
    exit_code=0, verdict="healthy", read_calls=3, masked={"token": 2, "email": 1}, events=9,
    plans=(Plan("d" * 64, "release", "services/web", ("a",)),),
    approvals=(Approval("d" * 64, "b@example.org", "2026-11-26T05:02:00Z"),),
    actions=(
        Action("a", "deploy", "services/web", "operations/1", "done"),
        Action("b", "set_traffic", "services/web", "", "failed"),
    ),
    calls=(ApiCall("run.services.patch", "services/web", "operations/1", 2),),
)  # fmt: skip
FILES = (Subject("journal.jsonl", "1" * 64, 10, 4096, ()),)
STATEMENT = Statement(FILES, json.loads(json.dumps(FACTS.as_data())), 7, "f" * 64, "2026-11-27")

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def misfits(columns: tuple[Column, ...], row: dict[str, Any]) -> list[str]:
    """Return the columns in which a row that went through JSON breaks BigQuery's rules."""
    wrong = [name for name in row if name not in {column.name for column in columns}]
    for column in columns:
        value = row.get(column.name)
        if column.mode == "REPEATED":
            fits = isinstance(value, list) and all(fits_type(column.type, one) for one in value)
        elif value is None:
            fits = column.mode == "NULLABLE"
        else:
            fits = fits_type(column.type, value)
        if not fits:
            wrong.append(column.name)
    return wrong


def fits_type(kind: str, value: object) -> bool:
    if kind == "STRING":
        return isinstance(value, str) and bool(value.encode("utf-8") or True)
    if kind == "INTEGER":
        return type(value) is int and -(2**63) <= value < 2**63
    if kind == "FLOAT":
        return type(value) in {int, float}
    if kind == "BOOLEAN":
        return type(value) is bool
    assert "TIMESTAMP" == kind
    return TIMESTAMP.fullmatch(str(value)) is not None and bool(datetime.fromisoformat(str(value)))


def through_json(row: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(row, ensure_ascii=False).encode("utf-8"))
    return read


def test_a_record_is_one_flat_row():
    row = record_row(STATEMENT, "e" * 64, ("k",))
    assert [column.name for column in RECORD_FIELDS] == list(row)
    assert not any(isinstance(value, dict) for value in row.values())
    expected = {
        "record": 7, "previous": "f" * 64, "signed_by": ["k"], "run": FACTS.run, "part": 1,
        "started_at": "2026-11-26T05:01:55.000000Z", "ended_at": "2026-11-26T05:02:25.500000Z",
        "seconds": 30.5, "sealed_at": "2026-11-27T00:00:00.000000Z", "exit_code": 0,
        "git_dirty": False, "plans": ["d" * 64], "targets": ["services/web"],
        "approved_by": ["b@example.org"], "broken_glass": False, "operations": ["operations/1"],
        "actions": 2, "actions_failed": 1, "api_calls": 5, "masked": 3, "files": 1, "bytes": 10,
        "journal_digest": "1" * 64, "notebook_digest": None, "incident": None,
        "parameters_json": '{"name":"Gr\\u00f6\\u00dfe","percent":10}',
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}


def test_an_event_is_one_flat_row_with_the_whole_event_beside_it():
    event = {
        "seq": 5, "at": "2026-11-26T05:02:00.000001Z", "event": "approval.given", "by": "b",
        "digest": "d", "more": {"x": [1]},
    }  # fmt: skip
    row = event_row(event, STATEMENT, 4)
    assert [column.name for column in EVENT_FIELDS] == list(row)
    assert (7, FACTS.run, 4, 5, "b", "d") == tuple(
        row[name] for name in ("record", "run", "line", "seq", "identity", "digest")
    )
    assert event == json.loads(row["event_json"])


@pytest.mark.parametrize("columns", [RECORD_FIELDS, EVENT_FIELDS])
def test_the_schema_is_one_that_bq_takes(columns: tuple[Column, ...]):
    fields = schema(columns)
    assert fields == json.loads(json.dumps(fields))
    names = [field["name"] for field in fields]
    assert len(names) == len({name.lower() for name in names})
    for field in fields:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,299}", field["name"])
        assert field["type"] in {"STRING", "INTEGER", "FLOAT", "BOOLEAN", "TIMESTAMP"}
        assert field["mode"] in {"NULLABLE", "REQUIRED", "REPEATED"}
        assert 0 < len(field["description"]) <= 1024


def test_the_names_and_types_of_columns_stay():
    """A table that somebody made with an earlier version still takes the rows."""
    promised = {
        "record": "INTEGER", "digest": "STRING", "run": "STRING", "runbook": "STRING",
        "env": "STRING", "operator": "STRING", "ticket": "STRING", "started_at": "TIMESTAMP",
        "ended_at": "TIMESTAMP", "sealed_at": "TIMESTAMP", "status": "STRING", "seconds": "FLOAT",
        "exit_code": "INTEGER", "verdict": "STRING", "approved_by": "STRING",
        "broken_glass": "BOOLEAN", "parameters_json": "STRING", "actions_json": "STRING",
    }  # fmt: skip
    types = {column.name: column.type for column in RECORD_FIELDS}
    assert promised == {name: types.get(name) for name in promised}


ANYTHING = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_categories=())),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(some.data())
def test_whatever_a_record_says_its_rows_fit(data: some.DataObject):
    """A later version, or a forger with the key, may write facts of any form."""
    names = some.sampled_from([*RunFacts.__dataclass_fields__, "other"])
    facts = {**STATEMENT.facts, **data.draw(some.dictionaries(names, ANYTHING, max_size=6))}
    statement = Statement(FILES, {**facts, "run": "r"}, 7, "", data.draw(some.text(max_size=4)))
    assert [] == misfits(RECORD_FIELDS, through_json(record_row(statement, "e" * 64, ())))
    fields = some.sampled_from([*(column.name for column in EVENT_FIELDS), "by", "class"])
    event = data.draw(some.dictionaries(fields, ANYTHING, max_size=8))
    assert [] == misfits(EVENT_FIELDS, through_json(event_row(event, statement, 1)))
