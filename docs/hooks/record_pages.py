"""Pages of records, made once: looked through for secrets, rendered, and kept under .cache.

A kept page is named by everything that it depends on: the record, what was found about it, and the
code that looked and rendered. So it is never out of date, and an unchanged record costs nothing.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

from kept_files import forget_unused, write_whole
from record_check import may_be_offered, suspicions
from record_stores import Sealed

import leitstand
from leitstand.audit.record_page import Checked, record_page
from leitstand.audit.store import Missing
from leitstand.audit.store_directory import DirectoryStore

__all__ = ["KEPT", "Made", "make_pages"]

KEPT = Path(".cache") / "site" / "pages"
MANY = 12
"""From so many pages on, a second process saves more than it costs."""

CODE = ("audit", "core/records")
NEXT_TO_IT = ("record_check.py", "record_pages.py")
NAMES = ("journal.jsonl", "notebook.ipynb")
DISTRIBUTIONS = ("jinja2", "mistune")


@dataclass(frozen=True)
class Made:
    """What became of a record.

    Attributes:
        record: The record.
        page: Its kept page; None where it may not be shown.
        notebook: Its kept notebook; None where there is none that may be handed out.
        faults: Why it may not be shown, as sentences.
    """

    record: Sealed
    page: Path | None
    notebook: Path | None = None
    faults: tuple[str, ...] = ()


def make_pages(records: Sequence[Sealed], kept: Path) -> list[Made]:
    """Return the pages of records in their order; missing ones are made, by two processes if many.

    Args:
        records: Verified records.
        kept: Directory of the pages; made when it is missing.

    Raises:
        OSError: a page cannot be written.
    """
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [record for record in records if not _page(kept, record).is_file()]
    faults = dict(zip((_key(record) for record in missing), _all(missing, kept), strict=True))
    made = [_found(kept, record, faults.get(_key(record), ())) for record in records]
    forget_unused(kept)
    return made


def _all(records: Sequence[Sealed], kept: Path) -> Iterator[tuple[str, ...]]:
    works = [(record, kept) for record in records]
    if len(works) < MANY or sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        yield from map(_make, works)
        return
    # Forked: the modules of hooks are not on the path of a new interpreter.
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
        yield from executor.map(_make, works, chunksize=4)


def _make(work: tuple[Sealed, Path]) -> tuple[str, ...]:
    """Make one page, or return why it may not be shown."""
    record, kept = work
    try:
        return tuple(_made(record, kept))
    except Missing as error:
        return (f"{record.name} lost a file while it was read: {error}",)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        # Whatever it says, it is signed: its form is one that this version does not know.
        return (f"{record.name} cannot be shown: {type(error).__name__}",)


def _made(record: Sealed, kept: Path) -> Iterator[str]:
    store = DirectoryStore(record.source.path)
    digests = {subject.name: subject.digest for subject in record.statement.subjects}
    contents = {name: _read(store, digests.get(name, "")) for name in NAMES}
    content = store.read(record.seq)
    changed = [name for name, read in contents.items() if _differs(read, digests.get(name))]
    if changed or _differs(content, record.digest):
        yield f"{record.name} changed while it was read: {', '.join(changed) or 'the record'}"
        return
    notebook, journal = contents["notebook.ipynb"], contents["journal.jsonl"] or b""
    checked = Checked(datetime.now(UTC), record.findings)
    page = record_page(record.statement, notebook, journal, record=content, checked=checked)
    found = suspicions(record.statement, notebook, journal, page)
    yield from (f"{record.name}: {suspicion}" for suspicion in found)
    if found:
        return
    if notebook is not None and may_be_offered(notebook):
        write_whole(_notebook(kept, record), notebook)
    write_whole(_page(kept, record), page.encode("utf-8", "replace"))


def _read(store: DirectoryStore, digest: str) -> bytes | None:
    return store.get(digest) if digest else None


def _differs(content: bytes | None, digest: str | None) -> bool:
    return content is not None and hashlib.sha256(content).hexdigest() != digest


def _found(kept: Path, record: Sealed, faults: tuple[str, ...]) -> Made:
    page, notebook = _page(kept, record), _notebook(kept, record)
    if faults or not page.is_file():
        return Made(record, None, None, faults)
    for path in (page, notebook):
        with suppress(FileNotFoundError):
            os.utime(path)
    return Made(record, page, notebook if notebook.is_file() else None)


def _page(kept: Path, record: Sealed) -> Path:
    return kept / f"{_key(record)}.html"


def _notebook(kept: Path, record: Sealed) -> Path:
    return kept / f"{_key(record)}.ipynb"


def _key(record: Sealed) -> str:
    parts = (record.digest, _code(), *map(str, record.findings))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Return a digest of all that looks through a record and renders it."""
    package = Path(leitstand.__file__).parent
    here = Path(__file__).parent
    files: Iterable[Path] = sorted(
        path
        for part in CODE
        for path in (package / part).rglob("*")
        if path.suffix in {".py", ".j2", ".css"}
    )
    found = hashlib.sha256()
    for path in (*files, *(here / name for name in NEXT_TO_IT)):
        found.update(path.read_bytes())
    found.update("".join(map(metadata.version, DISTRIBUTIONS)).encode())
    return found.hexdigest()
