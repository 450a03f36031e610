"""Addresses of stores and of anchors."""

from pathlib import Path

import pytest

from leitstand.audit.anchor_notes import NoteAnchors
from leitstand.audit.anchor_objects import ObjectAnchors
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.store_gcs import BucketStore
from leitstand.cloud.rest import Rest
from leitstand.cloud.rest_http import direct
from leitstand.execution.store_opening import (
    NoAnchorAddress,
    NoStoreAddress,
    open_anchors,
    open_store,
)

REST = Rest(direct, "http://127.0.0.1:1", reads=1)


def test_a_path_is_a_directory(tmp_path: Path):
    store = open_store(str(tmp_path / "records"))
    assert isinstance(store, DirectoryStore)
    assert (tmp_path / "records", 0) == (store.path, store.head())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("gs://records", "gs://records"),
        ("gs://records/", "gs://records"),
        ("gs://records/trail/prod/", "gs://records/trail/prod"),
    ],
)
def test_a_bucket_may_have_a_prefix(url: str, shown: str):
    for rest in (REST, lambda: REST, None):
        store = open_store(url, rest=rest)
        assert isinstance(store, BucketStore)
        assert shown == store.url


@pytest.mark.parametrize(
    "url",
    ["", "gs:", "gs:/records", "gs://", "gs://R", "gs://records/a//b", "gs://records/../x",
     "gs://records/a\nb", "s3://records", "https://example.org", "file:///x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(NoStoreAddress, match="keine Adresse"):
        open_store(url, rest=REST)


def test_a_store_nobody_can_log_in_to_is_not_reached(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
    with pytest.raises(OSError, match="gs://records"):
        open_store("gs://records").head()


def test_anchors_lie_in_a_bucket_or_in_notes(tmp_path: Path):
    in_bucket = open_anchors("gs://anchors/prod", tmp_path, rest=REST)
    local, pushed = (open_anchors(url, tmp_path) for url in ("git:", "git:origin"))
    assert (True, True, True) == (
        isinstance(in_bucket, ObjectAnchors), isinstance(local, NoteAnchors),
        isinstance(pushed, NoteAnchors),
    )  # fmt: skip
    assert ["gs://anchors/prod", "git:", "git:origin"] == [
        place.url for place in (in_bucket, local, pushed)
    ]


@pytest.mark.parametrize("url", ["", "/tmp/x", "git", "git:--upload-pack=x", "http://x"])
def test_what_is_no_address_of_anchors_is_refused(url: str):
    with pytest.raises(NoAnchorAddress):
        open_anchors(url, Path("/"))
