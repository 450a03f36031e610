"""Seals every run of this machine that is not sealed yet."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from leitstand.audit.envelopes import MalformedEnvelope
from leitstand.audit.index import RunEntry, list_runs
from leitstand.audit.records import read_record, unsealed_runs
from leitstand.audit.run_files import JOURNAL, RECORD_FILE
from leitstand.audit.sealing import seal_run
from leitstand.audit.signing import Signer
from leitstand.audit.store import Store
from leitstand.core.errors import LeitstandError
from leitstand.core.records.statement import MalformedStatement

__all__ = ["Attempt", "is_sealed", "seal_all"]

_WAITS: Final = {
    "running": "läuft noch",
    "open": "ist offen; --crashed versiegelt ihn",
    "elsewhere": "ging auf einem anderen Rechner weiter; versiegelt wird er, wo er endet",
    "crashed": "ist abgerissen; setzen Sie ihn fort, oder versiegeln Sie ihn mit --crashed",
}


@dataclass(frozen=True)
class Attempt:
    """What became of a run.

    Attributes:
        run: Its id.
        seq: Number of its record; 0 when it has none.
        part: Part of the run that the record seals.
        waits: Why it is not to be sealed yet, as a German half-sentence, or empty.
        error: Why it could not be sealed, as German sentences, or empty.
    """

    run: str
    seq: int = 0
    part: int = 0
    waits: str = ""
    error: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the attempt as JSON values."""
        return asdict(self)


def seal_all(
    runs: Path,
    store_of: Callable[[str], Store],
    signer: Signer,
    *,
    only: Collection[str] = (),
    env: str = "",
    crashed: bool = False,
    hindrance: Callable[[Path, str], str] = lambda *_: "",
) -> Iterator[Attempt]:
    """Seal what ended, kept records first, then the oldest; yield what became of each run.

    Runs whose record is there, and whose journal did not grow since, are left out.

    Args:
        runs: Directory of the runs.
        store_of: Returns where the records of an environment go, by its name; empty for a run
            that names none. What it raises counts for that run alone.
        signer: Signs them.
        only: Ids of the runs that are meant; all when empty.
        env: Only runs in this environment; all when empty.
        crashed: Seal runs without an end too, unless a runner still owns them.
        hindrance: Returns why a run in an environment must not be sealed here, as German sentences,
            or empty.

    Raises:
        OSError: the directory of the runs cannot be read.
    """
    entries = {entry.id: entry for entry in list_runs(runs)}
    kept = [path.name for path in unsealed_runs(runs)]
    ended = sorted(entries.values(), key=lambda entry: (entry.ended_at, entry.id))
    unknown = sorted(
        p.parent.name for p in runs.glob(f"*/{JOURNAL}") if p.parent.name not in entries
    )
    for name in dict.fromkeys([*kept, *(entry.id for entry in ended), *unknown]):
        entry = entries.get(name)
        if (only and name not in only) or (env and entry is not None and entry.env != env):
            continue
        if name not in kept and is_sealed(runs / name):
            continue
        waits = _waits(entry, crashed=crashed)
        if waits:
            yield Attempt(name, waits=waits)
            continue
        if entry is not None and (why := hindrance(runs / name, entry.env)):
            yield Attempt(name, error=why)
            continue
        where = partial(store_of, entry.env if entry else "")
        yield _sealed(runs / name, where, signer, crashed)


def _waits(entry: RunEntry | None, *, crashed: bool) -> str:
    if entry is None or (crashed and entry.status not in {"running", "elsewhere"}):
        return ""
    return _WAITS.get(entry.status, "")


def _sealed(run: Path, store: Callable[[], Store], signer: Signer, crashed: bool) -> Attempt:
    try:
        sealed = seal_run(run, store(), signer, crashed=crashed)
    except LeitstandError as error:
        return Attempt(run.name, error=f"{error.message} {error.advice}".strip())
    except OSError as error:
        return Attempt(run.name, error=f"{error.strerror or error}.")
    return Attempt(run.name, sealed.head.seq, sealed.part)


def is_sealed(run: Path) -> bool:
    """Return whether the receipt names a journal as long as the run's; no file is read whole."""
    try:
        subjects = read_record((run / RECORD_FILE).read_bytes()).subjects
        size = (run / JOURNAL).stat().st_size
    except (OSError, MalformedEnvelope, MalformedStatement):
        return False
    return any(subject.name == JOURNAL and subject.size == size for subject in subjects)
