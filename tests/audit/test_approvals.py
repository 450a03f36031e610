"""Approvals as files."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leitstand.audit.approvals import ApprovalStore, UnsafeName
from leitstand.core.approvals.decision import Use
from leitstand.core.approvals.request import Request
from tests.fixtures.approving import NOW, PLAN, RUN, asked

REQUEST = Request(asked(), "OPS-1", NOW, NOW + timedelta(minutes=30))
CHANGED = replace(REQUEST, asked=asked(replace(PLAN, basis={"etag": "2"})))
SECOND = replace(REQUEST, asked=asked(replace(PLAN, runbook="release/clean-up")))


@pytest.fixture
def store(tmp_path: Path) -> ApprovalStore:
    return ApprovalStore(tmp_path / "approvals")


def test_what_waits_is_listed_until_it_is_settled(store: ApprovalStore) -> None:
    assert [] == store.requests()
    store.ask(REQUEST)
    store.ask(replace(REQUEST, asked=asked(run="another"), at=NOW - timedelta(hours=1)))
    assert ["another", RUN] == [one.asked.run for one in store.requests()]
    for run in ("another", RUN):
        store.settle(run, PLAN.digest)
        store.settle(run, PLAN.digest)
    assert [] == store.requests()


def test_a_changed_plan_takes_the_place_of_the_one_before(store: ApprovalStore) -> None:
    for request in (REQUEST, SECOND, CHANGED):
        store.ask(request)
    digests = {one.asked.plan.digest for one in (SECOND, CHANGED)}
    assert digests == {one.asked.plan.digest for one in store.requests()}


def test_a_request_that_was_edited_is_none(store: ApprovalStore, tmp_path: Path) -> None:
    store.ask(REQUEST)
    [path] = (tmp_path / "approvals" / "requests" / RUN).iterdir()
    text = path.read_text("utf-8")
    for edited in (text.replace('"set"', '"drop"'), text.replace(RUN, "another"), text[:-9], "{}"):
        assert edited != text
        path.unlink()
        path.write_text(edited, "utf-8")
        assert [] == store.requests()


def test_an_approval_is_written_once_and_never_replaced(
    store: ApprovalStore, tmp_path: Path
) -> None:
    names = [store.give(RUN, b"one"), store.give(RUN, b"one"), store.give(RUN, b"two")]
    assert names[0] == names[1]
    assert sorted({*names}) == [one.source for one in store.given(RUN)]
    assert {b"one", b"two"} == {one.content for one in store.given(RUN)}
    assert [] == store.given("another")
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_is_no_regular_file_of_ordinary_size_is_left_out(
    store: ApprovalStore, tmp_path: Path
) -> None:
    store.give(RUN, b"one")
    directory = tmp_path / "approvals" / "given" / RUN
    (directory / "large.json").write_bytes(b"x" * 65_537)
    (directory / "link.json").symlink_to("/dev/zero")
    (directory / "directory.json").mkdir()
    assert [b"one"] == [one.content for one in store.given(RUN)]


def test_a_shared_directory_stays_shared_below(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    ApprovalStore(shared / "approvals").give(RUN, b"one")
    below = [path for path in shared.rglob("*") if path.is_dir()]
    assert [0o770] * 3 == [path.stat().st_mode & 0o777 for path in below]


def test_the_first_use_of_a_nonce_stands(store: ApprovalStore) -> None:
    first = Use(RUN, PLAN.digest)
    store.use(["ab", "cd"], first)
    store.use(["ab"], Use("another", PLAN.digest))
    assert {"ab": first, "cd": first} == store.used(["ab", "cd", "ef"])


@pytest.mark.parametrize("name", ["", "..", "../runs", "a/b", ".hidden", "a\0b", "x" * 300])
def test_no_name_leaves_the_directory(store: ApprovalStore, name: str) -> None:
    for attempt in (
        lambda: store.given(name),
        lambda: store.give(name, b""),
        lambda: store.settle(RUN, name),
        lambda: store.use([name], Use(RUN, "")),
    ):
        with pytest.raises(UnsafeName):
            attempt()
