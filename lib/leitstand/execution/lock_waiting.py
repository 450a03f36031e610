"""Waits for the locks of a run that seems dead, until they expire.

So a job whose machine was taken away goes on when it is tried again, instead of being refused.
"""

from collections.abc import Callable, Iterable
from typing import Final

from leitstand.core.lock_errors import Locked
from leitstand.core.locks import overdue, stale_after
from leitstand.execution.lock import RunLocks
from leitstand.execution.waiting import until

__all__ = ["acquire_patiently"]

_LOOKS: Final = 60
"""By so much the first pause is shorter than a lease lives."""


def acquire_patiently(
    locks: RunLocks, targets: Iterable[str], watch: Callable[[Locked, float], object]
) -> None:
    """Take locks; wait where only the lease of a run stands in the way that misses its renewals.

    A holder that renews its lease meanwhile lives, so this ends at once.

    Args:
        locks: Of the run.
        targets: Full names of the resources.
        watch: Told, before each pause, what stands in the way and after how many seconds of silence
            it no longer does.

    Raises:
        Locked: another run that lives holds one, or a person has reserved it.
        LockLost: somebody has taken over what the run held before.
        LockStoreUnusable: the store does not answer, or is not there.
    """
    wanted = tuple(targets)

    def look() -> Locked | None:
        try:
            locks.acquire(wanted)
        except Locked as refusal:
            if not overdue(refusal.lease, refusal.silence):
                raise
            return refusal
        return None

    found = look()
    if found is None:
        return
    there, expires = found, found.lease.expires

    def taken() -> bool | None:
        nonlocal there
        refusal = look()
        there = refusal or there
        return refusal is None or None

    watch(there, stale_after(expires))
    until(
        taken,
        deadline=stale_after(expires),
        interval=expires / _LOOKS,
        slowest=4,
        watch=lambda: watch(there, stale_after(expires)),
        late=lambda: there,
    )
