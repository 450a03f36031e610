"""Waiting for a run that seems dead, and for no other."""

import os
import threading
import time
from pathlib import Path

import pytest

from leitstand.core.lock_errors import Locked
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_takeover import take
from leitstand.execution.lock_waiting import acquire_patiently
from tests.fixtures.locks import holder, locks

WEB = "projects/p/services/web"


class Waits:
    """Remembers for whom was waited."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def __call__(self, refusal: Locked, longest: float) -> None:
        self.seen.append((refusal.lease.holder.run, longest))


def aged(place: Path, seconds: float) -> None:
    for path in place.rglob("*.json"):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_a_try_again_elsewhere_goes_on_once_the_earlier_one_has_expired(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path / "store")
    dead = locks(store, tmp_path / "m1", "try-1", expires=0.4, heartbeat=60)
    dead.acquire([WEB])
    aged(tmp_path, 0.3)
    waits, began = Waits(), time.monotonic()
    again = locks(store, tmp_path / "m2", "try-2")
    acquire_patiently(again, [WEB], waits)
    assert 0.4 < time.monotonic() - began < 5
    assert {("try-1", 0.8)} == set(waits.seen)
    again.check()
    again.release()


def test_a_run_that_lives_is_not_waited_for(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path / "store")
    living = locks(store, tmp_path / "m1", "living")
    living.acquire([WEB])
    waits = Waits()
    with pytest.raises(Locked, match="Der Lauf living"):
        acquire_patiently(locks(store, tmp_path / "m2", "r2"), [WEB], waits)
    assert [] == waits.seen
    living.release()


def test_waiting_ends_when_the_other_run_shows_that_it_lives(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path / "store")
    late = locks(store, tmp_path / "m1", "late", expires=6, heartbeat=60)
    late.acquire([WEB])
    aged(tmp_path, 4)
    beating = threading.Timer(0.2, late.beat)
    waits, began = Waits(), time.monotonic()
    beating.start()
    with pytest.raises(Locked, match="Der Lauf late"):
        acquire_patiently(locks(store, tmp_path / "m2", "r2"), [WEB], waits)
    assert time.monotonic() - began < 5
    assert {("late", 11)} == set(waits.seen)
    beating.join()
    late.release()


def test_what_a_person_has_reserved_is_not_waited_for(tmp_path: Path) -> None:
    store = DirectoryLocks(tmp_path / "store")
    locks(store, tmp_path / "m1", "first").acquire([WEB])
    erika = holder("", operator="erika")
    take(store, erika, Evidence(tmp_path / "m1"), "sandbox", "first", "Notfall", 60)
    aged(tmp_path, 40)
    waits = Waits()
    with pytest.raises(Locked, match="erika hat web reserviert"):
        acquire_patiently(locks(store, tmp_path / "m2", "r2"), [WEB], waits)
    assert [] == waits.seen
