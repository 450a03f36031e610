"""The locks of a run, from what its environment says about them."""

import os
import secrets
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.configuration import load_environment
from leitstand.core.errors import LeitstandError
from leitstand.core.lock_errors import Locked, LockLost, LockStoreMissing, LockStoreUnusable
from leitstand.core.lock_settings import locks_in
from leitstand.core.locks import Holder, Lease, Takeover, age, stale_after
from leitstand.core.plan import Plan, concerns_bucket
from leitstand.execution.lock import LockTold, RunLocks
from leitstand.execution.lock_claims import lease_name, lease_of
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_evidence import Evidence
from leitstand.execution.lock_opening import open_lock_store
from leitstand.execution.lock_waiting import acquire_patiently
from leitstand.notebook.progress import Progress
from leitstand.notebook.views import Notice, Tone, show
from leitstand.project import state_directory

if TYPE_CHECKING:
    from leitstand.audit.journal import Journal
    from leitstand.cloud.connection import Connection
    from leitstand.cloud.rest import Rest
    from leitstand.core.environment import Environment
    from leitstand.execution.lock_store import LockStore

__all__ = [
    "Locking",
    "evidence_here",
    "give_back_left",
    "holder_here",
    "is_leased",
    "lock_store_of",
    "taken_over",
]

_SECONDS: Final = 5.0
"""So long a call may take: a lease must be renewed long before it expires."""
_TRIES: Final = 3


def lock_store_of(
    environment: "Environment", connection: "Connection | None" = None
) -> "LockStore":
    """Return the store of an environment's locks; nothing is read or made yet.

    Args:
        environment: Whose locks they are.
        connection: Its clients; made when a bucket is first asked, where they are left out.
    """

    def rest() -> "Rest":
        from leitstand.notebook.sandboxes import connect

        return (connection or connect(environment)).hurried(_SECONDS, _TRIES)

    return open_lock_store(locks_in(environment).store or str(_here()), rest)


def evidence_here() -> Evidence:
    """Return what tells of the holders that work with this state directory."""
    return Evidence(_here())


def holder_here(operator: str, *, run: str = "", runbook: str = "", ticket: str = "") -> Holder:
    """Return this process as a holder of locks; a person's, where no run is named."""
    return Holder(
        run=run,
        operator=operator,
        host=socket.gethostname(),
        pid=os.getpid(),
        place=evidence_here().place,
        runbook=runbook,
        ticket=ticket,
        token=secrets.token_hex(8),
    )


def give_back_left(run: str, env: str) -> None:
    """Give back the locks of a run whose process here was ended before it could.

    Where that does not succeed, they become free when the lease expires.

    Args:
        run: Its id; nobody executes it any more.
        env: Name of its environment.
    """
    evidence = evidence_here()
    if not evidence.left(run):
        return
    with suppress(LeitstandError):
        store = lock_store_of(load_environment(env))
        found = store.read(lease_name(run))
        holder = None if found is None else lease_of(store, found).holder
        if found is not None and holder is not None and evidence.alive(holder) is False:
            # Without its lease, what it has claimed counts for nothing.
            store.delete(found.name, found.version)
            evidence.forget(holder)


def is_leased(run: str, environment: "Environment") -> bool:
    """Return whether somebody alive holds locks for a run, here or elsewhere. Read-only.

    Raises:
        LockStoreUnusable: the place of the locks does not answer.
    """
    store = lock_store_of(environment)
    found = store.read(lease_name(run))
    if found is None:
        return False
    lease = lease_of(store, found)
    return lease.over is None and age(found) <= stale_after(lease.expires)


def taken_over(run: str, environment: "Environment") -> LockLost | None:
    """Return what says that somebody has ended the run's lease; None where nobody has. Read-only.

    Raises:
        LockStoreUnusable: the place of the locks does not answer.
    """
    store = lock_store_of(environment)
    try:
        found = store.read(lease_name(run))
    except LockStoreMissing:  # the plan that makes it locks here
        store = DirectoryLocks(_here())
        found = store.read(lease_name(run))
    over = None if found is None else lease_of(store, found).over
    return None if found is None or over is None else LockLost(run, over, found.updated)


class Locking:
    """Takes the locks of a run as its plans are approved, and guards its journal with them.

    Args:
        connection: Where the run acts.
        journal: Of the run; it hears of trouble.
        holder: The run.
    """

    def __init__(self, connection: "Connection", journal: "Journal", holder: Holder) -> None:
        self._connection = connection
        self._journal = journal
        self._holder = holder
        self._locks: RunLocks | None = None

    def acquire(self, plan: Plan) -> None:
        """Take the locks on everything that a plan changes.

        Where only a run stands in the way that seems dead, it is waited for.
        The plan that makes the bucket of the locks cannot have them there yet; it is alone on this
        machine only, and says so.

        Raises:
            Locked: another run works on one of the targets, or a person has reserved it.
            LockLost: somebody has taken over what the run held before.
            LockStoreUnusable: the place of the locks does not answer, or is not there.
        """
        if self._locks is None:
            self._use(lock_store_of(self._connection.environment, self._connection))
        assert self._locks is not None
        try:
            self._acquire(self._locks, plan)
        except LockStoreMissing as error:
            if not concerns_bucket(plan, locks_in(self._connection.environment).store):
                raise
            show(Notice(f"{error.message} Der Plan legt sie an und sperrt nur hier.", Tone.WAIT))
            self._use(DirectoryLocks(_here()))
            self._acquire(self._locks, plan)

    @property
    def lost(self) -> bool:
        """Whether somebody has taken the locks over."""
        return self._locks is not None and self._locks.lost

    def release(self) -> None:
        """Give all locks back; harmless when there are none."""
        if self._locks is not None:
            self._locks.release()

    @staticmethod
    def _acquire(locks: RunLocks, plan: Plan) -> None:
        with ExitStack() as shown:
            progress: Progress | None = None

            def waits(refusal: Locked, longest: float) -> None:
                nonlocal progress
                if progress is None:
                    run = refusal.lease.holder.run
                    show(
                        Notice(
                            f"Der Lauf {run} gibt seit {refusal.silence:.0f} s kein Lebenszeichen."
                            " Schweigt er weiter, verfällt seine Sperre nach"
                            f" {longest:.0f} s; dieser Lauf wartet darauf.",
                            Tone.WAIT,
                        )
                    )
                    left = max(0.0, longest - refusal.silence)
                    title = f"Warten auf die Sperre von {run}"
                    progress = shown.enter_context(Progress("locks", title, left))
                progress.update()

            acquire_patiently(locks, plan.targets, waits)

    def _use(self, store: "LockStore") -> None:
        said = locks_in(self._connection.environment)
        self._locks = RunLocks(
            store,
            self._holder,
            self._connection.environment.name,
            evidence_here(),
            expires=said.expires,
            heartbeat=said.heartbeat,
            told=_Told(self._journal),
        )
        self._journal.guard(self._locks.check)


class _Told(LockTold):
    """Journals what happens to the locks, and shows what the operator must see at once."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal

    def cleared(self, lease: Lease, end: Takeover) -> None:
        """A dead holder's lease was ended for this run."""
        former = lease.holder
        with suppress(OSError):
            self._journal.append(
                "lock.taken", run=former.run, operator=former.operator, reason=end.reason
            )
        show(Notice(f"Die Sperre von {former.run or former.operator} ist verfallen: {end.reason}"))

    def unrenewed(self, url: str, error: LockStoreUnusable) -> None:
        """The lease could not be renewed."""
        with suppress(OSError):
            self._journal.append("lock.unrenewed", store=url, message=error.message)
        show(Notice(f"Die Sperre ließ sich nicht erneuern. {error.message}", Tone.WAIT))

    def lost(self, error: LockLost) -> None:
        """Somebody has ended the lease."""
        by = error.by
        with suppress(OSError):
            self._journal.append(
                "lock.lost",
                by=by.by if by else "",
                run=by.run if by else "",
                reason=by.reason if by else "",
                message=error.message,
            )
        show(Notice(str(error), Tone.BAD))


def _here() -> Path:
    return state_directory() / "locks"
