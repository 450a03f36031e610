"""What verification says of a store and of a run directory."""

import hashlib
import json
from pathlib import Path

import pytest

from leitstand.audit.envelopes import sign
from leitstand.audit.records import head_of, read_record
from leitstand.audit.sealing import seal_run
from leitstand.audit.signing import FileSigner
from leitstand.audit.verification import verify_run, verify_store
from leitstand.core.records.chain import Head
from leitstand.core.records.findings import FindingKind as Kind
from leitstand.core.records.statement import PAYLOAD_TYPE, Statement
from tests.audit.sealed import START, Archive, make_run, overwrite


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path).filled(3)


def found(archive: Archive, *anchors: Head) -> list[tuple[Kind, str]]:
    return [(f.kind, str(f.place)) for f in archive.verify(*anchors).findings]


def stored(archive: Archive, seq: int, name: str) -> Path:
    statement = read_record(archive.record(seq).read_bytes())
    digest = next(s.digest for s in statement.subjects if s.name == name)
    return archive.store.path / "files" / digest


def rewrite(archive: Archive, seq: int, signer: FileSigner, **changes: object) -> None:
    """Replace a record by one that says something else, signed anew."""
    statement = read_record(archive.record(seq).read_bytes())
    changed = Statement(**{**fields(statement), **changes})
    overwrite(archive.record(seq), sign(PAYLOAD_TYPE, changed.encode(), signer).encode())


def fields(statement: Statement) -> dict[str, object]:
    return {name: getattr(statement, name) for name in Statement.__dataclass_fields__}


def test_a_store_that_nobody_touched_is_intact(archive: Archive):
    report = archive.verify(head_of(archive.store))
    assert (3, 6, (), True, 3) == (
        report.records, report.files, report.findings, report.intact, report.anchored
    )  # fmt: skip
    assert head_of(archive.store) == report.head


def test_an_empty_store_is_intact(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    report = Archive(tmp_path / "empty").verify()
    assert (0, Head(0, ""), True) == (report.records, report.head, report.intact)


def test_a_file_that_was_edited_is_named_with_the_place(archive: Archive, tmp_path: Path):
    content = bytes(i % 251 for i in range(100_000))
    run = make_run(tmp_path / "runs", "big")
    (run / "notebook.ipynb").write_bytes(content)
    archive.seal(run)
    changed = bytearray(content)
    changed[70_000] ^= 1
    overwrite(stored(archive, 4, "notebook.ipynb"), changed)
    assert [(Kind.FILE_CHANGED, "Beleg 4, notebook.ipynb, Byte 69632–73727")] == found(archive)


def test_a_large_file_is_read_in_pieces_and_its_place_is_named(archive: Archive, tmp_path: Path):
    content = bytes(3 << 20)
    run = make_run(tmp_path / "runs", "big")
    (run / "notebook.ipynb").write_bytes(content)
    archive.seal(run)
    assert archive.verify().intact
    overwrite(stored(archive, 4, "notebook.ipynb"), content[:-1])
    (finding,) = archive.verify().findings
    assert "3145727 statt 3145728 Bytes" == finding.detail
    assert 3145727 - 65536 < finding.place.offset < finding.place.end <= 3145728


def test_a_file_that_several_runs_left_is_named_for_each(archive: Archive, tmp_path: Path):
    for name in ("x", "y"):
        archive.seal(make_run(tmp_path / "runs", name, notebook="same"))
    stored(archive, 4, "notebook.ipynb").unlink()
    assert [
        (Kind.FILE_MISSING, "Beleg 4, notebook.ipynb"),
        (Kind.FILE_MISSING, "Beleg 5, notebook.ipynb"),
    ] == found(archive)


def test_without_reading_files_a_missing_one_is_still_found(archive: Archive):
    stored(archive, 2, "journal.jsonl").unlink()
    report = verify_store(archive.store, archive.keys, files=False)
    assert [(Kind.FILE_MISSING, 0)] == [(f.kind, report.files) for f in report.findings]


def test_a_removed_record_is_named(archive: Archive):
    archive.record(2).unlink()
    assert (Kind.RECORD_MISSING, "Beleg 2") in found(archive)


def test_the_first_record_cannot_go_either(archive: Archive):
    archive.record(1).unlink()
    assert (Kind.RECORD_MISSING, "Beleg 1") in found(archive)


def test_swapped_records_are_named(archive: Archive):
    first, second = archive.record(1).read_bytes(), archive.record(2).read_bytes()
    overwrite(archive.record(1), second)
    overwrite(archive.record(2), first)
    kinds = found(archive)
    assert (Kind.WRONG_PLACE, "Beleg 1") in kinds
    assert (Kind.WRONG_PLACE, "Beleg 2") in kinds


def test_swapped_files_are_named(archive: Archive):
    one, two = stored(archive, 1, "notebook.ipynb"), stored(archive, 2, "notebook.ipynb")
    first, second = one.read_bytes(), two.read_bytes()
    overwrite(one, second)
    overwrite(two, first)
    assert [
        (Kind.FILE_CHANGED, "Beleg 1, notebook.ipynb, Byte 0–15"),
        (Kind.FILE_CHANGED, "Beleg 2, notebook.ipynb, Byte 0–15"),
    ] == found(archive)


def test_a_cut_tail_shows_against_an_anchor(archive: Archive):
    anchor = head_of(archive.store)
    for name in ("journal.jsonl", "notebook.ipynb"):
        stored(archive, 3, name).unlink()
    archive.record(3).unlink()
    assert [] == found(archive)
    assert [(Kind.TAIL_CUT, "Beleg 3")] == found(archive, anchor)
    assert 0 == archive.verify(anchor).anchored


def test_a_chain_that_its_producer_wrote_anew_shows_against_an_anchor(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    archive, other = Archive(tmp_path / "a").filled(2), Archive(tmp_path / "b")
    other.signer = archive.signer
    other.filled(3)
    anchor = head_of(archive.store)
    assert () == verify_store(other.store, archive.keys).findings
    report = verify_store(other.store, archive.keys, [anchor])
    assert [Kind.ANCHOR_DIFFERS] == [f.kind for f in report.findings]


def test_files_whose_record_was_cut_off_are_a_hint_without_an_anchor(archive: Archive):
    archive.record(3).unlink()
    assert [Kind.UNREFERENCED] * 2 == [kind for kind, _ in found(archive)]


def test_a_record_that_a_stranger_signed_is_named(archive: Archive, tmp_path: Path):
    rewrite(archive, 3, FileSigner(tmp_path / "other.pem"))
    assert (Kind.UNKNOWN_KEY, "Beleg 3") in found(archive)


def test_a_record_that_was_signed_anew_with_our_key_breaks_the_link_behind_it(archive: Archive):
    rewrite(archive, 2, archive.signer, sealed_at="2126-11-26T07:00:01.5Z")
    assert [(Kind.BROKEN_LINK, "Beleg 3")] == found(archive)


def test_a_key_that_is_no_longer_trusted_counts_no_more(archive: Archive, tmp_path: Path):
    other = FileSigner(tmp_path / "other.pem").public
    report = verify_store(archive.store, {other.id: other})
    assert {Kind.UNKNOWN_KEY} <= {f.kind for f in report.findings}
    assert not report.intact


def test_a_new_key_goes_on_with_the_chain_of_the_old_one(archive: Archive, tmp_path: Path):
    old, new = archive.signer, FileSigner(tmp_path / "new.pem")
    archive.signer = new
    archive.seal(make_run(tmp_path / "runs", "d"))
    keys = {key.id: key for key in (old.public, new.public)}
    assert () == verify_store(archive.store, keys).findings


def test_a_clock_that_was_moved_back_between_two_runs_is_found(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "d")
    seal_run(run, archive.store, archive.signer, now=lambda: START)
    (finding,) = archive.verify().findings
    assert "Beleg 4: Die Uhr ging zurück: versiegelt 5.000 s vor dem Beleg davor." == str(finding)
    assert archive.verify().intact


def test_a_clock_that_was_moved_back_during_a_run_is_found(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "d", end="")
    with open(run / "journal.jsonl", "a") as file:
        event = {"seq": 3, "at": "2026-11-20T00:00:00Z", "event": "run.completed"}
        file.write(json.dumps(event) + "\n")
    archive.seal(run)
    (finding,) = archive.verify().findings
    assert (Kind.CLOCK_BACK, "Beleg 4, journal.jsonl") == (finding.kind, str(finding.place))


def test_events_that_were_taken_out_before_sealing_are_found(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "d")
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(lines[0] + lines[2])
    archive.seal(run)
    (finding,) = archive.verify().findings
    assert (Kind.JOURNAL_GAP, "vor Ereignis 3") == (finding.kind, finding.detail)


def test_a_run_that_was_sealed_twice_is_found(archive: Archive):
    run = archive.path / "runs" / "a"
    (run / "record.json").unlink()
    archive.seal(run)
    assert [(Kind.PART_OUT_OF_ORDER, "Beleg 4")] == found(archive)


def test_a_number_far_away_does_not_list_all_between(archive: Archive):
    (archive.store.path / "chain" / "999999999999.json").write_bytes(b"{}")
    report = archive.verify()
    assert 100 == sum(f.kind is Kind.RECORD_MISSING for f in report.findings)
    assert not report.intact


def test_a_notebook_that_was_edited_in_the_run_directory_is_found(archive: Archive):
    run = archive.path / "runs" / "b"
    statement = read_record(archive.record(2).read_bytes())
    assert [] == verify_run(run, statement)
    (run / "notebook.ipynb").write_text('{"cells": ["x"]}')
    (run / "journal.jsonl").unlink()
    (run / "extra").touch()
    assert [
        (Kind.FILE_MISSING, "Beleg 2, journal.jsonl"),
        (Kind.FILE_CHANGED, "Beleg 2, notebook.ipynb, Byte 0–15"),
        (Kind.STRAY, "Beleg 2, extra"),
    ] == [(f.kind, str(f.place)) for f in verify_run(run, statement)]


def test_what_a_crashed_writer_left_is_told_and_breaks_nothing(archive: Archive):
    (archive.store.path / "incoming" / ".a.tmp").touch()
    assert [(Kind.UNREFERENCED, "incoming/.a.tmp")] == found(archive)
    assert archive.verify().intact


def test_the_head_is_the_digest_of_the_bytes_on_the_disk(archive: Archive):
    digest = hashlib.sha256(archive.record(3).read_bytes()).hexdigest()
    assert Head(3, digest) == archive.verify().head
