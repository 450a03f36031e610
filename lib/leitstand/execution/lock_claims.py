"""Claims in a store of locks: laid, cleared of dead holders, given back.

Why at most one run holds a target: a claim is only ever replaced at the version that was seen, and
only after the lease of its holder was seen to be over, or was ended at the version that was seen.
A holder that renews its lease afterwards is refused by the store, and one that begins anew has to
replace its claims.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from leitstand.core.lock_errors import Locked, LockStoreUnusable
from leitstand.core.locks import Claim, Found, Holder, Lease, Standing, Takeover, age, standing
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_store import LockStore

__all__ = ["Claims", "claim_name", "lease_name", "lease_of"]

_TRIES: Final = 50
_AT_ONCE: Final = 8

Cleared = Callable[[Lease, Takeover], None]
"""Told the lease of a dead holder that was ended, and how."""


def claim_name(environment: str, target: str) -> str:
    """Return the name of the entry of a claim."""
    key = hashlib.sha256(f"{environment}\n{target}".encode()).hexdigest()[:32]
    return f"targets/{key}.json"


def lease_name(holder: str) -> str:
    """Return the name of the entry of a lease, by the holder's id."""
    return f"runs/{holder}.json"


def lease_of(store: LockStore, found: Found) -> Lease:
    """Return the lease that an entry is.

    Raises:
        LockStoreUnusable: it is none.
    """
    try:
        return Lease.from_data(found.content)
    except ValueError as error:
        raise LockStoreUnusable(store.url, f"{found.name} ist nicht lesbar.") from error


class Claims:
    """What one holder has claimed; use it from one thread at a time.

    Args:
        store: Where.
        me: The holder, whose lease is there already.
        environment: Where the targets are.
        evidence: Tells of holders on this machine.
        cleared: Told whom it has ended.
    """

    def __init__(
        self, store: LockStore, me: Holder, environment: str, evidence: Evidence, cleared: Cleared
    ) -> None:
        self._store = store
        self._me = me
        self._environment = environment
        self._evidence = evidence
        self._cleared = cleared
        self._laid: dict[str, Found] = {}
        self._reserved: dict[str, Found] = {}

    def __len__(self) -> int:
        return len(self._laid)

    def lay(self, targets: tuple[str, ...]) -> None:
        """Claim targets, all or none of those that are new.

        One after the other in one order, so that of two holders that want several at least one
        gets all.

        Raises:
            Locked: another holder that lives has one of them.
            LockStoreUnusable: the store does not answer.
        """
        new: list[str] = []
        try:
            for target in sorted(set(targets) - set(self._laid)):
                self._laid[target] = self._lay(target)
                new.append(target)
        except BaseException:
            self._withdraw(new)
            raise
        self._use_up()

    def withdraw(self) -> None:
        """Give all back; what the store does not take any more, its lease's end gives back."""
        self._withdraw(list(self._laid))

    def _use_up(self) -> None:
        """Delete the reservations of the operator that were replaced and hold nothing any more."""
        if not self._reserved:
            return
        with suppress(LockStoreUnusable):  # then they just expire
            kept = {self._holder(claim) for claim in self._store.listing("targets/")}
            for holder, found in self._reserved.items():
                if holder not in kept:
                    self._store.delete(found.name, found.version)
        self._reserved.clear()

    def _withdraw(self, targets: list[str]) -> None:
        found = [self._laid.pop(target) for target in targets]
        if not found:
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(found)), "locks") as pool:
            for given in [pool.submit(self._store.delete, f.name, f.version) for f in found]:
                if isinstance(given.exception(), LockStoreUnusable):
                    continue  # without the lease of its holder a claim counts for nothing
                given.result()

    def _lay(self, target: str) -> Found:
        name = claim_name(self._environment, target)
        claim = Claim(self._environment, target, self._me.id, self._me.token).as_data()
        version = ""
        for _ in range(_TRIES):
            if (written := self._store.write(name, claim, version)) is not None:
                return written
            found = self._store.read(name)
            version = "" if found is None else found.version
            if found is not None:
                self._clear(self._holder(found), target)
        raise LockStoreUnusable(self._store.url, "andere schreiben ohne Ende.")

    def _holder(self, found: Found) -> str:
        try:
            return Claim.from_data(found.content).holder
        except ValueError as error:
            cause = f"{found.name} ist nicht lesbar."
            raise LockStoreUnusable(self._store.url, cause) from error

    def _clear(self, holder: str, target: str) -> None:
        """Return once the lease of a holder is over, or need not be minded; raises Locked."""
        if holder == self._me.id:
            return
        for _ in range(_TRIES):
            found = self._store.read(lease_name(holder))
            if found is None:
                return
            lease = lease_of(self._store, found)
            alive = self._evidence.alive(lease.holder)
            now = standing(found, self._me, alive=alive)
            if now is Standing.MINE and not lease.holder.run:
                self._reserved[holder] = found
            if now in {Standing.FREE, Standing.MINE}:
                return
            if now is Standing.HELD:
                raise Locked(target, lease, age(found), self._environment)
            reason = f"Seit {age(found):.0f} s ohne Lebenszeichen."
            end = Takeover(self._me.operator, self._me.run, reason)
            if self._store.write(found.name, lease.ended(end).as_data(), found.version):
                if alive is not None:
                    self._evidence.forget(lease.holder)
                self._cleared(lease, end)
                return
        raise LockStoreUnusable(self._store.url, "andere schreiben ohne Ende.")
