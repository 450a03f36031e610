"""Keeps the journal of a run in a store as it grows: an action starts when its intent is there.

Several processes of the machine may do so at once: each sends what the store lacks. Where the store
holds something else at an offset, another machine has gone on with the run, and this one must not.
"""

import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from leitstand.audit.open_store import OpenStore
from leitstand.core.errors import LeitstandError
from leitstand.core.open_run_errors import (
    ContinuedElsewhere,
    EndedElsewhere,
    OpenStateDamaged,
    OpenStoreMissing,
    OpenStoreUnusable,
)
from leitstand.core.open_runs import (
    OPEN,
    Ended,
    StateDamaged,
    end_name,
    piece_name,
    piece_of,
    whole_lines,
)

__all__ = ["WriteAhead", "unusable"]

_STRICT: Final = frozenset({"action.intent"})
"""Events that must be in the store before anything else happens."""
_IDLE: Final = 30.0


class WriteAhead:
    """Sends the journal of one run to a store.

    Args:
        store: Where to.
        run: Id of the run.
        journal: Path of its journal.
    """

    def __init__(self, store: OpenStore, run: str, journal: Path) -> None:
        self._store = store
        self._run = run
        self._journal = journal
        self._sent: int | None = None
        self._over: LeitstandError | None = None
        self._mutex = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self, *, anew: bool = False) -> None:
        """Send all that is there: from now on this machine goes on with the run, and no other.

        Args:
            anew: Look again what the store has. Whoever has waited without the run's locks must:
                another machine may have finished it since, and taken its pieces away.

        Raises:
            ContinuedElsewhere: another machine has gone on with it.
            EndedElsewhere: another machine has finished it.
            OpenStoreUnusable: the store does not answer; it is not known who goes on.
        """
        with self._mutex:
            if anew:
                self._sent = None
            try:
                self._begin()
                self._send()
            except OSError as error:
                raise unusable(self._store.url, error) from error

    def written(self, event: str) -> bool:
        """Hear of an event that was written; return whether it had to be in the store, and now is.

        All others follow by themselves, in a thread of their own.

        Raises:
            ContinuedElsewhere: another machine has gone on with the run.
            EndedElsewhere: another machine has finished it.
            OpenStoreUnusable: the event must be in the store, and could not be sent.
        """
        if event in _STRICT:
            self.claim()
            return True
        if self._thread is None:
            arguments = (weakref.ref(self), self._woken)
            self._thread = threading.Thread(
                target=_follow, args=arguments, name="write-ahead", daemon=True
            )
            self._thread.start()
        self._woken.set()
        return False

    def follow(self) -> None:
        """Send what is there, if that can be done; trouble shows at the next action."""
        with suppress(LeitstandError, OSError):
            self.claim()

    def __del__(self) -> None:
        self._woken.set()

    def _begin(self) -> None:
        """Find out, once, what the store has of the journal."""
        if self._over is not None:
            raise self._over
        if self._sent is not None:
            return
        end = self._store.read(end_name(self._run))
        if end is not None:
            try:
                ended = Ended.decode(end)
            except StateDamaged as error:
                raise OpenStateDamaged(self._run, self._store.url, str(error)) from error
            raise self._lost(EndedElsewhere(self._run, ended.host, ended.at))
        places = [piece_of(name) for name in self._store.names(f"{OPEN}{self._run}/")]
        offsets = [place[1] for place in places if place is not None]
        self._sent = 0
        if offsets:
            last = max(offsets)
            stored = self._store.read(piece_name(self._run, last))
            if stored is None or self._local(last, len(stored)) != stored:
                raise self._lost(ContinuedElsewhere(self._run))
            self._sent = last + len(stored)

    def _send(self) -> None:
        assert self._sent is not None
        while piece := whole_lines(self._local(self._sent)):
            name = piece_name(self._run, self._sent)
            if self._store.create(name, piece):
                self._sent += len(piece)
                continue
            # Another process of this run was faster, or an answer was lost; or another machine.
            stored = self._store.read(name)
            if not stored or self._local(self._sent, len(stored)) != stored:
                raise self._lost(ContinuedElsewhere(self._run))
            self._sent += len(stored)

    def _lost(self, error: LeitstandError) -> LeitstandError:
        self._over = error
        return error

    def _local(self, offset: int, length: int = -1) -> bytes:
        descriptor = os.open(self._journal, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            file.seek(offset)
            return file.read(length)


def unusable(url: str, error: OSError) -> OpenStoreUnusable:
    """Return the error that says why a store of open runs cannot be used."""
    cause = error.message if isinstance(error, LeitstandError) else error.strerror or str(error)
    kind = OpenStoreMissing if getattr(error, "missing", False) else OpenStoreUnusable
    return kind(url, cause if cause.endswith(".") else f"{cause}.")


def _follow(ahead: "weakref.ref[WriteAhead]", woken: threading.Event) -> None:
    """Send what is new, until nobody knows of the journal any more."""
    while True:
        woken.wait(_IDLE)
        held = ahead()
        if held is None:
            return
        if woken.is_set():
            woken.clear()
            held.follow()
        del held
