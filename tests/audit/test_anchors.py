"""Anchors: heads of the chain that its producer cannot change."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.audit.anchor_objects import ObjectAnchors
from leitstand.audit.anchors import (
    AnchorDisagrees,
    AnchorPlace,
    NothingToAnchor,
    SignerNotTrusted,
    anchor_head,
    read_anchors,
)
from leitstand.audit.envelopes import sign
from leitstand.audit.signing import FileSigner
from leitstand.cloud.errors import PermissionDenied
from leitstand.core.records.anchor import Anchor
from leitstand.core.records.chain import Head
from leitstand.core.records.findings import FindingKind
from leitstand.core.records.statement import PAYLOAD_TYPE, MalformedStatement
from tests.audit.bucket import Buckets, serving
from tests.audit.sealed import Archive, make_run

NOW = datetime(2126, 11, 27, tzinfo=UTC)
LOCKED = {"retentionPolicy": {"retentionPeriod": "3600"}}


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        served.make("anchored", **LOCKED)
        served.rest.call(
            "storage.v1", "buckets", "lockRetentionPolicy", "b/anchored", what="",
            query={"ifMetagenerationMatch": 1},
        )  # fmt: skip
        yield served


@pytest.fixture
def place(buckets: Buckets, request: pytest.FixtureRequest) -> ObjectAnchors:
    return ObjectAnchors(buckets.objects("anchored", request.node.name))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path).filled(3)


def anchor(archive: Archive, place: AnchorPlace) -> tuple[Anchor, bool]:
    return anchor_head(archive.store, "prod", place, archive.signer, archive.keys, now=lambda: NOW)


def check(archive: Archive, place: AnchorPlace) -> list[str]:
    found = read_anchors([place], "prod", archive.keys)
    assert () == found.unreachable
    return [str(one) for one in (*found.findings, *archive.verify(*found.heads).findings)]


def rewrite(archive: Archive, count: int) -> None:
    """Write the chain anew, as whoever holds the key can."""
    for path in (archive.path / "store", archive.path / "runs"):
        shutil.rmtree(path)
    for name in "xyzuvw"[:count]:
        archive.seal(make_run(archive.path / "runs", name))


def test_the_head_is_anchored_once(archive: Archive, place: ObjectAnchors):
    first, again = anchor(archive, place), anchor(archive, place)
    assert ((first[0], True), (first[0], False)) == (first, again)
    assert Anchor("prod", archive.verify().head, NOW) == first[0]
    assert [] == check(archive, place)
    found = read_anchors([place], "prod", archive.keys)
    assert 3 == archive.verify(*found.heads).anchored


def test_a_chain_that_goes_on_is_anchored_again(archive: Archive, place: ObjectAnchors):
    anchor(archive, place)
    archive.seal(make_run(archive.path / "runs", "d"))
    assert (4, True) == (anchor(archive, place)[0].head.seq, anchor(archive, place)[1] is False)
    assert [3, 4] == [h.seq for h in read_anchors([place], "prod", archive.keys).heads]


def test_an_empty_chain_has_nothing_to_anchor(tmp_path: Path, place: ObjectAnchors):
    with pytest.raises(NothingToAnchor):
        anchor(Archive(tmp_path), place)


def test_a_key_that_nobody_trusts_anchors_nothing(
    archive: Archive, place: ObjectAnchors, tmp_path: Path
):
    stranger = FileSigner(tmp_path / "stranger.pem")
    with pytest.raises(SignerNotTrusted):
        anchor_head(archive.store, "prod", place, stranger, archive.keys)
    assert [] == list(place.envelopes())


def test_a_chain_cut_before_its_anchor_is_found_and_not_anchored(
    archive: Archive, place: ObjectAnchors
):
    anchor(archive, place)
    archive.record(3).unlink()
    assert (
        "Beleg 3: Das Ende der Kette fehlt: der Anker nennt Beleg 3, die Kette endet mit 2."
        in check(archive, place)
    )
    with pytest.raises(AnchorDisagrees):
        anchor(archive, place)


@pytest.mark.parametrize("count", [3, 5])
def test_a_chain_rewritten_before_its_anchor_is_found_and_not_anchored(
    archive: Archive, place: ObjectAnchors, count: int
):
    anchor(archive, place)
    rewrite(archive, count)
    assert archive.verify().intact
    assert ["Beleg 3: Der Beleg ist ein anderer als der, den der Anker nennt."] == check(
        archive, place
    )
    with pytest.raises(AnchorDisagrees):
        anchor(archive, place)


def test_an_anchor_of_another_chain_is_passed_over(archive: Archive, place: ObjectAnchors):
    anchor_head(archive.store, "staging", place, archive.signer, archive.keys)
    rewrite(archive, 2)
    assert [] == check(archive, place)


def test_a_locked_bucket_gives_no_anchor_away(
    buckets: Buckets, archive: Archive, place: ObjectAnchors
):
    made, _ = anchor(archive, place)
    name = f"{place.url.removeprefix('gs://anchored/')}/anchors/{made.name}.json"
    with pytest.raises(PermissionDenied):
        buckets.delete("anchored", name)
    assert not place.add(made.name, b"another")
    assert [] == check(archive, place)


def test_a_bucket_that_lets_anchors_be_deleted_says_so(buckets: Buckets):
    open_ = ObjectAnchors(buckets.objects(buckets.make("open", **LOCKED), "a"))
    assert "" == ObjectAnchors(buckets.objects("anchored")).weakness()
    assert open_.weakness().startswith("gs://open/a hat keine gesperrte Aufbewahrungsregel")


def test_what_is_no_anchor_is_named_with_its_place(
    archive: Archive, place: ObjectAnchors, tmp_path: Path
):
    stranger = FileSigner(tmp_path / "stranger.pem")
    forged = Anchor("prod", Head(9, "a" * 64), NOW)
    place.add(forged.name, sign(PAYLOAD_TYPE, forged.encode(), stranger).encode())
    place.add("x", b"{}")
    record = archive.record(1).read_bytes()
    place.add("y", record)
    found = read_anchors([place], "prod", archive.keys)
    assert () == found.anchors
    assert [
        (FindingKind.ANCHOR_UNTRUSTED, f"{place.url}/anchors/{forged.name}.json"),
        (FindingKind.ANCHOR_UNREADABLE, f"{place.url}/anchors/x.json"),
        (FindingKind.ANCHOR_UNREADABLE, f"{place.url}/anchors/y.json"),
    ] == [(one.kind, one.place.file) for one in found.findings]
    assert all(one.breaks for one in found.findings)


def test_a_place_that_does_not_answer_is_named(archive: Archive, buckets: Buckets):
    place = ObjectAnchors(buckets.objects("no-such-bucket", "a"))
    found = read_anchors([place], "prod", archive.keys)
    assert ["gs://no-such-bucket/a"] == [url for url, _ in found.unreachable]
    with pytest.raises(OSError, match="bucket does not exist"):
        anchor(archive, place)


def test_an_anchor_is_read_as_it_was_written():
    made = Anchor("prod", Head(12, "a" * 64), NOW)
    assert made == Anchor.decode(made.encode())
    assert "000000000012-" + "a" * 64 == made.name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"chain":"prod"', b'"chain":1'),
        (b'"seq":12', b'"seq":0'),
        (b'"seq":12', b'"seq":13'),
        (b'Z","chain"', b'","chain"'),
        (b'Z","chain"', b'+00:00","chain"'),
        (b"https://leitstand.dev/chain-head/v1", b"https://leitstand.dev/run/v1"),
        (b"{", b"["),
    ],
)
def test_what_is_not_quite_an_anchor_is_none(old: bytes, new: bytes):
    payload = Anchor("prod", Head(12, "a" * 64), NOW).encode()
    assert old in payload
    with pytest.raises(MalformedStatement):
        Anchor.decode(payload.replace(old, new))
