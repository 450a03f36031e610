"""Locks in a bucket when answers get lost, the bucket is gone, or the service refuses."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httplib2
import pytest

from leitstand.cloud.lock_objects import BucketLocks
from leitstand.cloud.rest_http import direct
from leitstand.core.lock_errors import LockStoreMissing, LockStoreUnusable
from tests.audit.bucket import Buckets, serving

NUMBERS = count(1)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        yield served


@pytest.fixture
def bucket(buckets: Buckets) -> str:
    return buckets.make(f"locks-{next(NUMBERS)}")


class Wire:
    """An HTTP client that loses answers, or gets others than the service gave."""

    def __init__(self, lost: int = 0, answer: tuple[int, bytes] | None = None) -> None:
        self.lost = lost
        self.answer = answer
        self.sent: list[str] = []

    def __call__(self) -> "Wire":
        return self

    def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
        self.sent.append(method)
        if self.answer is not None:
            status, content = self.answer
            return httplib2.Response({"status": str(status)}), content
        answer = direct(10).request(uri, method=method, **named)
        if method in {"POST", "DELETE"} and self.lost:
            self.lost -= 1
            raise ConnectionResetError("closed without an answer")
        return answer


def on(wire: Wire, buckets: Buckets, bucket: str) -> BucketLocks:
    return BucketLocks(lambda: buckets.client(wire), bucket)


def test_a_write_whose_answer_is_lost_counts_once(buckets: Buckets, bucket: str) -> None:
    wire = Wire(lost=1)
    written = on(wire, buckets, bucket).write("x.json", {"n": 1}, "")
    assert written is not None
    assert ["POST", "POST", "GET"] == wire.sent
    read = BucketLocks(buckets.client, bucket).read("x.json")
    assert read is not None
    assert ({"n": 1}, written.version) == (read.content, read.version)


def test_somebody_elses_write_is_not_taken_for_one_whose_answer_was_lost(
    buckets: Buckets, bucket: str
) -> None:
    store = BucketLocks(buckets.client, bucket)

    class Overtaken(Wire):
        def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
            if method == "POST" and not self.sent:
                self.sent.append(method)
                store.write("x.json", {"n": 2}, "")
                raise ConnectionResetError("closed without an answer")
            return super().request(uri, method, **named)

    assert on(Overtaken(), buckets, bucket).write("x.json", {"n": 1}, "") is None


def test_a_bucket_that_is_not_there_is_said_to_be_missing(buckets: Buckets) -> None:
    store = BucketLocks(buckets.client, "nowhere")
    for call in (
        lambda: store.read("x.json"),
        lambda: store.listing("runs/"),
        lambda: store.write("x.json", {}, ""),
        lambda: store.delete("x.json", "1"),
    ):
        with pytest.raises(LockStoreMissing, match="leitstand run provision"):
            call()


def test_a_service_that_fails_is_asked_three_times(buckets: Buckets, bucket: str) -> None:
    wire = Wire(answer=(503, b""))
    with pytest.raises(LockStoreUnusable, match=f"gs://{bucket} sind nicht erreichbar"):
        on(wire, buckets, bucket).read("x.json")
    assert 3 == len(wire.sent)


def test_a_refusal_says_what_is_missing_and_is_not_asked_again(
    buckets: Buckets, bucket: str
) -> None:
    message = b'{"error": {"message": "anna does not have storage.objects.create access."}}'
    wire = Wire(answer=(403, message))
    with pytest.raises(LockStoreUnusable, match="Berechtigung"):
        on(wire, buckets, bucket).write("x.json", {}, "")
    assert 1 == len(wire.sent)


def test_an_object_that_is_no_lock_is_said_to_be_none(buckets: Buckets, bucket: str) -> None:
    import io

    from leitstand.cloud.object_contents import upload

    upload(buckets.rest, bucket, io.BytesIO(b"x"), what="", body={"name": "x.json"}, query={})
    with pytest.raises(LockStoreUnusable, match="ist keine Sperre"):
        BucketLocks(buckets.client, bucket).read("x.json")


def test_more_locks_than_a_page_holds_are_all_listed(buckets: Buckets, bucket: str) -> None:
    store = BucketLocks(buckets.client, bucket, "deep/down")
    for number in range(5):
        store.write(f"runs/{number}.json", {}, "")

    class Small(Wire):
        def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
            return super().request(f"{uri}&maxResults=2", method, **named)

    wire = Small()
    listed = BucketLocks(lambda: buckets.client(wire), bucket, "deep/down").listing("runs/")
    assert [f"runs/{number}.json" for number in range(5)] == [found.name for found in listed]
    assert 3 == len(wire.sent)
