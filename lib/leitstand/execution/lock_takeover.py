"""Looks at the locks of an environment, takes them over, and gives back those of the dead.

Both leave an event in the store, written before anything is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from leitstand.core.errors import GateRefused, InputError
from leitstand.core.lock_errors import LockStoreUnusable
from leitstand.core.locks import Claim, Found, Holder, Lease, Standing, Takeover, age, standing
from leitstand.execution.lock_claims import lease_name, lease_of
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_store import LockStore

__all__ = [
    "Event",
    "Held",
    "LockAlive",
    "NoSuchLock",
    "NothingTaken",
    "events",
    "held",
    "release",
    "take",
]

_TRIES: Final = 50


class NoSuchLock(InputError):
    """No holder, or more than one, fits what was named."""

    def __init__(self, named: str, holders: list[str]) -> None:
        super().__init__(
            f"„{named}“ hält keine Sperre, oder der Name ist nicht eindeutig.",
            f"Nennen Sie einen von: {', '.join(holders)}." if holders else "Es gibt keine Sperren.",
        )
        self.named = named


class LockAlive(GateRefused):
    """The holder lives, so its locks are not given back for it."""

    def __init__(self, holder: str, silence: float) -> None:
        super().__init__(
            f"{holder} lebt: Das letzte Zeichen ist {silence:.0f} s alt.",
            "Sprechen Sie sich ab. Notfalls übernehmen Sie mit leitstand lock take.",
        )
        self.holder = holder


class NothingTaken(GateRefused):
    """Whoever had the locks has lost them, but others were faster in having them."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"{holder} hat seine Sperren verloren, aber nicht an Sie: Andere waren schneller.",
            "Sehen Sie mit leitstand lock list nach, wer sie jetzt hat.",
        )
        self.holder = holder


@dataclass(frozen=True)
class Held:
    """What one holder has.

    Attributes:
        holder: Its id.
        targets: Full names of the resources.
        lease: None where it is gone.
        silence: Seconds since the last sign of life.
        standing: What it means for whoever looks.
    """

    holder: str
    targets: tuple[str, ...]
    lease: Lease | None
    silence: float
    standing: Standing


@dataclass(frozen=True)
class Event:
    """A takeover, or the giving back of a dead holder's locks.

    Attributes:
        at: When, by the store's clock.
        kind: ``taken`` or ``released``.
        by: Account name.
        host: Name of the machine.
        holder: Id of whoever had the locks.
        targets: Full names of the resources.
        reason: In German.
    """

    at: datetime
    kind: str
    by: str
    host: str
    holder: str
    targets: tuple[str, ...]
    reason: str


def held(store: LockStore, me: Holder, evidence: Evidence, environment: str) -> list[Held]:
    """Return who has what in an environment; read-only.

    Raises:
        LockStoreUnusable: the store does not answer.
    """
    targets: dict[str, list[str]] = {}
    for _, claim in _claims(store, environment):
        targets.setdefault(claim.holder, []).append(claim.target)
    leases = {found.name: found for found in store.listing("runs/")}
    result = []
    for holder, names in sorted(targets.items()):
        found = leases.get(lease_name(holder))
        lease = None if found is None else lease_of(store, found)
        alive = None if lease is None else evidence.alive(lease.holder)
        now = standing(found, me, alive=alive)
        silence = 0.0 if found is None else age(found)
        result.append(Held(holder, tuple(sorted(names)), lease, silence, now))
    return result


def take(
    store: LockStore,
    me: Holder,
    evidence: Evidence,
    environment: str,
    named: str,
    reason: str,
    seconds: float,
) -> Held:
    """End a holder's lease, and reserve what it had for ``me``; return what is reserved now.

    That is less than it had where another run was faster.

    The former holder is refused at its next action, and told by whom and why.

    Args:
        store: Where the locks lie.
        me: A person, with no run.
        evidence: Of the state directory.
        environment: Name of the environment.
        named: Id of the holder or its beginning, or a resource by its full or last name.
        reason: In German.
        seconds: For how long.

    Raises:
        NoSuchLock: nobody, or more than one, fits.
        NothingTaken: others have all of it by now.
        LockStoreUnusable: the store does not answer; nothing or not all was taken.
    """
    former = _named(held(store, me, evidence, environment), named)
    _log(store, "taken", me, former, reason)
    reserved = store.write(lease_name(me.id), Lease(me, seconds, reason).as_data(), "")
    if reserved is None:
        raise LockStoreUnusable(store.url, f"{lease_name(me.id)} ist schon da.")
    _end(store, former.holder, Takeover(me.operator, me.run, reason), lambda found, lease: None)
    taken = []
    for found, claim in _claims(store, environment):
        if claim.holder == former.holder:
            mine = Claim(environment, claim.target, me.id, me.token)
            if store.write(found.name, mine.as_data(), found.version) is not None:
                taken.append(claim.target)
    if not taken:
        store.delete(reserved.name, reserved.version)
        raise NothingTaken(former.holder)
    return replace(former, targets=tuple(sorted(taken)))


def release(store: LockStore, me: Holder, evidence: Evidence, environment: str, named: str) -> Held:
    """Give back the locks of a dead holder, or those that ``me`` has reserved; return them.

    Raises:
        NoSuchLock: nobody, or more than one, fits.
        LockAlive: the holder lives.
        LockStoreUnusable: the store does not answer.
    """

    def check_dead(found: Found, lease: Lease) -> None:
        # Also one that has renewed its lease since it was listed as dead.
        alive = evidence.alive(lease.holder)
        if standing(found, me, alive=alive) is Standing.HELD:
            raise LockAlive(former.holder, age(found))

    former = _named(held(store, me, evidence, environment), named)
    if former.standing is Standing.HELD:
        raise LockAlive(former.holder, former.silence)
    reason = "Zurückgegeben."
    logged = _log(store, "released", me, former, reason)
    try:
        _end(store, former.holder, Takeover(me.operator, me.run, reason), check_dead)
    except LockAlive:
        if logged is not None:
            store.delete(logged.name, logged.version)
        raise
    for found, claim in _claims(store, environment):
        if claim.holder == former.holder:
            store.delete(found.name, found.version)
    lease = store.read(lease_name(former.holder))
    if lease is not None and lease_of(store, lease).over is not None:
        store.delete(lease.name, lease.version)
    return former


def events(store: LockStore) -> list[Event]:
    """Return what was taken over or given back by hand, oldest first; read-only."""
    found = [_event(store, entry) for entry in store.listing("events/")]
    return sorted(found, key=lambda event: event.at)


def _claims(store: LockStore, environment: str) -> list[tuple[Found, Claim]]:
    found = []
    for entry in store.listing("targets/"):
        try:
            claim = Claim.from_data(entry.content)
        except ValueError as error:
            raise LockStoreUnusable(store.url, f"{entry.name} ist nicht lesbar.") from error
        if claim.environment == environment:
            found.append((entry, claim))
    return found


def _named(there: list[Held], named: str) -> Held:
    def fits(one: Held) -> bool:
        last = {target.rsplit("/", 1)[-1] for target in one.targets}
        return one.holder.startswith(named) or named in last or named in one.targets

    fitting = [one for one in there if named and fits(one)]
    if len(fitting) != 1:
        raise NoSuchLock(named, [one.holder for one in there])
    return fitting[0]


def _end(
    store: LockStore, holder: str, end: Takeover, check: Callable[[Found, Lease], None]
) -> None:
    """End a holder's lease, each version of it only after ``check`` has let it pass."""
    for _ in range(_TRIES):
        found = store.read(lease_name(holder))
        lease = None if found is None else lease_of(store, found)
        if found is None or lease is None or lease.over is not None:
            return
        check(found, lease)
        if store.write(found.name, lease.ended(end).as_data(), found.version):
            return
    raise LockStoreUnusable(store.url, "andere schreiben ohne Ende.")


def _log(store: LockStore, kind: str, me: Holder, former: Held, reason: str) -> Found | None:
    content: dict[str, Any] = {
        "kind": kind,
        "by": me.operator,
        "host": me.host,
        "holder": former.holder,
        "targets": list(former.targets),
        "reason": reason,
    }
    return store.write(f"events/{me.token}.json", content, "")


def _event(store: LockStore, found: Found) -> Event:
    try:
        texts = {key: str(found.content[key]) for key in ("kind", "by", "host", "holder", "reason")}
        return Event(at=found.updated, targets=tuple(found.content["targets"]), **texts)
    except (KeyError, TypeError) as error:
        raise LockStoreUnusable(store.url, f"{found.name} ist nicht lesbar.") from error
