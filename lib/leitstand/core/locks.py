"""Locks on what runs change: who holds one, and whether another may have it.

A run keeps one lease alive, and lays one claim on each resource that it changes. A claim counts as
long as the lease of the holder that it names lives. Whether it does is told by the clock of the
store alone: two machines need not agree about the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "Claim",
    "Found",
    "Holder",
    "Lease",
    "Standing",
    "Takeover",
    "age",
    "longest_silence",
    "overdue",
    "stale_after",
    "standing",
]

_TOLERANCE: Final = 5.0
"""Seconds by which two looks at the clock of a store may differ."""


@dataclass(frozen=True)
class Found:
    """An entry of a store, as it was at one moment.

    Attributes:
        name: Of the entry.
        content: What it says.
        version: Changes with every write, and never comes back.
        updated: When it was written, by the store's clock.
        now: What the store's clock showed when it answered.
    """

    name: str
    content: Mapping[str, Any]
    version: str
    updated: datetime
    now: datetime


@dataclass(frozen=True)
class Holder:
    """Who holds locks.

    Attributes:
        run: Id of the run; empty where a person has reserved what was taken over.
        operator: Account name.
        host: Name of the machine.
        pid: Process on it.
        place: Which state directory it works with; within one, nobody executes a run twice.
        runbook: What it executes.
        ticket: Why.
        token: Of this process and lease alone.
    """

    run: str
    operator: str
    host: str
    pid: int
    place: str
    runbook: str
    ticket: str
    token: str

    @property
    def id(self) -> str:
        """What claims name the holder by."""
        return self.run or f"reserved-{self.token}"


@dataclass(frozen=True)
class Takeover:
    """By whom and why a lease was ended.

    Attributes:
        by: Account name.
        run: Id of the run that did it; empty where a person did.
        reason: In German.
    """

    by: str
    run: str
    reason: str


@dataclass(frozen=True)
class Lease:
    """What a holder renews while it lives.

    Attributes:
        holder: Whose it is.
        expires: Seconds without renewal after which others may have its locks.
        reason: Why it was reserved, in German; empty for a run.
        acquired: When it began, by the store's clock, as ISO 8601; empty at first.
        beat: How often it was renewed.
        over: Who has ended it; None while nobody has.
    """

    holder: Holder
    expires: float
    reason: str = ""
    acquired: str = ""
    beat: int = 0
    over: Takeover | None = None

    def renewed(self, acquired: str) -> "Lease":
        """Return the lease as its holder writes it next."""
        return replace(self, beat=self.beat + 1, acquired=self.acquired or acquired)

    def ended(self, takeover: Takeover) -> "Lease":
        """Return the lease as somebody else ends it."""
        return replace(self, over=takeover)

    def as_data(self) -> dict[str, Any]:
        """Return the lease as JSON values."""
        return {
            "holder": vars(self.holder),
            "expires": self.expires,
            "reason": self.reason,
            "acquired": self.acquired,
            "beat": self.beat,
            "over": None if self.over is None else vars(self.over),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Lease":
        """Return the lease that ``as_data`` gave; what a later version adds is left out.

        Raises:
            ValueError: it is none.
        """
        try:
            over = data.get("over")
            return cls(
                Holder(**{key: data["holder"][key] for key in Holder.__annotations__}),
                float(data["expires"]),
                str(data.get("reason", "")),
                str(data.get("acquired", "")),
                int(data.get("beat", 0)),
                Takeover(**{key: over[key] for key in Takeover.__annotations__}) if over else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no lease: {error}") from error


@dataclass(frozen=True)
class Claim:
    """A resource, and who wants it for itself.

    Attributes:
        environment: Where the resource is.
        target: Full name of the resource.
        holder: Id of the holder, see ``Holder.id``.
        token: Of the holder's process.
    """

    environment: str
    target: str
    holder: str
    token: str = field(default="")

    def as_data(self) -> dict[str, Any]:
        """Return the claim as JSON values."""
        return vars(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Claim":
        """Return the claim that ``as_data`` gave; raises ValueError if it is none."""
        try:
            return cls(**{key: str(data[key]) for key in cls.__annotations__})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no claim: {error}") from error


class Standing(StrEnum):
    """What a lease means for somebody who wants what its holder has claimed."""

    FREE = "free"
    """It is over, or there is none."""
    MINE = "mine"
    """It is the one of whoever asks."""
    HELD = "held"
    """Its holder lives."""
    STALE = "stale"
    """Its holder is dead; the lease can be ended."""


def age(found: Found) -> float:
    """Return the seconds since an entry was written, by the store's clock.

    A clock that was set back in between makes it 0, so that nobody loses a lock by that.
    """
    return max(0.0, (found.now - found.updated).total_seconds())


def standing(found: Found | None, me: Holder, *, alive: bool | None = None) -> Standing:
    """Return what a lease means for ``me``.

    Args:
        found: The lease as the store has it; None where it has none.
        me: Who asks.
        alive: Whether its process lives, as far as that can be seen from here; None where not.

    Raises:
        ValueError: the entry is no lease.
    """
    if found is None:
        return Standing.FREE
    lease = Lease.from_data(found.content)
    holder = lease.holder
    if lease.over is not None:
        return Standing.FREE
    if holder.token == me.token or _gone_on(holder, me, alive):
        return Standing.MINE
    if not holder.run and holder.operator == me.operator:
        return Standing.MINE
    if alive is False or age(found) > stale_after(lease.expires):
        return Standing.STALE
    return Standing.HELD


def _gone_on(holder: Holder, me: Holder, alive: bool | None) -> bool:
    """Return whether it is the lease of an earlier process of this run, which is gone.

    Only within one state directory on one machine does that follow from the run being executed
    again: a copy of the directory elsewhere keeps no process out.
    """
    here = (me.run, me.place, me.host)
    same = bool(me.run) and (holder.run, holder.place, holder.host) == here
    return same and (not alive or holder.pid == me.pid)


def stale_after(expires: float) -> float:
    """Return after how many seconds without renewal others may end a lease."""
    return expires + min(_TOLERANCE, expires)


def overdue(lease: Lease, silence: float) -> bool:
    """Return whether a run is silent for so long that it has hardly any life left.

    A lease is renewed three times before it expires; what a person has reserved never is.
    """
    return bool(lease.holder.run) and silence > lease.expires / 2


def longest_silence(expires: float) -> float:
    """Return for how many seconds a holder may act on a lease that it could not renew.

    The rest of the time is for what was begun just before, and for clocks that run unequally.
    """
    return expires * 2 / 3
