"""The journal of a run in a store, a directory and a bucket alike: never lost, never twice."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.audit.open_store import DirectoryOpenStore, OpenStore
from leitstand.audit.write_ahead import WriteAhead
from leitstand.cloud.open_objects import BucketOpenStore
from leitstand.core.open_run_errors import ContinuedElsewhere, EndedElsewhere, OpenStoreUnusable
from leitstand.core.open_runs import Ended, end_name, joined, piece_of
from tests.audit.bucket import Buckets, serving

NUMBERS = count(1)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    with serving(tmp_path_factory.mktemp("open")) as served:
        yield served


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, buckets: Buckets, tmp_path: Path) -> OpenStore:
    if request.param == "directory":
        return DirectoryOpenStore(tmp_path / "store")
    return BucketOpenStore(buckets.client, buckets.make(f"open-{next(NUMBERS)}"), "x")


def stored(store: OpenStore, run: str = "r") -> bytes:
    found = {piece_of(name): store.read(name) for name in store.names(f"open/{run}/")}
    return joined({key[1]: content or b"" for key, content in found.items() if key})


def mirrored(store: OpenStore, path: Path) -> tuple[Journal, WriteAhead]:
    journal, ahead = Journal(path), WriteAhead(store, "r", path)
    journal.append("run.started")
    ahead.claim()
    journal.mirror(ahead)
    return journal, ahead


def test_an_intent_is_in_the_store_when_its_append_returns(
    store: OpenStore, tmp_path: Path
) -> None:
    journal, _ = mirrored(store, tmp_path / "j")
    journal.append("action.intent", id="a")
    assert journal.path.read_bytes() == stored(store)


def test_everything_else_follows_by_itself(store: OpenStore, tmp_path: Path) -> None:
    journal, _ = mirrored(store, tmp_path / "j")
    journal.append("action.outcome", id="a")
    end = time.monotonic() + 5
    while journal.path.read_bytes() != stored(store) and time.monotonic() < end:
        time.sleep(0.01)
    assert journal.path.read_bytes() == stored(store)


def test_the_guard_is_asked_again_once_an_intent_is_sent(store: OpenStore, tmp_path: Path) -> None:
    journal, _ = mirrored(store, tmp_path / "j")
    asked: list[bytes] = []
    journal.guard(lambda: asked.append(stored(store)))
    journal.append("step.started")
    assert [] == asked
    journal.append("action.intent", id="a")
    assert [journal.path.read_bytes()] == asked


def test_runner_and_kernel_send_the_same_journal(store: OpenStore, tmp_path: Path) -> None:
    first, _ = mirrored(store, tmp_path / "j")
    second = Journal(tmp_path / "j")
    second.mirror(WriteAhead(store, "r", tmp_path / "j"))
    for number in range(5):
        first.append("action.intent", id=f"a{number}")
        second.append("action.intent", id=f"b{number}")
    assert first.path.read_bytes() == stored(store)


def test_many_threads_lose_nothing(store: OpenStore, tmp_path: Path) -> None:
    journal, _ = mirrored(store, tmp_path / "j")
    threads = [
        threading.Thread(target=lambda: journal.append("action.intent", id="a")) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.path.read_bytes() == stored(store)
    assert 13 == len(journal.events())


def test_of_two_machines_that_go_on_from_the_same_place_exactly_one_does(
    store: OpenStore, tmp_path: Path
) -> None:
    journal, ahead = mirrored(store, tmp_path / "a")
    copies = [tmp_path / f"m{number}" for number in range(6)]
    for copy in copies:
        copy.write_bytes(journal.path.read_bytes())
    barrier = threading.Barrier(len(copies))
    went_on: list[Path] = []

    def go_on(copy: Path) -> None:
        Journal(copy).append("run.resumed", host=copy.name)
        barrier.wait()
        try:
            WriteAhead(store, "r", copy).claim()
        except ContinuedElsewhere:
            return
        went_on.append(copy)

    threads = [threading.Thread(target=go_on, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len(went_on)
    assert went_on[0].read_bytes() == stored(store)
    with pytest.raises(ContinuedElsewhere):  # the machine that it came from has woken up
        journal.append("action.intent", id="b")
    with pytest.raises(ContinuedElsewhere):  # and stays out
        ahead.claim()


def test_a_run_that_ended_elsewhere_is_not_claimed(store: OpenStore, tmp_path: Path) -> None:
    store.create(end_name("r"), Ended("r", "host-b", "2026-11-26T14:00:00Z").encode())
    Journal(tmp_path / "j").append("run.started")
    with pytest.raises(EndedElsewhere, match="auf host-b beendet"):
        WriteAhead(store, "r", tmp_path / "j").claim()


def test_nothing_begins_while_the_store_does_not_answer(tmp_path: Path) -> None:
    place = tmp_path / "mount" / "store"
    place.parent.mkdir()
    store = DirectoryOpenStore(place)
    journal, _ = mirrored(store, tmp_path / "j")
    place.rename(tmp_path / "away")
    place.write_text("in the way")
    with pytest.raises(OpenStoreUnusable, match="beginnt keine Änderung"):
        journal.append("action.intent", id="a")
    journal.append("action.outcome", id="x")  # what happened is written all the same
    place.unlink()
    (tmp_path / "away").rename(place)
    journal.append("action.intent", id="b")
    assert journal.path.read_bytes() == stored(store)


def test_a_place_that_is_not_mounted_is_no_empty_one(tmp_path: Path) -> None:
    store = DirectoryOpenStore(tmp_path / "mount" / "store")
    for ask in (lambda: list(store.names("open/")), lambda: store.read("open/r/1")):
        with pytest.raises(FileNotFoundError):
            ask()


def test_a_torn_line_is_not_sent_until_it_is_closed(store: OpenStore, tmp_path: Path) -> None:
    journal, ahead = mirrored(store, tmp_path / "j")
    whole = journal.path.read_bytes()
    with journal.path.open("ab") as file:
        file.write(b'{"seq": 2, "ev')
    ahead.claim()
    assert whole == stored(store)
    journal.append("action.intent", id="a")
    assert journal.path.read_bytes() == stored(store)


def writer(make: Callable[[], Any], path: Path) -> None:
    store = make()
    journal, ahead = Journal(path), WriteAhead(store, "r", path)
    journal.mirror(ahead)
    for number in range(10_000):
        journal.append("action.intent", id=f"a{number}")


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.08, 0.12, 0.17, 0.23])
def test_a_machine_killed_at_any_moment_leaves_a_beginning_of_its_journal(
    tmp_path: Path, seconds: float
) -> None:
    directory = tmp_path / "store"
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=writer, args=(lambda: DirectoryOpenStore(directory), tmp_path / "j")
    )
    store = DirectoryOpenStore(directory)
    process.start()
    end = time.monotonic() + 30
    while not stored(store) and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    kept = stored(store)
    assert kept
    assert (tmp_path / "j").read_bytes().startswith(kept)
    # Another machine goes on from there, and so could this one.
    other = tmp_path / "other"
    other.write_bytes(kept)
    Journal(other).append("run.resumed")
    WriteAhead(store, "r", other).claim()
    assert other.read_bytes() == stored(store)


def test_what_is_deleted_is_gone_and_deleting_it_again_harms_nothing(store: OpenStore) -> None:
    assert store.create("open/r/000000000000", b"x")
    assert not store.create("open/r/000000000000", b"y")
    assert b"x" == store.read("open/r/000000000000")
    store.delete("open/r/000000000000")
    store.delete("open/r/000000000000")
    assert ([], None) == (list(store.names("open/")), store.read("open/r/000000000000"))
    assert store.create("open/r/000000000000", b"z")


def test_whoever_waited_without_locks_learns_that_another_machine_has_finished_the_run(
    tmp_path: Path, store: OpenStore
) -> None:
    journal = Journal(tmp_path / "j")
    journal.append("run.started", run="r")
    waiting = WriteAhead(store, "r", journal.path)
    waiting.claim()
    # The other machine ends it: only that stays in the store.
    assert store.create(end_name("r"), Ended("r", "b", "2026-11-26T16:00:00Z").encode())
    for name in list(store.names("open/r/")):
        store.delete(name)
    with pytest.raises(EndedElsewhere):
        waiting.claim(anew=True)
