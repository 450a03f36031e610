"""A store in a directory."""

import hashlib
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from leitstand.audit.store import FileChanged, Listing, Missing, Store, Taken
from leitstand.audit.store_directory import DirectoryStore


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_it_can_do_what_a_store_must_do(tmp_path: Path):
    store: Store = DirectoryStore(tmp_path)
    assert 0 == store.head()


def test_an_empty_store_needs_no_directory(tmp_path: Path):
    store = DirectoryStore(tmp_path / "none")
    assert (0, Listing((), frozenset())) == (store.head(), store.listing())
    assert not (tmp_path / "none").exists()


def test_a_record_is_read_as_it_was_written(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    store.append(1, b"a")
    store.append(2, b"b")
    assert (2, b"a", b"b") == (store.head(), store.read(1), store.read(2))


def test_a_number_is_given_once(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    store.append(1, b"a")
    with pytest.raises(Taken):
        store.append(1, b"b")
    assert b"a" == store.read(1)


def test_no_number_is_left_out(tmp_path: Path):
    with pytest.raises(Missing):
        DirectoryStore(tmp_path).append(2, b"a")


def test_what_is_not_there_is_missing(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    with pytest.raises(Missing):
        store.read(1)
    with pytest.raises(Missing):
        store.get("0" * 64)
    with pytest.raises(Missing):
        store.open("0" * 64)
    assert not store.has("0" * 64)


def test_a_file_lies_under_its_digest(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"content")
    store = DirectoryStore(tmp_path / "store")
    store.put(digest(b"content"), tmp_path / "f")
    store.put(digest(b"content"), tmp_path / "f")
    assert (True, b"content") == (store.has(digest(b"content")), store.get(digest(b"content")))
    with store.open(digest(b"content")) as file:
        assert b"content" == file.read()
    assert Listing((), frozenset({digest(b"content")})) == store.listing()


def test_a_file_that_changed_meanwhile_is_not_taken(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"changed")
    store = DirectoryStore(tmp_path / "store")
    with pytest.raises(FileChanged):
        store.put(digest(b"content"), tmp_path / "f")
    assert Listing((), frozenset()) == store.listing()


def test_only_its_owner_reads_it_and_nobody_writes_it(tmp_path: Path):
    store = DirectoryStore(tmp_path / "store")
    store.append(1, b"a")
    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "store", *(tmp_path / "store").rglob("*"))
    }
    assert {
        "store": 0o700,
        "store/chain": 0o700,
        "store/files": 0o700,
        "store/incoming": 0o700,
        "store/chain/000000000001.json": 0o400,
    } == modes


def test_what_does_not_belong_there_is_listed(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    store.append(1, b"a")
    for name in ("chain/1.json", "chain/000000000000.json", "files/x", "incoming/.a.tmp", "x"):
        (tmp_path / name).touch()
    os.symlink("000000000001.json", tmp_path / "chain" / "000000000002.json")
    (tmp_path / "files" / ("0" * 64)).mkdir()
    assert Listing(
        (1,),
        frozenset(),
        (
            "chain/000000000000.json", "chain/000000000002.json", "chain/1.json",
            "files/" + "0" * 64, "files/x", "x",
        ),
        ("incoming/.a.tmp",),
    ) == store.listing()  # fmt: skip


def race(path: Path, name: int) -> list[int]:
    store, got = DirectoryStore(path), []
    while len(got) < 20:
        seq = store.head() + 1
        try:
            store.append(seq, b"%d" % name)
        except Taken:
            continue
        got.append(seq)
    return got


def test_two_writers_at_once_never_get_the_same_number(tmp_path: Path):
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        first, second = pool.map(race, [tmp_path] * 2, range(2))
    assert list(range(1, 41)) == sorted(first + second)
    store = DirectoryStore(tmp_path)
    assert [b"0"] * 20 == [store.read(seq) for seq in first]
    assert [b"1"] * 20 == [store.read(seq) for seq in second]
