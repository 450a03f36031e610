"""One run at a time per target, and what it does when it is not sure of its locks."""

import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leitstand.core.lock_errors import Locked, LockLost, LockNotRenewed, LockStoreUnusable
from leitstand.core.locks import Found
from leitstand.execution.lock import RunLocks
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_takeover import (
    LockAlive,
    NoSuchLock,
    NothingTaken,
    events,
    held,
    release,
    take,
)
from tests.fixtures.locks import Heard, holder, locks

WEB = "projects/p/services/web"
WORKER = "projects/p/services/worker"
OPS = holder("", operator="erika", token="ops")


class Store(DirectoryLocks):
    """A directory that can be out of reach, and whose clock can be moved."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.reached = True
        self.lost_answers = 0

    def read(self, name: str) -> Found | None:
        self._reach()
        return super().read(name)

    def write(self, name: str, content: Any, version: str) -> Found | None:
        self._reach()
        written = super().write(name, content, version)
        if written is not None and self.lost_answers:
            self.lost_answers -= 1
            raise LockStoreUnusable(self.url, "keine Antwort.")
        return written

    def delete(self, name: str, version: str) -> bool:
        self._reach()
        return super().delete(name, version)

    def age(self, seconds: float) -> None:
        """Let everything be older than it is."""
        for path in self._directory.rglob("*.json"):
            moment = path.stat().st_mtime - seconds
            os.utime(path, (moment, moment))

    def _reach(self) -> None:
        if not self.reached:
            raise LockStoreUnusable(self.url, "keine Antwort.")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Callable[..., RunLocks]:
    """Locks of a run, on a machine; unless kept, they die with the last variable."""
    alive: list[RunLocks] = []

    def make(
        run: str = "r1", machine: str = "m1", *, keep: bool = True, **changes: Any
    ) -> RunLocks:
        made = locks(store, tmp_path / machine, run, **changes)
        if keep:
            alive.append(made)
        return made

    return make


def test_a_second_run_is_refused_and_told_who_holds_the_lock(run: Callable[..., RunLocks]) -> None:
    run("first").acquire([WEB])
    for machine in ("m1", "m2"):
        with pytest.raises(Locked, match="Der Lauf first arbeitet gerade an web") as refusal:
            run("second", machine).acquire([WEB])
        for word in ("anna auf h1", "release, OPS-7", "leitstand lock take first --env sandbox"):
            assert word in refusal.value.advice


def test_other_targets_and_environments_are_free(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("first").acquire([WEB])
    run("second").acquire([WORKER])
    evidence = Evidence(tmp_path / "m1")
    me = holder("third", place=evidence.place)
    RunLocks(store, me, "staging", evidence, expires=60, heartbeat=15).acquire([WEB])


def test_a_released_lock_can_be_taken(run: Callable[..., RunLocks], store: Store) -> None:
    first = run("first")
    first.acquire([WEB, WORKER])
    first.release()
    first.release()
    assert [] == store.listing("targets/") + store.listing("runs/")
    run("second", "m2").acquire([WEB])
    first.check()  # it has none, so nothing can be lost


def test_a_run_that_gets_only_some_of_its_targets_keeps_none(
    run: Callable[..., RunLocks], store: Store
) -> None:
    run("first").acquire([WORKER])
    second = run("second")
    with pytest.raises(Locked):
        second.acquire([WEB, WORKER])
    assert 1 == len(store.listing("targets/")) == len(store.listing("runs/"))
    second.acquire([WEB])
    with pytest.raises(Locked):
        second.acquire([WEB, WORKER])
    second.check()
    with pytest.raises(Locked, match="second"):
        run("third").acquire([WEB])


HOLD = """
import sys, pathlib
from tests.fixtures.locks import locks
from leitstand.execution.lock_directory import DirectoryLocks
place = pathlib.Path(sys.argv[1])
held = locks(DirectoryLocks(place / "store"), place / "m1", "dead", expires=3, heartbeat=1)
held.acquire([sys.argv[2]])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_holder_is_free_at_once_here_and_later_elsewhere(
    tmp_path: Path, run: Callable[..., RunLocks], store: Store
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), WEB],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        with pytest.raises(Locked, match="Der Lauf dead"):
            run("second").acquire([WEB])
    finally:
        process.kill()
        process.communicate()
    elsewhere = run("third", "m2")
    with pytest.raises(Locked, match="Der Lauf dead"):
        elsewhere.acquire([WEB])
    heard = Heard()
    here = run("second", told=heard)
    here.acquire([WEB])
    assert ["cleared dead"] == heard.words
    here.release()


def test_a_silent_holder_on_another_machine_loses_its_lock_when_it_expires(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first, heard = run("first", expires=60, told=(told := Heard())), Heard()
    first.acquire([WEB])
    store.age(64)
    with pytest.raises(Locked):
        run("second", "m2").acquire([WEB])
    store.age(2)
    second = run("second", "m2", told=heard)
    second.acquire([WEB])
    assert ["cleared first"] == heard.words
    with pytest.raises(LockLost, match=r"übernommen von anna \(Lauf second\) um .*Lebenszeichen"):
        first.check()
    assert ["lost"] == told.words
    second.check()


def test_a_clock_that_was_set_back_takes_nobodys_lock(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first = run("first")
    first.acquire([WEB])
    store.age(-7200)
    with pytest.raises(Locked):
        run("second", "m2").acquire([WEB])
    first.check()


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_clocks_of_the_machines_do_not_count(
    run: Callable[..., RunLocks], monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    run("first").acquire([WEB])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    with pytest.raises(Locked):
        run("second", "m2").acquire([WEB])


def test_a_resumed_run_takes_its_own_lock_back_once_the_earlier_process_is_gone(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first = run("r1", keep=False)
    first.acquire([WEB])
    with pytest.raises(Locked):
        run("r1", pid=2).acquire([WEB])
    del first
    gc.collect()  # its descriptor closes, as at the end of a process
    again = run("r1", pid=2)
    again.acquire([WEB])
    again.check()
    assert 1 == len(store.listing("targets/"))


def test_a_run_resumed_elsewhere_waits_until_it_is_dead_here(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first = run("r1")
    first.acquire([WEB])
    with pytest.raises(Locked):
        run("r1", "m2").acquire([WEB])
    store.age(70)
    run("r1", "m2", token="there").acquire([WEB])
    with pytest.raises(LockLost, match="an anderer Stelle fortgesetzt"):
        first.check()


def test_a_living_holder_is_renewed_by_itself(run: Callable[..., RunLocks], store: Store) -> None:
    first = run("first", expires=3, heartbeat=0.05)
    first.acquire([WEB])
    before = store.listing("runs/")[0].content["beat"]
    end = time.monotonic() + 5
    while store.listing("runs/")[0].content["beat"] < before + 3 and time.monotonic() < end:
        time.sleep(0.02)
    assert before + 3 <= store.listing("runs/")[0].content["beat"]
    assert store.listing("runs/")[0].content["acquired"]
    first.release()


def test_the_heartbeat_ends_with_the_locks(run: Callable[..., RunLocks]) -> None:
    def beating() -> int:
        return sum(thread.name == "locks" for thread in threading.enumerate())

    gc.collect()
    time.sleep(0.1)
    before = beating()
    kept, dropped = run("kept", heartbeat=0.02), run("dropped", keep=False, heartbeat=0.02)
    kept.acquire([WEB])
    dropped.acquire([WORKER])
    assert before + 2 == beating()
    kept.release()
    del dropped
    end = time.monotonic() + 5
    while beating() > before and time.monotonic() < end:
        time.sleep(0.02)
    assert before == beating()


def test_without_the_store_nobody_gets_a_lock(run: Callable[..., RunLocks], store: Store) -> None:
    store.reached = False
    with pytest.raises(LockStoreUnusable, match="Ohne Sperre ändert niemand etwas"):
        run().acquire([WEB])
    store.reached = True
    run().acquire([WEB])


def test_a_run_acts_on_only_while_nobody_else_can_have_its_locks(
    run: Callable[..., RunLocks], store: Store
) -> None:
    clock, heard = [1000.0], Heard()
    first = run(expires=60, told=heard, clock=lambda: clock[0])
    first.acquire([WEB])
    store.reached = False
    first.beat()
    first.beat()
    clock[0] += 39
    first.check()
    clock[0] += 1
    with pytest.raises(LockNotRenewed, match="seit 40 s nicht erneuern"):
        first.check()
    assert ["unrenewed"] == heard.words
    store.reached = True
    first.check()
    store.reached = False
    clock[0] += 39
    first.check()


def test_a_run_that_slept_with_its_machine_finds_out_before_it_acts(
    run: Callable[..., RunLocks], store: Store
) -> None:
    clock = [1000.0]
    first = run("first", clock=lambda: clock[0])
    first.acquire([WEB])
    clock[0] += 7200
    first.check()  # nobody else came
    store.age(7200)
    run("second", "m2").acquire([WEB])
    clock[0] += 7200
    with pytest.raises(LockLost):
        first.check()


def test_a_lost_answer_costs_no_lock(run: Callable[..., RunLocks], store: Store) -> None:
    clock = [0.0]
    first = run(clock=lambda: clock[0])
    first.acquire([WEB])
    store.lost_answers = 1
    first.beat()
    first.check()
    store.lost_answers = 1
    first.beat()
    clock[0] += 35
    first.check()
    assert clock[0] == first._renewed


def test_a_run_that_takes_its_own_lease_again_still_shows_that_it_lives(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first = run("first")
    store.lost_answers = 1
    with pytest.raises(LockStoreUnusable):
        first.acquire([WEB])  # the lease is there, and the run does not know it
    first.acquire([WEB])
    with pytest.raises(Locked, match="Der Lauf first"):
        run("second").acquire([WEB])
    store.reached = False
    first.release()
    store.reached = True
    first.acquire([WEB])
    with pytest.raises(Locked, match="Der Lauf first"):
        run("second").acquire([WEB])
    first.check()


def test_a_run_on_a_copy_of_the_machine_is_not_taken_for_dead(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    first = run("first")
    first.acquire([WEB])
    shutil.copytree(tmp_path / "m1", tmp_path / "copy", ignore=lambda *_: ["alive"])
    for name in ("second", "first"):
        with pytest.raises(Locked, match="Der Lauf first"):
            run(name, "copy", host="h2", pid=2).acquire([WEB])
    first.check()


def test_the_clock_counts_on_in_sleep_where_a_system_has_no_clock_of_that_name(
    run: Callable[..., RunLocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = time.clock_gettime

    def look(clock: int) -> float:
        asked.append(clock)
        return real(clock)

    monkeypatch.setattr(time, "clock_gettime", look)
    run("first").acquire([WEB])
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    run("second").acquire([WORKER])
    assert time.CLOCK_MONOTONIC == asked[-1]


def test_what_the_store_does_not_take_back_expires(
    run: Callable[..., RunLocks], store: Store
) -> None:
    first = run("first")
    first.acquire([WEB])
    store.reached = False
    first.release()
    store.reached = True
    run("here").acquire([WEB])


# Taking over


def everything(store: Store, tmp_path: Path) -> list[tuple[str, str]]:
    there = held(store, OPS, Evidence(tmp_path / "m9"), "sandbox")
    return [(one.holder, str(one.standing)) for one in there]


def test_a_lock_that_is_taken_over_stops_its_holder_and_waits_for_the_taker(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    told = Heard()
    first = run("first", told=told)
    first.acquire([WEB, WORKER])
    first.check()
    former = take(store, OPS, Evidence(tmp_path / "m9"), "sandbox", "web", "Kunden sehen 500.", 900)
    assert ("first", (WEB, WORKER)) == (former.holder, former.targets)
    pattern = r"Ihre Sperre wurde übernommen von erika um \d\d:\d\d:\d\d Uhr .*Kunden sehen 500\."
    for _ in range(2):
        with pytest.raises(LockLost, match=pattern):
            first.check()
    first.beat()
    assert ["lost"] == told.words
    with pytest.raises(LockLost):
        first.acquire([WEB])
    assert [("reserved-ops", "mine")] == everything(store, tmp_path)
    with pytest.raises(Locked, match=r"erika hat web reserviert: Kunden sehen 500\."):
        run("third").acquire([WEB])
    first.release()
    mine = run("second", "m2", operator="erika")
    mine.acquire([WEB, WORKER])
    mine.check()
    (event,) = events(store)
    assert ("taken", "erika", "first", "Kunden sehen 500.") == (
        event.kind, event.by, event.holder, event.reason,
    )  # fmt: skip


class Busy(Store):
    """A directory in which others do something while somebody looks at the claims or events."""

    def __init__(self, directory: Path, after: str, look: int, what: Callable[[], object]) -> None:
        super().__init__(directory)
        self._after, self._left, self._what = after, look, what

    def listing(self, prefix: str) -> list[Found]:
        found = super().listing(prefix)
        self._left -= prefix == self._after
        if prefix == self._after and self._left == 0:
            self._what()
        return found


def test_only_what_no_other_run_was_faster_at_is_taken_over(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("first").acquire([WEB, WORKER])
    faster = run("third", "m2")
    busy = Busy(tmp_path / "store", "targets/", 2, lambda: faster.acquire([WEB]))
    taken = take(busy, OPS, Evidence(tmp_path / "m9"), "sandbox", "first", "Notfall", 900)
    assert ("first", (WORKER,)) == (taken.holder, taken.targets)
    assert [("reserved-ops", "mine"), ("third", "held")] == everything(store, tmp_path)


def test_a_takeover_that_gets_nothing_says_so_and_reserves_nothing(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("first").acquire([WEB])
    faster = run("third", "m2")
    busy = Busy(tmp_path / "store", "targets/", 2, lambda: faster.acquire([WEB]))
    with pytest.raises(NothingTaken, match="Andere waren schneller"):
        take(busy, OPS, Evidence(tmp_path / "m9"), "sandbox", "first", "Notfall", 900)
    assert [("third", "held")] == everything(store, tmp_path)
    assert store.read("runs/reserved-ops.json") is None


def test_a_holder_that_comes_back_while_its_locks_are_given_back_keeps_them(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    first = run("first")
    first.acquire([WEB])
    store.age(70)
    busy = Busy(tmp_path / "store", "runs/", 1, first.beat)
    with pytest.raises(LockAlive, match="first lebt"):
        release(busy, OPS, Evidence(tmp_path / "m9"), "sandbox", "first")
    first.check()
    assert [("first", "held")] == everything(store, tmp_path)
    assert [] == events(store)


def test_a_reservation_is_cleared_away_once_its_last_lock_is_used(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("first").acquire([WEB, WORKER])
    take(store, OPS, Evidence(tmp_path / "m9"), "sandbox", "first", "Notfall", 900)
    second = run("second", "m2", operator="erika")
    second.acquire([WEB])
    with pytest.raises(Locked, match="erika hat worker reserviert"):
        run("third").acquire([WORKER])
    second.acquire([WORKER])
    assert store.read("runs/reserved-ops.json") is None
    second.check()


def test_a_heartbeat_that_races_a_takeover_never_wins_it_back(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    first = run("first", heartbeat=0.001)
    first.acquire([WEB])
    take(store, OPS, Evidence(tmp_path / "m9"), "sandbox", "first", "Notfall", 900)
    time.sleep(0.05)
    with pytest.raises(LockLost, match=r"Notfall\."):
        first.check()
    assert [("reserved-ops", "mine")] == everything(store, tmp_path)


def test_a_reservation_expires(run: Callable[..., RunLocks], store: Store, tmp_path: Path) -> None:
    run("first").acquire([WEB])
    take(store, OPS, Evidence(tmp_path / "m9"), "sandbox", "first", "Notfall", 60)
    store.age(70)
    run("second").acquire([WEB])


def test_the_locks_of_the_dead_are_given_back_and_those_of_the_living_are_not(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    first = run("first")
    first.acquire([WEB])
    arguments = (store, OPS, Evidence(tmp_path / "m9"), "sandbox")
    with pytest.raises(LockAlive, match="first lebt"):
        release(*arguments, "first")
    store.age(70)
    assert (WEB,) == release(*arguments, "fir").targets
    assert [] == store.listing("targets/") + store.listing("runs/")
    assert ["released"] == [event.kind for event in events(store)]
    with pytest.raises(LockLost):
        first.check()


def test_whoever_has_reserved_gives_back(
    run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("first").acquire([WEB])
    arguments = (store, OPS, Evidence(tmp_path / "m9"), "sandbox")
    take(*arguments, "first", "Notfall", 900)
    release(store, holder("", operator="erika"), Evidence(tmp_path / "m9"), "sandbox", "web")
    run("second").acquire([WEB])


@pytest.mark.parametrize("named", ["", "nobody", "r"])
def test_what_names_no_holder_or_several_is_refused(
    named: str, run: Callable[..., RunLocks], store: Store, tmp_path: Path
) -> None:
    run("r1").acquire([WEB])
    run("r2").acquire([WORKER])
    with pytest.raises(NoSuchLock, match="r1, r2"):
        take(store, OPS, Evidence(tmp_path / "m9"), "sandbox", named, "Notfall", 900)
    assert [] == events(store)
