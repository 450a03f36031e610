"""A store in a bucket, on the sandbox's Cloud Storage."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.records import unsealed_runs
from leitstand.audit.sealing_errors import StoreUnreachable
from leitstand.audit.store import FileChanged, Listing, Missing, Store, Taken
from leitstand.audit.store_gcs import BucketStore
from leitstand.cloud.record_objects import BucketObjects, BucketUnusable
from leitstand.cloud.rest import Rest
from leitstand.cloud.rest_http import direct
from tests.audit.bucket import Buckets, serving
from tests.audit.sealed import Archive, make_run

NUMBERS = count(1)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        yield served


@pytest.fixture
def bucket(buckets: Buckets) -> str:
    return buckets.make(f"records-{next(NUMBERS)}")


@pytest.fixture
def store(buckets: Buckets, bucket: str) -> BucketStore:
    return buckets.store(bucket, "trail/prod")


def test_it_can_do_what_a_store_must_do(store: Store):
    assert (0, Listing((), frozenset())) == (store.head(), store.listing())


def test_a_record_is_read_as_it_was_written(store: BucketStore):
    for seq in range(1, 8):
        store.append(seq, b"\r\n--%d\n\x00" % seq)
    assert 7 == store.head()
    assert [b"\r\n--%d\n\x00" % seq for seq in range(1, 8)] == [store.read(s) for s in range(1, 8)]


def test_a_number_is_given_once_and_its_record_never_replaced(store: BucketStore):
    store.append(1, b"a")
    for content in (b"b", b"a"):
        with pytest.raises(Taken):
            store.append(1, content)
    assert b"a" == store.read(1)


def test_no_number_is_left_out(store: BucketStore):
    with pytest.raises(Missing):
        store.append(2, b"a")


def test_what_is_not_there_is_missing(store: BucketStore):
    for look in (lambda: store.read(1), lambda: store.get("0" * 64), lambda: store.open("0" * 64)):
        with pytest.raises(Missing):
            look()
    assert not store.has("0" * 64)


@pytest.mark.parametrize("content", [b"", b"content", bytes(range(256)) * 40_000])
def test_a_file_of_any_size_lies_under_its_digest(
    store: BucketStore, tmp_path: Path, content: bytes
):
    (tmp_path / "f").write_bytes(content)
    store.put(digest(content), tmp_path / "f")
    store.put(digest(content), tmp_path / "f")
    assert (True, content) == (store.has(digest(content)), store.get(digest(content)))
    with store.open(digest(content)) as file:
        assert content == b"".join(iter(lambda: file.read(1 << 20), b""))
    assert Listing((), frozenset({digest(content)})) == store.listing()


def test_a_file_that_changed_meanwhile_is_not_taken(store: BucketStore, tmp_path: Path):
    (tmp_path / "f").write_bytes(b"changed")
    with pytest.raises(FileChanged):
        store.put(digest(b"content"), tmp_path / "f")
    assert Listing((), frozenset()) == store.listing()


def test_a_content_that_changes_on_its_way_is_refused(
    buckets: Buckets, bucket: str, tmp_path: Path
):
    class Changing(BucketObjects):
        def create(self, name, source, md5):
            (tmp_path / "f").write_bytes(b"changed")
            return super().create(name, source, md5)

    (tmp_path / "f").write_bytes(b"content")
    store = BucketStore(Changing(buckets.client, bucket))
    with pytest.raises(FileChanged):
        store.put(digest(b"content"), tmp_path / "f")
    assert not store.has(digest(b"content"))


def test_what_does_not_belong_there_is_listed(buckets: Buckets, bucket: str):
    store, anchor = buckets.store(bucket), f"anchors/000000000001-{'a' * 64}.json"
    strays = (
        "anchors/x", "chain/000000000000.json", "chain/1.json", "chain/zzz", "files/x", "files0",
        "incoming/.a.tmp", "x",
    )  # fmt: skip
    empty = hashlib.md5(b"", usedforsecurity=False).digest()
    store.append(1, b"a")
    for name in (*strays, anchor):
        with open("/dev/null", "rb") as nothing:
            buckets.objects(bucket).create(name, nothing, empty)
    assert (1, Listing((1,), frozenset(), strays)) == (store.head(), store.listing())


def test_two_prefixes_of_a_bucket_are_two_stores(buckets: Buckets, bucket: str):
    buckets.store(bucket, "a").append(1, b"a")
    buckets.store(bucket, "ab").append(1, b"ab")
    assert b"a" == buckets.store(bucket, "a").read(1)
    assert Listing((1,), frozenset()) == buckets.store(bucket, "a").listing()


def test_two_writers_at_once_never_get_the_same_number(buckets: Buckets, bucket: str):
    start = threading.Barrier(2)

    def race(name: bytes) -> list[int]:
        store, got = buckets.store(bucket), []
        start.wait()
        while len(got) < 10:
            seq = store.head() + 1
            try:
                store.append(seq, name)
            except Taken:
                continue
            got.append(seq)
        return got

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(race, [b"0", b"1"])
    assert list(range(1, 21)) == sorted(first + second)
    store = buckets.store(bucket)
    assert [b"0"] * 10 == [store.read(seq) for seq in first]
    assert [b"1"] * 10 == [store.read(seq) for seq in second]


def archive(path: Path, store: BucketStore) -> Archive:
    made = Archive(path)
    made.store = store
    return made


def test_two_runs_that_end_at_once_are_both_in_the_chain(
    buckets: Buckets, bucket: str, tmp_path: Path
):
    def seal(name: str) -> int:
        mine = archive(tmp_path, buckets.store(bucket))
        return mine.seal(make_run(tmp_path / "runs", name)).head.seq

    Archive(tmp_path)  # makes the key
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(seal, "abcd"))
    assert [1, 2, 3, 4] == sorted(numbers)
    report = archive(tmp_path, buckets.store(bucket)).verify()
    assert (4, True) == (report.records, report.intact)


def test_whatever_is_tampered_with_in_the_bucket_is_found_with_its_place(
    buckets: Buckets, bucket: str, tmp_path: Path
):
    made = archive(tmp_path, buckets.store(bucket, "p")).filled(3)
    record = buckets.file(bucket, "p/chain/000000000002.json")
    sound = record.read_bytes()
    middle = len(sound) // 2
    record.chmod(0o600)
    record.write_bytes(sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
    assert 2 in [found.place.seq for found in made.verify().findings if found.breaks]
    record.write_bytes(sound)
    content = b'{"cells": ["b"]}'
    notebook = buckets.file(bucket, f"p/files/{digest(content)}")
    notebook.chmod(0o600)
    notebook.write_bytes(b'{"cells": ["x"]}')
    (found,) = made.verify().findings
    assert (2, "notebook.ipynb") == (found.place.seq, found.place.file)
    notebook.write_bytes(content)
    assert made.verify().intact
    buckets.delete(bucket, "p/chain/000000000002.json")
    assert "Beleg 2: Der Beleg fehlt." in [str(found) for found in made.verify().findings]


CALLS = {
    "head": lambda store, file: store.head(),
    "listing": lambda store, file: store.listing(),
    "read": lambda store, file: store.read(1),
    "get": lambda store, file: store.get("0" * 64),
    "open": lambda store, file: store.open("0" * 64),
    "has": lambda store, file: store.has("0" * 64),
    "the first append": lambda store, file: store.append(1, b"a"),
    "append": lambda store, file: store.append(2, b"a"),
    "put": lambda store, file: store.put(digest(b"content"), file),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_store_that_does_not_answer_is_an_error_of_the_system(
    buckets: Buckets, tmp_path: Path, call: Callable[[BucketStore, Path], object]
):
    (tmp_path / "f").write_bytes(b"content")
    nobody = Rest(direct, "http://127.0.0.1:1", reads=1)
    with pytest.raises(BucketUnusable, match="antwortet nicht"):
        call(BucketStore(BucketObjects(lambda: nobody, "records")), tmp_path / "f")
    with pytest.raises(BucketUnusable, match="bucket does not exist"):
        call(buckets.store("no-such-bucket"), tmp_path / "f")


class Tearing:
    """A wire that tears after some requests arrived, before their answers come.

    Args:
        method: Of the requests that it tears at.
        times: How often.
    """

    def __init__(self, method: str, times: int = 1) -> None:
        self.method, self.left = method, times
        self.sent: list[str] = []

    def __call__(self) -> "Tearing":
        return self

    def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
        answer = direct(10).request(uri, method=method, **named)
        self.sent.append(method)
        if method == self.method and self.left:
            self.left -= 1
            raise ConnectionResetError("torn")
        return answer


def torn(buckets: Buckets, bucket: str, wire: Tearing) -> BucketStore:
    return BucketStore(BucketObjects(lambda: buckets.client(wire), bucket))


def test_a_record_whose_answer_was_lost_is_ours(buckets: Buckets, bucket: str):
    wire = Tearing("POST")
    torn(buckets, bucket, wire).append(1, b"a")
    assert (b"a", 2) == (buckets.store(bucket).read(1), wire.sent.count("POST"))


def test_a_number_taken_by_another_while_answers_were_lost_is_taken(buckets: Buckets, bucket: str):
    buckets.store(bucket).append(1, b"a")

    class Dead(Tearing):
        def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
            if method == "POST" and self.left:
                self.left -= 1
                raise ConnectionResetError("torn")
            return direct(10).request(uri, method=method, **named)

    with pytest.raises(Taken):
        torn(buckets, bucket, Dead("POST")).append(1, b"b")


def test_a_service_that_never_answers_is_asked_three_times(buckets: Buckets, bucket: str):
    wire = Tearing("POST", 99)
    with pytest.raises(BucketUnusable):
        torn(buckets, bucket, wire).append(1, b"a")
    assert 3 == wire.sent.count("POST")


@pytest.mark.parametrize("times", [1, 2])
def test_a_large_file_goes_on_where_the_wire_tore(
    buckets: Buckets, bucket: str, tmp_path: Path, times: int
):
    content = bytes(range(256)) * 70_000
    (tmp_path / "f").write_bytes(content)
    wire = Tearing("PUT", times)
    torn(buckets, bucket, wire).put(digest(content), tmp_path / "f")
    assert (content, 1) == (buckets.store(bucket).get(digest(content)), wire.sent.count("POST"))


def test_a_run_whose_store_does_not_answer_is_sealed_later(
    buckets: Buckets, bucket: str, tmp_path: Path
):
    run = make_run(tmp_path / "runs", "a")
    nobody = Rest(direct, "http://127.0.0.1:1", reads=1)
    with pytest.raises(StoreUnreachable, match="aufgehoben"):
        archive(tmp_path, BucketStore(BucketObjects(lambda: nobody, bucket))).seal(run)
    assert [run] == unsealed_runs(tmp_path / "runs")
    made = archive(tmp_path, buckets.store(bucket))
    # The record arrives, and its answer is lost for good.
    made.store = torn(buckets, bucket, Tearing("POST", 99))
    with pytest.raises(StoreUnreachable):
        made.seal(run)
    made.store = buckets.store(bucket)
    assert 1 == made.seal(run).head.seq
    assert ([], 1, True) == (
        unsealed_runs(tmp_path / "runs"), made.verify().records, made.verify().intact,
    )  # fmt: skip
