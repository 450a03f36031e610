"""Records and events as JSON Lines: each once, only what is as it was sealed, and the table."""

import json
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.record_export import RecordExport
from leitstand.audit.signing import FileSigner
from leitstand.core.records.export import EVENT_FIELDS, RECORD_FIELDS, Column, schema
from leitstand.core.records.findings import FindingKind
from leitstand.sandbox.rest.bigquery import Datasets, Tables
from tests.audit.sealed import Archive, make_run, overwrite, resume
from tests.core.records.test_export import misfits
from tests.sandbox.rest.parked import PROJECT, parked


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path).filled(2)


def export(archive: Archive, first: int = 1) -> RecordExport:
    return RecordExport(archive.store, archive.keys, range(first, archive.store.head() + 1))


def rows(lines: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_every_line_fits_the_schema(archive: Archive):
    made = export(archive)
    records, events = rows(made.records()), rows(made.events())
    assert [(1, "a"), (2, "b")] == [(row["record"], row["run"]) for row in records]
    assert [] == [name for row in records for name in misfits(RECORD_FIELDS, row)]
    assert [] == [name for row in events for name in misfits(EVENT_FIELDS, row)]
    assert [archive.signer.public.id] == records[0]["signed_by"]
    assert [] == made.findings


def test_events_have_their_lines_and_each_stands_in_one_record_only(archive: Archive):
    run = make_run(archive.path / "runs", "c", end="run.paused")
    archive.seal(run)
    archive.seal(make_run(archive.path / "runs", "d"))
    resume(run)
    archive.seal(run)
    events = [row for row in rows(export(archive).events()) if row["run"] == "c"]
    assert [
        (3, 1, "run.started"), (3, 2, "verdict"), (3, 3, "run.paused"), (5, 4, "run.resumed"),
        (5, 5, "run.completed"),
    ] == [(row["record"], row["line"], row["event"]) for row in events]  # fmt: skip
    assert [4, 5] == [row["line"] for row in rows(export(archive, 5).events())]


def test_a_torn_line_is_left_out_and_counted(archive: Archive):
    run = make_run(archive.path / "runs", "c", end="")
    with open(run / "journal.jsonl", "ab") as journal:
        journal.write(b'{"seq": 3, "ev\n{"seq": 3, "at": "x", "event": "run.completed"}\n')
    archive.seal(run)
    made = export(archive, 3)
    assert [1, 2, 4] == [row["line"] for row in rows(made.events())]
    assert 1 == rows(made.records())[0]["torn_lines"]


def test_what_was_changed_is_left_out_and_named(archive: Archive, tmp_path: Path):
    overwrite(archive.record(1), archive.record(1).read_bytes() + b" ")
    journal = next(p for p in archive.files if b'"run": "b"' in p.read_bytes())
    overwrite(journal, journal.read_bytes() + b"{}")
    made = export(archive)
    assert [2] == [row["record"] for row in rows(made.records())]
    assert [] == rows(made.events())
    assert FindingKind.REWRITTEN in [finding.kind for finding in made.findings]
    assert FindingKind.FILE_CHANGED in [finding.kind for finding in made.findings]
    stranger = FileSigner(tmp_path / "other.pem").public
    foreign = RecordExport(archive.store, {stranger.id: stranger}, [2])
    assert [] == list(foreign.records())
    assert [FindingKind.UNKNOWN_KEY] == [finding.kind for finding in foreign.findings]


@pytest.mark.parametrize(("name", "columns"), [("r", RECORD_FIELDS), ("e", EVENT_FIELDS)])
def test_bigquery_makes_the_table(name: str, columns: tuple[Column, ...], tmp_path: Path):
    datasets = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets"
    with parked(tmp_path, Datasets, Tables) as park:
        park.call("POST", datasets, {"datasetReference": {"datasetId": "audit"}})
        wanted = {"tableReference": {"tableId": name}, "schema": {"fields": schema(columns)}}
        park.call("POST", f"{datasets}/audit/tables", wanted)
        made = park.call("GET", f"{datasets}/audit/tables/{name}")
    assert schema(columns) == made["schema"]["fields"]
