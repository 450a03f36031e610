"""Objects that are created once, on the sandbox's Cloud Storage."""

import hashlib
import io
from itertools import count
from typing import Any

import httplib2
import pytest

from leitstand.cloud.record_objects import BucketObjects, BucketUnusable
from leitstand.cloud.rest_http import direct
from tests.audit.bucket import Buckets, serving

NUMBERS = count(1)
LARGE = bytes(range(256)) * 70_000


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        yield served


@pytest.fixture
def bucket(buckets: Buckets) -> str:
    return buckets.make(f"objects-{next(NUMBERS)}")


def create(objects: BucketObjects, name: str, content: bytes) -> bool:
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    return objects.create(name, io.BytesIO(content), md5)


def test_names_come_in_pages_and_between_two_names(buckets: Buckets, bucket: str):
    objects = buckets.objects(bucket, "a")
    for name in ("x/1", "x/2", "x/3", "x/4", "y"):
        assert create(objects, name, b"")
    before = objects._rest.calls
    assert ["x/1", "x/2", "x/3", "x/4"] == list(objects.names("x/", page=1))
    assert 4 == objects._rest.calls - before
    assert ["x/2", "x/3"] == list(objects.names("", start="x/2", end="x/4"))
    assert "x/1" == next(objects.names("x/", page=1))
    assert 6 == objects._rest.calls - before


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n--x\r\n", LARGE])
def test_an_object_is_created_once(buckets: Buckets, bucket: str, content: bytes):
    objects = buckets.objects(bucket)
    assert (True, False, False) == (
        create(objects, "x", content), create(objects, "x", content), create(objects, "x", b"y"),
    )  # fmt: skip
    assert content == objects.read("x")


def test_an_object_is_read_from_any_place(buckets: Buckets, bucket: str):
    objects = buckets.objects(bucket)
    create(objects, "x", LARGE)
    with objects.open("x") as file:
        assert LARGE[:10] == file.read(10)
        file.seek(9_000_000)
        assert LARGE[9_000_000:9_000_100] == file.read(100)
        file.seek(-5, io.SEEK_END)
        assert (LARGE[-5:], b"") == (file.read(), file.read())


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(buckets: Buckets, bucket: str):
    objects = buckets.objects(bucket)
    create(objects, "x", LARGE)
    file = objects.open("x")
    assert LARGE[:10] == file.read(10)
    buckets.delete(bucket, "x")
    create(objects, "x", LARGE[::-1])
    with pytest.raises(BucketUnusable):
        file.read()


def test_an_upload_that_the_service_forgot_begins_anew(buckets: Buckets, bucket: str):
    sent = []

    class Forgetting:
        def request(self, uri: str, method: str = "GET", **named: Any) -> Any:
            sent.append(method)
            if sent.count("PUT") == 1 and method == "PUT":
                return httplib2.Response({"status": "410"}), b""
            return direct(10).request(uri, method=method, **named)

    objects = BucketObjects(lambda: buckets.client(Forgetting), bucket)
    assert create(objects, "x", LARGE)
    assert (LARGE, 2) == (buckets.objects(bucket).read("x"), sent.count("POST"))


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [({}, 0), ({"retentionPolicy": {"retentionPeriod": "60"}}, 0)],
)
def test_only_a_locked_policy_keeps_objects(
    buckets: Buckets, settings: dict[str, Any], seconds: int
):
    name = buckets.make(f"objects-{next(NUMBERS)}", **settings)
    assert seconds == buckets.objects(name).locked_seconds()
    if settings:
        lock = {"ifMetagenerationMatch": 1}
        buckets.rest.call(
            "storage.v1", "buckets", "lockRetentionPolicy", f"b/{name}", what="", query=lock
        )
        assert 60 == buckets.objects(name).locked_seconds()
