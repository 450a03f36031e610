"""What holds in every store of locks: in a directory, and on the sandbox's Cloud Storage."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from leitstand.cloud.lock_objects import BucketLocks
from leitstand.core.lock_errors import Locked, LockStoreUnusable
from leitstand.core.locks import age
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_opening import NoLockAddress, open_lock_store
from leitstand.execution.lock_store import LockStore
from tests.audit.bucket import Buckets, serving
from tests.fixtures.locks import locks

NUMBERS = count(1)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        yield served


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LockStore:
    if request.param == "directory":
        return DirectoryLocks(tmp_path / "store")
    buckets = request.getfixturevalue("buckets")
    bucket = buckets.make(f"locks-{next(NUMBERS)}")
    return BucketLocks(buckets.client, bucket, "a")


def test_an_entry_is_written_only_at_the_version_that_was_seen(store: LockStore) -> None:
    first = store.write("runs/x.json", {"n": 1, "ä": "ö"}, "")
    assert first is not None
    assert store.write("runs/x.json", {"n": 2}, "") is None
    second = store.write("runs/x.json", {"n": 2}, first.version)
    assert second is not None
    assert store.write("runs/x.json", {"n": 3}, first.version) is None
    read = store.read("runs/x.json")
    assert read is not None
    assert ({"n": 2}, second.version) == (read.content, read.version)
    assert read.updated == second.updated
    assert {"n": 1, "ä": "ö"} == first.content


def test_an_entry_is_deleted_only_at_the_version_that_was_seen(store: LockStore) -> None:
    first = store.write("x.json", {}, "")
    assert first is not None
    second = store.write("x.json", {}, first.version)
    assert second is not None
    assert [False, True, False] == [
        store.delete("x.json", version)
        for version in (first.version, second.version, second.version)
    ]
    assert store.read("x.json") is None


def test_a_version_never_comes_back(store: LockStore) -> None:
    first = store.write("x.json", {}, "")
    assert first is not None
    store.delete("x.json", first.version)
    again = store.write("x.json", {}, "")
    assert again is not None
    assert first.version != again.version
    assert store.write("x.json", {}, first.version) is None


def test_entries_are_listed_with_their_content(store: LockStore) -> None:
    assert [] == store.listing("runs/")
    for name in ("runs/b.json", "runs/a.json", "targets/c.json"):
        store.write(name, {"name": name}, "")
    assert ["runs/a.json", "runs/b.json"] == [found.name for found in store.listing("runs/")]
    assert ["runs/a.json", "runs/b.json"] == [f.content["name"] for f in store.listing("runs/")]


def test_the_age_of_an_entry_is_told_by_the_clock_of_the_store(store: LockStore) -> None:
    store.write("runs/x.json", {}, "")
    time.sleep(1.1)
    read = store.read("runs/x.json")
    assert read is not None
    # The service tells whole seconds.
    assert 0.1 <= age(read) < 10
    assert 0.1 <= age(store.listing("runs/")[0]) < 10


def test_of_a_hundred_that_write_at_once_exactly_one_wins(store: LockStore) -> None:
    start = threading.Barrier(100)

    def race(number: int) -> bool:
        start.wait()
        return store.write("x.json", {"n": number}, "") is not None

    with ThreadPoolExecutor(100) as pool:
        won = list(pool.map(race, range(100)))
    assert 1 == sum(won)
    read = store.read("x.json")
    assert read is not None
    assert won.index(True) == read.content["n"]


def test_of_a_hundred_runs_that_want_the_same_exactly_one_gets_it(
    store: LockStore, tmp_path: Path
) -> None:
    start = threading.Barrier(100)
    runs = [locks(store, tmp_path / f"machine-{n % 3}", f"r{n}") for n in range(100)]

    def race(number: int) -> str:
        start.wait()
        try:
            runs[number].acquire(["a/web", "a/worker"])
        except Locked as refusal:
            return refusal.lease.holder.run
        return ""

    with ThreadPoolExecutor(100) as pool:
        seen = list(pool.map(race, range(100)))
    assert 1 == seen.count("")
    runs[seen.index("")].check()
    for run in runs:
        run.release()
    assert [] == store.listing("targets/") + store.listing("runs/")


def _grab(place: Path, number: int, start: "threading.Barrier") -> bool:
    mine = locks(DirectoryLocks(place / "store"), place / "machine", f"r{number}")
    start.wait()
    try:
        mine.acquire(["a/web"])
    except Locked:
        return False
    time.sleep(1.0)  # longer than any of the others needs
    return True


def test_of_many_processes_exactly_one_gets_the_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, won = context.Barrier(12), context.Queue()

    def race(number: int) -> None:
        won.put(_grab(tmp_path, number, start))

    processes = [context.Process(target=race, args=(number,)) for number in range(12)]
    for process in processes:
        process.start()
    results = [won.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
    assert 1 == sum(results)


def test_an_entry_that_is_none_is_said_to_be_unreadable(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path)
    store.write("runs/x.json", {}, "")
    for content in ("", "[]", "{}", "nothing"):
        (tmp_path / "runs" / "x.json").write_text(content)
        with pytest.raises(LockStoreUnusable, match="nicht lesbar"):
            store.read("runs/x.json")


def test_a_directory_that_cannot_be_made_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = DirectoryLocks(tmp_path / "file" / "locks")
    with pytest.raises(LockStoreUnusable, match="sind nicht erreichbar"):
        store.write("x.json", {}, "")


def test_what_does_not_reach_the_disk_leaves_the_entry_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryLocks(tmp_path)
    first = store.write("runs/x.json", {"n": 1}, "")
    assert first is not None

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", broken)
        with pytest.raises(LockStoreUnusable, match="Input/output error"):
            store.write("runs/x.json", {"n": 2}, first.version)
    assert [{"n": 1}] == [found.content for found in store.listing("runs/")]
    assert ["x.json"] == [path.name for path in (tmp_path / "runs").iterdir()]


def test_everything_in_a_directory_is_private(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path / "store")
    store.write("runs/x.json", {}, "")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "store").rglob("*")}
    assert {0o600, 0o700} == modes


@pytest.mark.parametrize(
    "url", ["", "gs:", "gs://", "gs://X", "s3://b", "gs://b-1//p", "locks", "./locks", "../locks"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(NoLockAddress, match="absoluten Pfad"):
        open_lock_store(url, lambda: None)  # type: ignore[arg-type, return-value]  # never called


@pytest.mark.parametrize(
    ("url", "expected"), [("gs://b-1", "gs://b-1"), ("gs://b-1/p/q/", "gs://b-1/p/q"), ("/x", "/x")]
)
def test_a_store_is_opened_by_its_address(url: str, expected: str) -> None:
    assert expected == open_lock_store(url, lambda: None).url  # type: ignore[arg-type, return-value]  # never called
