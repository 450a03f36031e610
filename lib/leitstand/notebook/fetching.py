"""Brings the newest state of a run to this machine: what lies here, and what lies in the store."""

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from leitstand.audit.durable import replace_whole
from leitstand.audit.envelopes import MalformedEnvelope
from leitstand.audit.index import ELSEWHERE_FILE
from leitstand.audit.journal import FORMAT
from leitstand.audit.records import read_record
from leitstand.audit.run_files import JOURNAL, KEPT_FILE, RECORD_FILE
from leitstand.audit.store import Missing
from leitstand.audit.write_ahead import unusable
from leitstand.configuration import environment_names, load_environment
from leitstand.core.errors import LeitstandError
from leitstand.core.open_run_errors import EndedElsewhere, OpenStateDamaged
from leitstand.core.open_runs import (
    OPEN,
    Ended,
    Relation,
    StateDamaged,
    end_name,
    joined,
    piece_of,
    relation,
    run_of_end,
    whole_lines,
)
from leitstand.core.records.statement import MalformedStatement
from leitstand.core.resuming import check_format
from leitstand.execution.history import History
from leitstand.notebook.aftercare import UnknownRun, find_run, stopped
from leitstand.notebook.open_runs import give_up_here, open_store_of
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.run_facts import environment_of, started
from leitstand.notebook.sealed import open_records_of
from leitstand.project import runs_directory

if TYPE_CHECKING:
    from leitstand.audit.open_store import OpenStore
    from leitstand.core.environment import Environment

__all__ = ["fetch", "newest_state"]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_MOST_RECORDS: Final = 500
_TRIES: Final = 3


def newest_state(run: str, env: str = "") -> RunDirectory:
    """Return the directory of a run in its newest state, wherever it was executed last.

    A run of this machine is compared with the place of open runs of its environment, if that names
    one; a run that is not here is looked for there and brought here.

    Args:
        run: Its id, or a beginning that only one run has.
        env: In which environment it is looked for where it is not here; in all when empty.

    Raises:
        UnknownRun: no run, or more than one, fits.
        RunUnderWay: somebody executes it on this machine.
        EndedElsewhere: it was finished on another machine.
        JournalTooNew: a newer Leitstand has written it.
        OpenStateDamaged: what the store holds does not fit together.
        OpenStoreUnusable: the store does not answer, so nobody knows how far the run is.
    """
    try:
        here = find_run(run)
    except UnknownRun:
        return _from_elsewhere(run, env)
    check_format(here.id, started(here), FORMAT)
    environment = environment_of(here)
    store = open_store_of(environment)
    return here if store is None else fetch(here.id, store, environment)


def fetch(run: str, store: "OpenStore", environment: "Environment") -> RunDirectory:
    """Bring a run to the state that its store has, unless this machine has more; return it.

    Where both have gone on, the store counts: what happened there was seen by all. The journal that
    lay here is kept beside it.

    Raises:
        As for `newest_state`.
    """
    directory = RunDirectory(runs_directory() / run)
    try:
        with ExitStack() as alone:
            if directory.path.is_dir():
                alone.enter_context(stopped(directory))
            _reconcile(directory, store)
    except OSError as error:
        raise unusable(store.url, error) from error
    if not directory.journal.path.exists():
        raise UnknownRun(run)
    check_format(run, started(directory), FORMAT)
    _take_receipt(directory, environment)
    (directory.path / ELSEWHERE_FILE).unlink(missing_ok=True)
    return directory


def _reconcile(directory: RunDirectory, store: "OpenStore") -> None:
    try:
        local = directory.journal.path.read_bytes()
    except FileNotFoundError:
        local = b""
    stored = _stored(store, directory.id, local)
    if isinstance(stored, Ended):
        if local and History.read(directory.journal).ended:
            return
        if local:
            give_up_here(directory)
        raise EndedElsewhere(directory.id, stored.host, stored.at)
    if not stored:
        return
    if not local:
        _make(directory, stored)
        return
    match relation(local, stored):
        case Relation.BEHIND:
            replace_whole(directory.journal.path, stored)
        case Relation.DIVERGED:
            _keep_aside(directory)
            replace_whole(directory.journal.path, stored)
        case _:
            pass


def _stored(store: "OpenStore", run: str, local: bytes) -> bytes | Ended:
    """Return the journal that a store has of a run, empty where it has none; or its end.

    Where pieces are missing there, but this machine has all that is left and more, it is its own.
    """
    whole: dict[int, bytes] = {}
    try:
        for _ in range(_TRIES):
            end = store.read(end_name(run))
            if end is not None:
                return Ended.decode(end)
            found = {
                piece[1]: store.read(name)
                for name in store.names(f"{OPEN}{run}/")
                if (piece := piece_of(name)) is not None
            }
            # Of a run that is cleared away meanwhile, pieces vanish.
            if whole := {at: content for at, content in found.items() if content is not None}:
                if len(whole) == len(found):
                    return joined(whole)
            elif not found:
                return b""
    except StateDamaged as error:
        if whole and all(local[at : at + len(piece)] == piece for at, piece in whole.items()):
            return whole_lines(local)
        raise OpenStateDamaged(run, store.url, str(error)) from error
    return b""


def _make(directory: RunDirectory, journal: bytes) -> None:
    """Make a run directory with its journal, whole or not at all."""
    new = directory.path.with_name(f".{directory.id}-{secrets.token_hex(4)}")
    if directory.path.is_dir():
        replace_whole(directory.journal.path, journal)
        return
    new.mkdir(mode=0o700)
    replace_whole(new / JOURNAL, journal)
    try:
        new.rename(directory.path)
    except OSError:  # another process of this machine was faster
        (new / JOURNAL).unlink()
        new.rmdir()


def _keep_aside(directory: RunDirectory) -> None:
    """Keep what was written here after another machine had gone on; it belongs to the record."""
    number = 1
    while (kept := directory.path / f"journal-{number}.jsonl").exists():
        number += 1
    kept.write_bytes(directory.journal.path.read_bytes())
    kept.chmod(0o600)
    unsent = directory.path / KEPT_FILE
    if unsent.exists():  # of a journal that no longer counts
        unsent.rename(directory.path / f"record-kept-{number}.json")


def _take_receipt(directory: RunDirectory, environment: "Environment") -> None:
    """Copy the run's last record from the chain, so that its next one continues it.

    Where the chain cannot be read now, the run is sealed as if it had not been before.
    """
    began = _time(started(directory).get("at"))
    with suppress(OSError, LeitstandError, Missing):
        records = open_records_of(environment)
        head = records.head()
        for seq in range(head, max(0, head - _MOST_RECORDS), -1):
            content = records.read(seq)
            try:
                statement = read_record(content)
            except (MalformedEnvelope, MalformedStatement):
                continue
            if statement.run_id == directory.id:
                replace_whole(directory.path / RECORD_FILE, content)
                return
            sealed = _time(statement.sealed_at)
            if began is not None and sealed is not None and sealed < began:
                return


def _from_elsewhere(run: str, env: str) -> RunDirectory:
    """Look for a run that is not here in the places of open runs."""
    if not _ID.fullmatch(run):
        raise UnknownRun(run)
    found: dict[str, tuple[OpenStore, Environment]] = {}
    unasked: list[str] = []
    for name in [env] if env else environment_names():
        environment = load_environment(name)
        store = open_store_of(environment)
        if store is None:
            continue
        try:
            found |= dict.fromkeys(_ids(store, run), (store, environment))
        except OSError as error:  # such as where there are no credentials for it
            if env:
                raise unusable(store.url, error) from error
            unasked.append(name)
    if run in found:
        found = {run: found[run]}
    if len(found) != 1:
        raise UnknownRun(run, unasked)
    ((whole, (store, environment)),) = found.items()
    return fetch(whole, store, environment)


def _ids(store: "OpenStore", run: str) -> Iterator[str]:
    for name in store.names(f"{OPEN}{run}"):
        if (piece := piece_of(name)) is not None:
            yield piece[0]
    for name in store.names(end_name(run).removesuffix(".json")):
        if ended := run_of_end(name):
            yield ended


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
