"""One run at a time per environment and target, on all machines that see the same store.

A run holds its locks as long as it renews its lease there. Before each action it makes sure that
nobody has ended the lease; where the store does not answer, it goes by the time since it last
renewed it, on a clock that counts on while the machine sleeps.
"""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from leitstand.core.lock_errors import Locked, LockLost, LockNotRenewed, LockStoreUnusable
from leitstand.core.locks import (
    Found,
    Holder,
    Lease,
    Standing,
    Takeover,
    age,
    longest_silence,
    standing,
)
from leitstand.execution.lock_claims import Claims, lease_name, lease_of
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_store import LockStore

__all__ = ["LockTold", "Locked", "RunLocks"]

_TRIES: Final = 50


class LockTold:
    """What a run is told of its locks; does nothing. Some of it comes from another thread."""

    def cleared(self, lease: Lease, end: Takeover) -> None:
        """A dead holder's lease was ended for this run."""

    def unrenewed(self, url: str, error: LockStoreUnusable) -> None:
        """The lease could not be renewed; said once until it can be."""

    def lost(self, error: LockLost) -> None:
        """Somebody has ended the lease; said once."""


class RunLocks:
    """The locks of one run.

    Args:
        store: Where they lie.
        me: The run.
        environment: Name of the environment.
        evidence: Of the state directory.
        expires: Seconds without renewal after which others may have them.
        heartbeat: Seconds between two renewals.
        told: Hears of trouble.
        clock: Seconds that count on while the machine sleeps.
    """

    def __init__(
        self,
        store: LockStore,
        me: Holder,
        environment: str,
        evidence: Evidence,
        *,
        expires: float,
        heartbeat: float,
        told: LockTold | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._me = me
        self._environment = environment
        self._evidence = evidence
        self._heartbeat = heartbeat
        self._told = told or LockTold()
        self._clock = clock or _awake_and_asleep
        self._claims = Claims(store, me, environment, evidence, self._told.cleared)
        self._lease = Lease(me, expires)
        self._written: Found | None = None
        self._renewed = 0.0
        self._lost: LockLost | None = None
        self._troubled = False
        self._alive = -1
        self._stopping = threading.Event()
        self._mutex = threading.RLock()

    @property
    def lost(self) -> bool:
        """Whether somebody has taken the locks over."""
        with self._mutex:
            return self._lost is not None

    def acquire(self, targets: Iterable[str]) -> None:
        """Take the locks on targets, all or none of those that are new.

        Raises:
            Locked: another run that lives holds one, or a person has reserved it.
            LockLost: somebody has taken over what the run held before.
            LockStoreUnusable: the store does not answer, or is not there.
        """
        wanted = tuple(targets)
        with self._mutex:
            if self._written is None:
                self._begin(wanted[0] if wanted else "")
            else:
                self.check()
        try:
            # Many take time, in which the lease must go on being renewed.
            self._claims.lay(wanted)
        except BaseException:
            if not len(self._claims):
                self.release()
            raise

    def check(self) -> None:
        """Make sure that the run may begin an action.

        Raises:
            LockLost: somebody has taken its locks over.
            LockNotRenewed: the store does not answer, and others may have them by now.
        """
        with self._mutex:
            if self._lost is not None:
                raise self._lost
            if self._written is None:
                return
            try:
                self._look()
            except LockStoreUnusable as error:
                silence = self._clock() - self._renewed
                if silence >= longest_silence(self._lease.expires):
                    raise LockNotRenewed(self._store.url, silence, str(error)) from error

    def release(self) -> None:
        """Give all back, and stop renewing; harmless when nothing is held.

        What the store does not take now becomes free when the lease expires.
        """
        self._stopping.set()
        with self._mutex:
            written, self._written = self._written, None
            if written is None:
                return
            with suppress(LockStoreUnusable):
                self._claims.withdraw()
                over = self._store.read(written.name) if self._lost is not None else None
                if over is not None and lease_of(self._store, over).over is not None:
                    written = over
                self._store.delete(written.name, written.version)
            self._disappear()

    def beat(self) -> None:
        """Renew the lease once; what goes wrong is told and kept, not raised."""
        with self._mutex:
            if self._written is None or self._lost is not None:
                return
            try:
                self._renew()
            except LockLost:
                return
            except LockStoreUnusable as error:
                if not self._troubled:
                    self._troubled = True
                    self._told.unrenewed(self._store.url, error)
            else:
                self._troubled = False

    def __del__(self) -> None:
        self._stopping.set()
        if self._alive >= 0:
            os.close(self._alive)

    def _begin(self, target: str) -> None:
        """Put the lease of this run into the store, in the place of one that is over or dead."""
        name = lease_name(self._me.id)
        # First: a lease whose holder shows no life here would be taken for dead.
        self._alive = self._evidence.appear(self._me)
        try:
            self._enter(name, target)
        except BaseException:
            self._disappear()
            raise
        self._stopping = threading.Event()
        arguments = (weakref.ref(self), self._stopping, self._heartbeat)
        threading.Thread(target=_beat, args=arguments, name="locks", daemon=True).start()
        atexit.register(_release, weakref.ref(self))

    def _enter(self, name: str, target: str) -> None:
        self._lease, self._lost = Lease(self._me, self._lease.expires), None
        for _ in range(_TRIES):
            found = self._store.read(name)
            if found is not None:
                before = lease_of(self._store, found)
                alive = self._evidence.alive(before.holder)
                if standing(found, self._me, alive=alive) is Standing.HELD:
                    raise Locked(target, before, age(found), self._environment)
            began = self._clock()
            if self._write(name, "" if found is None else found.version):
                self._renewed = began
                # One's own: an answer was lost, or it could not be given back the last time.
                if found is not None and alive is not None and before.holder != self._me:
                    self._evidence.forget(before.holder)
                return
        raise LockStoreUnusable(self._store.url, "andere schreiben ohne Ende.")

    def _write(self, name: str, version: str) -> bool:
        at = self._written.updated.isoformat() if self._written else ""
        lease = self._lease.renewed(at)
        written = self._store.write(name, lease.as_data(), version)
        if written is not None:
            self._written, self._lease = written, lease
        return written is not None

    def _look(self) -> None:
        """Read the lease, and renew it where that is due; raises LockLost."""
        assert self._written is not None
        if self._clock() - self._renewed > self._lease.expires / 2:
            self._renew()
            return
        found = self._store.read(self._written.name)
        if found is None or found.version != self._written.version:
            self._recognise(found)

    def _renew(self) -> None:
        assert self._written is not None
        began = self._clock()
        if not self._write(self._written.name, self._written.version):
            self._recognise(self._store.read(self._written.name))
            if not self._write(self._written.name, self._written.version):
                self._recognise(None)
        self._renewed = began

    def _recognise(self, found: Found | None) -> None:
        """Take a version for ours that a lost answer told of; otherwise the lock is lost."""
        lease = None if found is None else lease_of(self._store, found)
        if lease is not None and lease.over is None and lease.holder == self._me:
            self._written = found
            return
        over = lease.over if lease is not None else None
        if lease is not None and over is None:
            again = "Der Lauf wird an anderer Stelle fortgesetzt."
            over = Takeover(lease.holder.operator, lease.holder.run, again)
        at = found.updated if found is not None else None
        self._lost = LockLost(self._me.run, over, at)
        self._stopping.set()
        self._told.lost(self._lost)
        raise self._lost

    def _disappear(self) -> None:
        if self._alive >= 0:
            self._evidence.forget(self._me)
            os.close(self._alive)
            self._alive = -1


def _beat(locks: "weakref.ref[RunLocks]", stopping: threading.Event, heartbeat: float) -> None:
    """Renew the lease again and again, until it is given back or nobody knows of it any more."""
    while not stopping.wait(heartbeat):
        held = locks()
        if held is None:
            return
        held.beat()
        del held


def _release(locks: "weakref.ref[RunLocks]") -> None:
    held = locks()
    if held is not None:
        held.release()


def _awake_and_asleep() -> float:
    # Where there is no such clock, on a Mac, the monotonic one counts on, and Python's does not.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
