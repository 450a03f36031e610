"""The search index over a store: what it finds, and when it is made anew."""

import json
import stat
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from leitstand.audit.record_index import RecordIndex
from leitstand.core.records.row import UNREADABLE
from tests.audit.sealed import Archive, make_run, overwrite, resume


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path).filled(3)


@pytest.fixture
def index(archive: Archive) -> RecordIndex:
    found = RecordIndex(archive.path / "records.sqlite")
    found.update(archive.store)
    return found


def run_of(runs: Path, name: str, **started: object) -> Path:
    run = runs / name
    run.mkdir(parents=True)
    journal = Journal(run / "journal.jsonl")
    journal.append("run.started", run=name, **started)
    journal.append("run.failed", exit_code=4, error="Timeout", message="Zu spät für Überläufe.")
    return run


def numbers(index: RecordIndex, text: str = "", **filters: str) -> list[int]:
    return [row.seq for row in index.search(text, **filters)]


def test_the_newest_record_is_listed_first_and_only_new_ones_are_read(
    archive: Archive, index: RecordIndex
):
    assert [3, 2, 1] == numbers(index)
    assert 0 == index.update(archive.store)
    archive.seal(make_run(archive.path / "runs", "d"))
    assert 1 == index.update(archive.store)
    assert [4, 3] == [row.seq for row in index.search(limit=2)]
    assert 4 == index.count()


def test_a_row_says_what_the_record_says(index: RecordIndex):
    row = index.search(run="a")[0]
    assert ("a", "release", "sandbox", "a", "OPS-1", "completed", "healthy", 1) == (
        row.run, row.runbook, row.env, row.operator, row.ticket, row.status, row.verdict, row.part
    )  # fmt: skip
    assert 64 == len(row.digest)


FOUND_BY = (
    "django-secret-key", "secret-key", "DJANGO", "überläufe", "Timeout", "168", '" OR "',
    "projects/p/secrets/django-secret-key", "secrets/dja OPS-77", "a@example.org",
)  # fmt: skip
NOT_FOUND_BY = (
    "cret-key", "ops-77 absent", 'text" NOT "x', "*", "-", "status::", ":env", "incident",
)  # fmt: skip


def test_words_are_found_from_any_part_on(archive: Archive, index: RecordIndex):
    parameters = {"secret": "projects/p/secrets/django-secret-key", "keep": 168, "or": "or"}
    archive.seal(
        run_of(archive.path / "runs", "x", operator="a@example.org", ticket="OPS-77",
               parameters=parameters)
    )  # fmt: skip
    index.update(archive.store)
    assert [] == [text for text in FOUND_BY if 4 not in numbers(index, text)]
    assert [] == [text for text in NOT_FOUND_BY if 4 in numbers(index, text)]


def test_filters_narrow_with_and_without_words(archive: Archive, index: RecordIndex):
    archive.seal(
        run_of(archive.path / "runs", "20261126-x", env="prod", runbook="migrate", operator="b",
               ticket="OPS-7", parameters={"word": "common"})
    )  # fmt: skip
    index.update(archive.store)
    for filters in (
        {"env": "prod"}, {"runbook": "migrate"}, {"operator": "b"}, {"status": "failed"},
        {"ticket": "OPS-7"}, {"run": "20261126"},
    ):  # fmt: skip
        assert [4] == numbers(index, **filters) == numbers(index, "common", **filters)
    at = index.search(run="20261126")[0].started_at
    assert [4] == numbers(index, since=at)
    assert 4 not in numbers(index, until=at)
    assert [] == numbers(index, env="prod' OR 1=1 --")


def test_each_part_of_a_run_has_its_number(archive: Archive, index: RecordIndex):
    run = make_run(archive.path / "runs", "again", end="run.paused")
    archive.seal(run)
    resume(run)
    archive.seal(run)
    index.update(archive.store)
    assert [4, 5] == index.numbers("again")
    assert [] == index.numbers("agai")


def test_an_index_of_another_or_a_changed_store_is_made_anew(
    tmp_path: Path, archive: Archive, index: RecordIndex
):
    (tmp_path / "other").mkdir()
    other = Archive(tmp_path / "other").filled(2)
    assert 2 == index.update(other.store)
    assert [2, 1] == numbers(index)
    assert 3 == index.update(archive.store)
    archive.record(3).unlink()
    assert 2 == index.update(archive.store)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_broken_file_is_made_anew(content: bytes, archive: Archive, index: RecordIndex):
    index.path.write_bytes(content)
    assert 3 == index.update(archive.store)
    assert [3, 2, 1] == numbers(index, "release")


def test_a_record_that_says_nothing_is_listed_all_the_same(archive: Archive, index: RecordIndex):
    archive.filled(0)
    overwrite(archive.record(2), b"{}")
    archive.seal(make_run(archive.path / "runs", "d"))
    index.path.unlink()
    archive.record(1).unlink()
    assert 4 == index.update(archive.store)
    assert [(4, "completed"), (3, "completed"), (2, UNREADABLE), (1, UNREADABLE)] == [
        (row.seq, row.status) for row in index.search()
    ]


def test_only_its_owner_reads_the_index(index: RecordIndex):
    assert 0o600 == stat.S_IMODE(index.path.stat().st_mode)


def test_a_row_is_json(index: RecordIndex):
    (row,) = index.search(limit=1)
    assert row.as_data() == json.loads(json.dumps(row.as_data()))
