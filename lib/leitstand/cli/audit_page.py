"""Writes the HTML page of a record, with what was checked of it."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from leitstand.audit.record_page import Checked, record_page
from leitstand.audit.store import Missing, Store
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.statement import Statement
from leitstand.notebook.run_directory import write_private

__all__ = ["write_page"]

_JOURNAL = "journal.jsonl"
_NOTEBOOK = "notebook.ipynb"


def write_page(
    path: Path,
    content: bytes,
    statement: Statement,
    store: Store,
    findings: Sequence[RecordFinding] | None,
) -> None:
    """Write the page to a file.

    Args:
        path: The file, private to its owner; replaced if it is there.
        content: The record as it is stored.
        statement: What it says.
        store: Has notebook and journal.
        findings: What is wrong with the record by itself; None when no key is known.
    """
    found = list(findings or ())
    journal = _file(store, statement, _JOURNAL, found)
    notebook = _file(store, statement, _NOTEBOOK, found)
    checked = None
    if findings is not None:
        checked = Checked(datetime.now(UTC), tuple(found), chain=False)
    page = record_page(statement, notebook, journal or b"", record=content, checked=checked)
    write_private(path, page)


def _file(
    store: Store, statement: Statement, name: str, found: list[RecordFinding]
) -> bytes | None:
    """Return a file that the record names, and add what is wrong with it."""
    digest = next((s.digest for s in statement.subjects if s.name == name), "")
    if not digest:
        return None
    place = Place(statement.seq, name)
    try:
        content = store.get(digest)
    except Missing:
        found.append(RecordFinding(FindingKind.FILE_MISSING, place))
        return None
    if hashlib.sha256(content).hexdigest() != digest:
        found.append(RecordFinding(FindingKind.FILE_CHANGED, place))
    return content
