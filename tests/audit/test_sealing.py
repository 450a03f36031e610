"""Sealing a run: once, whatever happens on the way."""

import hashlib
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.audit import sealing
from leitstand.audit.envelopes import Envelope
from leitstand.audit.journal import Journal
from leitstand.audit.records import head_of, read_record, unsealed_runs
from leitstand.audit.run_files import KEPT_FILE, RECORD_FILE
from leitstand.audit.sealing import seal_run
from leitstand.audit.sealing_errors import (
    ChainUnusable,
    ChangedAfterSealing,
    NotFinished,
    NotSealable,
    StoreUnreachable,
)
from leitstand.audit.signing import FileSigner
from leitstand.audit.store_directory import DirectoryStore
from leitstand.core.records.chain import Head
from tests.audit.sealed import START, Archive, make_run, overwrite, resume


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs", "a")


def test_a_record_tells_who_did_what_and_names_the_files(archive: Archive, run: Path):
    sealed = archive.seal(run)
    content = archive.record(1).read_bytes()
    assert (Head(1, hashlib.sha256(content).hexdigest()), 1, True) == (
        sealed.head, sealed.part, sealed.new
    )  # fmt: skip
    statement = read_record(content)
    facts = statement.run
    assert ("a", "release", "sandbox", "OPS-1", "completed", 0, "healthy", {"percent": 10}) == (
        facts.operator, facts.runbook, facts.env, facts.ticket, facts.status, facts.exit_code,
        facts.verdict, facts.parameters,
    )  # fmt: skip
    digests = {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest()
        for name in ("journal.jsonl", "notebook.ipynb")
    }
    assert digests == {subject.name: subject.digest for subject in statement.subjects}
    assert (run / "notebook.ipynb").read_bytes() == archive.store.get(digests["notebook.ipynb"])
    assert content == (run / RECORD_FILE).read_bytes()


def test_every_record_names_the_one_before(archive: Archive):
    archive.filled(3)
    records = [archive.record(seq).read_bytes() for seq in (1, 2, 3)]
    digests = [hashlib.sha256(content).hexdigest() for content in records]
    assert ["", *digests[:2]] == [read_record(content).previous for content in records]
    assert Head(3, digests[2]) == head_of(archive.store)


def test_a_run_is_sealed_once(archive: Archive, run: Path):
    first, again = archive.seal(run), archive.seal(run)
    assert (first.head, True, False) == (again.head, first.new, again.new)
    assert 1 == archive.store.head()


def test_a_resumed_run_gets_another_part(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "a", end="run.paused")
    first = archive.seal(run)
    archive.seal(make_run(tmp_path / "runs", "b"))
    resume(run)
    second = archive.seal(run)
    statement = read_record(archive.record(3).read_bytes())
    assert (3, 2, first.head.digest) == (second.head.seq, statement.part, statement.continues)
    assert (("b",), "completed") == (
        tuple(r.operator for r in statement.run.resumptions), statement.run.status
    )  # fmt: skip
    assert () == archive.verify().findings


def test_a_run_without_an_end_waits_for_one(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "a", end="")
    with pytest.raises(NotFinished):
        archive.seal(run)
    archive.seal(run, crashed=True)
    assert "crashed" == read_record(archive.record(1).read_bytes()).run.status


def test_a_journal_that_was_cut_off_is_sealed_as_it_is_and_told(archive: Archive, run: Path):
    size = (run / "journal.jsonl").stat().st_size
    with open(run / "journal.jsonl", "ab") as file:
        file.write(b'{"seq":4,"ev')
    archive.seal(run)
    assert (size,) == read_record(archive.record(1).read_bytes()).run.torn_lines
    (finding,) = archive.verify().findings
    assert f"Beleg 1, journal.jsonl, Byte {size}" == str(finding.place)
    assert archive.verify().intact


def test_what_is_no_file_is_left_out_and_named(archive: Archive, run: Path):
    (run / "link").symlink_to("/etc/passwd")
    (run / "part").mkdir()
    (run / "part" / "f").write_text("x")
    (run / ".f.tmp").touch()
    archive.seal(run)
    statement = read_record(archive.record(1).read_bytes())
    assert ["journal.jsonl", "notebook.ipynb", "part/f"] == [s.name for s in statement.subjects]
    assert ("link",) == statement.run.left_out


@pytest.mark.parametrize(
    ("file", "content", "offset"),
    [
        ("notebook.ipynb", b"[]", 0),
        ("notebook.ipynb", b"{} ", 0),
        ("journal.jsonl", b"", 0),
        ("new.txt", b"", 0),
    ],
)
def test_what_is_edited_after_sealing_is_not_sealed_again(
    archive: Archive, run: Path, file: str, content: bytes, offset: int
):
    archive.seal(run)
    (run / file).write_bytes(content)
    with pytest.raises(ChangedAfterSealing) as caught:
        archive.seal(run)
    assert (file, offset, 1) == (caught.value.file, caught.value.offset, archive.store.head())


def test_a_removed_file_is_not_sealed_again(archive: Archive, run: Path):
    archive.seal(run)
    (run / "notebook.ipynb").unlink()
    with pytest.raises(ChangedAfterSealing, match="notebook"):
        archive.seal(run)


def test_resuming_does_not_hide_a_journal_that_was_edited(archive: Archive, run: Path):
    archive.seal(run)
    text = (run / "journal.jsonl").read_text()
    (run / "journal.jsonl").write_text(text.replace('"healthy"', '"unhealthy"'))
    resume(run)
    with pytest.raises(ChangedAfterSealing, match="journal"):
        archive.seal(run)


def test_later_events_without_a_resumption_are_refused(archive: Archive, run: Path):
    archive.seal(run)
    Journal(run / "journal.jsonl").append("run.completed")
    with pytest.raises(ChangedAfterSealing, match="journal"):
        archive.seal(run)


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"seq":1,"event":"run.started","run":"b"}\n'])
def test_what_is_no_run_is_refused(archive: Archive, run: Path, content: bytes):
    (run / "journal.jsonl").write_bytes(content)
    with pytest.raises(NotSealable):
        archive.seal(run)


def test_a_directory_without_a_journal_is_refused(archive: Archive, tmp_path: Path):
    (tmp_path / "x").mkdir()
    with pytest.raises(NotSealable):
        archive.seal(tmp_path / "x")


def test_nothing_follows_a_head_that_is_no_record(archive: Archive, tmp_path: Path):
    archive.filled(2)
    overwrite(archive.record(2), archive.record(1).read_bytes())
    with pytest.raises(ChainUnusable, match="Beleg 2"):
        archive.seal(make_run(tmp_path / "runs", "c"))
    overwrite(archive.record(2), b"rubbish")
    with pytest.raises(ChainUnusable, match="Beleg 2"):
        archive.seal(tmp_path / "runs" / "c")


def test_a_receipt_that_the_chain_does_not_hold_is_worth_nothing(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "runs", "a")
    (tmp_path / "other").mkdir()
    Archive(tmp_path / "other").seal(run)
    sealed = archive.seal(run)
    assert (True, 1) == (sealed.new, archive.store.head())
    assert () == archive.verify().findings


class Unreachable(DirectoryStore):
    """A store that stops answering at one method."""

    def __init__(self, path: Path, method: str, *, late: bool = False) -> None:
        super().__init__(path)
        self.calls = [method]
        self.late = late

    def append(self, seq: int, content: bytes) -> None:
        if self.late:
            super().append(seq, content)
        self._fail("append")
        super().append(seq, content)

    def put(self, digest: str, path: Path) -> None:
        self._fail("put")
        super().put(digest, path)

    def head(self) -> int:
        self._fail("head")
        return super().head()

    def _fail(self, method: str) -> None:
        if method in self.calls:
            raise TimeoutError("no answer")


@pytest.mark.parametrize(
    ("method", "late"), [("put", False), ("head", False), ("append", False), ("append", True)]
)
def test_a_store_that_does_not_answer_gets_the_record_later(
    archive: Archive, run: Path, method: str, late: bool
):
    store = Unreachable(archive.store.path, method, late=late)
    for _ in range(1 if late else 2):
        with pytest.raises(StoreUnreachable, match="no answer"):
            seal_run(run, store, archive.signer, now=lambda: START)
        assert [run] == unsealed_runs(run.parent)
    store.calls.clear()
    store.late = False
    sealed = seal_run(run, store, archive.signer, now=lambda: START)
    assert (1, 1, []) == (sealed.head.seq, archive.store.head(), unsealed_runs(run.parent))
    assert (True, ()) == (archive.verify().intact, archive.verify().findings)


def test_what_is_edited_while_the_store_is_away_is_noticed(archive: Archive, run: Path):
    store = Unreachable(archive.store.path, "put")
    with pytest.raises(StoreUnreachable):
        seal_run(run, store, archive.signer)
    (run / "notebook.ipynb").write_text("[]")
    with pytest.raises(ChangedAfterSealing, match="notebook"):
        archive.seal(run)


def test_a_record_whose_number_another_took_meanwhile_gets_the_next(archive: Archive, run: Path):
    store = Unreachable(archive.store.path, "append")
    with pytest.raises(StoreUnreachable):
        seal_run(run, store, archive.signer, now=lambda: START)
    archive.seal(make_run(run.parent, "b"))
    assert 2 == archive.seal(run).head.seq
    assert ["b", "a"] == [read_record(archive.store.read(seq)).run_id for seq in (1, 2)]


def test_a_run_is_not_edited_unnoticed_while_another_takes_its_number(archive: Archive, run: Path):
    store = Unreachable(archive.store.path, "append")
    with pytest.raises(StoreUnreachable):
        seal_run(run, store, archive.signer, now=lambda: START)
    archive.seal(make_run(run.parent, "b"))
    (run / "notebook.ipynb").write_text("[]")
    for _ in range(2):
        with pytest.raises(ChangedAfterSealing, match="notebook"):
            archive.seal(run)


def die_at(path: Path, run: Path, point: str) -> None:
    """Seal, and die without a word right before or after one step."""
    archive = Archive(path)
    name, _, when = point.partition(":")
    target = sealing if name in {"replace_whole", "sync_directory"} else archive.store
    real = getattr(target, name)

    def dying(*arguments: object) -> object:
        if when == "before":
            os._exit(9)
        real(*arguments)
        os._exit(9)

    setattr(target, name, dying)
    seal_run(run, archive.store, archive.signer, now=lambda: START)


@pytest.mark.parametrize(
    "point",
    [
        "put:before", "put:after", "replace_whole:before", "replace_whole:after",
        "append:before", "append:after", "sync_directory:before", "sync_directory:after",
    ],
)  # fmt: skip
def test_a_crash_on_the_way_is_finished_by_the_next_call(
    archive: Archive, run: Path, tmp_path: Path, point: str
):
    process = multiprocessing.get_context("fork").Process(
        target=die_at, args=(tmp_path, run, point)
    )
    process.start()
    process.join()
    assert 9 == process.exitcode
    assert 1 == archive.seal(run).head.seq
    assert (1, (), False) == (
        archive.store.head(), archive.verify().findings, (run / KEPT_FILE).exists()
    )  # fmt: skip


def seal_all(path: Path, names: list[str]) -> list[int]:
    store, signer = DirectoryStore(path / "store"), FileSigner(path / "key.pem")
    return [seal_run(path / "runs" / name, store, signer).head.seq for name in names]


def test_two_processes_sealing_at_once_lose_no_run_and_seal_none_twice(
    archive: Archive, tmp_path: Path
):
    mine, shared, theirs = ([f"{kind}{i}" for i in range(4)] for kind in ("m", "s", "t"))
    for name in (*mine, *shared, *theirs):
        make_run(tmp_path / "runs", name)
    names = [[*mine, *shared], [*shared, *theirs]]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        first, second = pool.map(seal_all, [tmp_path] * 2, names)
    assert first[4:] == second[:4]
    assert list(range(1, 13)) == sorted({*first, *second})
    assert archive.verify().intact


def test_the_clock_is_told_as_it_is(archive: Archive, run: Path):
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    seal_run(run, archive.store, archive.signer, now=lambda: moment)
    assert "2020-01-01T00:00:00.000000Z" == read_record(archive.store.read(1)).sealed_at


def test_the_statement_is_one_that_public_tools_read(archive: Archive, run: Path):
    archive.seal(run)
    envelope = json.loads(archive.record(1).read_bytes())
    assert {"payload", "payloadType", "signatures"} == envelope.keys()
    statement = json.loads(Envelope.decode(archive.record(1).read_bytes()).payload)
    assert {"_type", "subject", "predicateType", "predicate"} == statement.keys()
    assert ("https://in-toto.io/Statement/v1", "https://leitstand.dev/run/v1") == (
        statement["_type"], statement["predicateType"]
    )  # fmt: skip
    assert {"name", "digest", "annotations"} == statement["subject"][0].keys()
