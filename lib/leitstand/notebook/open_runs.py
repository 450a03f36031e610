"""The open state of runs, in the place that their environment names for it."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from leitstand.audit.index import ELSEWHERE_FILE
from leitstand.audit.run_files import KEPT_FILE, RECORD_FILE
from leitstand.audit.write_ahead import WriteAhead, unusable
from leitstand.core.errors import ExitCode, LeitstandError
from leitstand.core.lock_errors import LockStoreUnusable
from leitstand.core.open_run_errors import ContinuedElsewhere, EndedElsewhere, OpenStoreUnusable
from leitstand.core.open_runs import OPEN, Ended, end_name, piece_name, piece_of, whole_lines
from leitstand.core.records.settings import records_in
from leitstand.execution.history import History
from leitstand.execution.store_opening import open_runs_at
from leitstand.notebook.locking import is_leased
from leitstand.notebook.run_directory import RunDirectory, write_private

if TYPE_CHECKING:
    from leitstand.audit.open_store import OpenStore
    from leitstand.cloud.connection import Connection
    from leitstand.cloud.rest import Rest
    from leitstand.core.environment import Environment

__all__ = [
    "StoredRun",
    "clear_away",
    "give_up_here",
    "open_store_of",
    "settle",
    "stored_runs",
    "write_ahead_of",
]

_SECONDS: Final = 5.0
_TRIES: Final = 3
_BEGIN: Final = re.compile(
    rb'^\{"seq": ?\d+,[^\n]*?"event": ?"run\.(?:started|resumed)"', re.MULTILINE
)


@dataclass(frozen=True)
class StoredRun:
    """A run whose open state lies in a store.

    Attributes:
        id: Its id.
        env: Name of its environment.
        operator: Who started it.
        ticket: Its ticket, or empty.
        started_at: ISO 8601, UTC.
        status: ``paused``, ``failed`` or, where it has no end, ``open``.
        url: Where it lies.
    """

    id: str
    env: str
    operator: str
    ticket: str
    started_at: str
    status: str
    url: str


def open_store_of(
    environment: "Environment", connection: "Connection | None" = None
) -> "OpenStore | None":
    """Return the place of an environment's open runs, None where it names none; nothing is read.

    Args:
        environment: Whose runs they are.
        connection: Its clients; made when a bucket is first asked, where they are left out.
    """
    address = records_in(environment).open
    if not address:
        return None

    def rest() -> "Rest":
        from leitstand.notebook.sandboxes import connect

        return (connection or connect(environment)).hurried(_SECONDS, _TRIES)

    return open_runs_at(address, rest)


def write_ahead_of(
    run: RunDirectory, environment: "Environment", connection: "Connection | None" = None
) -> WriteAhead | None:
    """Return what sends a run's journal to the place of open runs; None where there is none."""
    store = open_store_of(environment, connection)
    return None if store is None else WriteAhead(store, run.id, run.journal.path)


def settle(run: RunDirectory, environment: "Environment") -> str:
    """Send what is left of the journal of a run that nobody executes here any more.

    Returns:
        Why it must not be sealed here, as a German sentence; empty where it may be.
    """
    store = open_store_of(environment)
    if store is None or not _changes(run):
        return ""
    try:
        end = store.read(end_name(run.id))
        last = max((offset for _, offset in _pieces(store, run.id)), default=None)
        stored = b"" if last is None else store.read(piece_name(run.id, last)) or b""
    except OSError as error:
        return _unknown(run, unusable(store.url, error))
    local = whole_lines(run.journal.path.read_bytes())
    if end is not None:
        return "" if History.read(run.journal).ended else give_up_here(run)
    if last is None:
        return ""
    reach = last + len(stored)
    if local[last:reach] != stored:
        return give_up_here(run)
    try:
        # Others may be going on from what lies there; it does not know of what was tried here.
        if reach <= _begun_at(local) and is_leased(run.id, environment):
            return give_up_here(run)
        WriteAhead(store, run.id, run.journal.path).claim()
    except (ContinuedElsewhere, EndedElsewhere):
        return give_up_here(run)
    except (LockStoreUnusable, OpenStoreUnusable) as trouble:
        return _unknown(run, trouble)
    with suppress(OSError):
        (run.path / ELSEWHERE_FILE).unlink(missing_ok=True)
    return ""


def _unknown(run: RunDirectory, trouble: LeitstandError) -> str:
    """Return why a run must not be sealed while nobody knows whether it goes on elsewhere."""
    return (
        f"{trouble.message} Ob der Lauf anderswo weiterging, weiß niemand; holen Sie den Beleg"
        f" nach: leitstand audit seal {run.id}."
    )


def give_up_here(run: RunDirectory) -> str:
    """Note that a run goes on elsewhere, so that nobody seals it here; return that in German."""
    with suppress(OSError):
        write_private(run.path / ELSEWHERE_FILE, json.dumps({"since": _now()}) + "\n")
    return (
        f"Der Lauf {run.id} geht auf einem anderen Rechner weiter; sein Beleg entsteht dort, wo er"
        f" endet. Den neuen Stand holt leitstand resume {run.id}."
    )


def clear_away(run: RunDirectory, environment: "Environment") -> None:
    """Remove the open state of a run that is sealed, unless it can be gone on with.

    Where it is over for good, the store keeps that, so that no old copy of it is gone on with.
    The same is done for earlier runs of this machine for which that did not succeed.
    """
    store = open_store_of(environment)
    if store is None or not _changes(run):
        return
    with suppress(OSError):
        _clear(store, run)
        open_runs = {piece[0] for name in store.names(OPEN) if (piece := piece_of(name))}
        for other in open_runs - {run.id}:
            earlier = RunDirectory(run.path.parent / other)
            sealed = (earlier.path / RECORD_FILE).exists()
            not_here = (earlier.path / name for name in (KEPT_FILE, ELSEWHERE_FILE))
            if sealed and not any(path.exists() for path in not_here):
                _clear(store, earlier)


def stored_runs(environment: "Environment") -> list[StoredRun]:
    """Return the open runs that lie in an environment's place for them, newest first. Read-only.

    Raises:
        OpenStoreUnusable: it does not answer.
    """
    store = open_store_of(environment)
    if store is None:
        return []
    try:
        offsets: dict[str, list[int]] = {}
        for name in store.names(OPEN):
            if (piece := piece_of(name)) is not None:
                offsets.setdefault(piece[0], []).append(piece[1])
        found = [_stored(store, run, max(at)) for run, at in offsets.items() if min(at) == 0]
    except OSError as error:
        raise unusable(store.url, error) from error
    runs = [one for one in found if one is not None]
    return sorted(runs, key=lambda one: (one.started_at, one.id), reverse=True)


def _stored(store: "OpenStore", run: str, last: int) -> StoredRun | None:
    if store.read(end_name(run)) is not None:
        return None
    started = next(_events(store.read(piece_name(run, 0)) or b""), {})
    status = "open"
    for event in _events(store.read(piece_name(run, last)) or b""):
        kind = str(event["event"])
        if kind in {"run.paused", "run.failed"}:
            status = kind.removeprefix("run.")
        elif kind in {"run.resumed", "action.intent"}:
            status = "open"
    said = {name: str(started.get(name, "")) for name in ("env", "operator", "ticket")}
    at = str(started.get("at", ""))
    return StoredRun(run, **said, started_at=at, status=status, url=store.url)


def _clear(store: "OpenStore", run: RunDirectory) -> None:
    history = History.read(run.journal)
    if history.ended:
        store.create(end_name(run.id), Ended(run.id, socket.gethostname(), _now()).encode())
    elif history.open or _waits(run):
        return
    # The last one first: what remains is always the beginning of the journal.
    for _, offset in sorted(_pieces(store, run.id), reverse=True):
        store.delete(piece_name(run.id, offset))


def _waits(run: RunDirectory) -> bool:
    """Return whether a run that has changed nothing can go on: it waits, or something failed."""
    for event in reversed(run.journal.events()):
        if event["event"] == "run.paused":
            return True
        if event["event"] == "run.failed":
            return event.get("exit_code") == ExitCode.FAILED
        if event["event"] in {"run.started", "run.resumed"}:
            return True  # it has no end
    return False


def _changes(run: RunDirectory) -> bool:
    """Return whether a run may change something; one that only looks is nothing to go on with."""
    started = next(iter(run.journal), {})
    parameters = started.get("parameters")
    return isinstance(parameters, Mapping) and bool(parameters.get("apply"))


def _pieces(store: "OpenStore", run: str) -> Iterator[tuple[str, int]]:
    for name in store.names(f"{OPEN}{run}/"):
        if (piece := piece_of(name)) is not None:
            yield piece


def _begun_at(journal: bytes) -> int:
    """Return where the line begins that says that the run was started or resumed last."""
    return max((found.start() for found in _BEGIN.finditer(journal)), default=0)


def _events(content: bytes) -> Iterator[Mapping[str, Any]]:
    for line in content.split(b"\n"):
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                yield event


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
