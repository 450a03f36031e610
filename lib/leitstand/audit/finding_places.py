"""Where a finding lies for a person: the file in the store, and the lines of the journal.

Read-only.
"""

from dataclasses import dataclass

from leitstand.audit.envelopes import MalformedEnvelope
from leitstand.audit.records import read_record
from leitstand.audit.run_files import JOURNAL
from leitstand.audit.store import Missing, Store
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.statement import MalformedStatement

__all__ = ["FoundPlace", "place_of"]


@dataclass(frozen=True)
class FoundPlace:
    """A place as somebody opens it.

    Attributes:
        path: Within the store; empty where there is none.
        first_line: First line of the journal that can be wrong, from 1; 0 when it cannot be told.
        last_line: The last one.
    """

    path: str
    first_line: int = 0
    last_line: int = 0


def place_of(store: Store, finding: RecordFinding) -> FoundPlace:
    """Return where a finding lies.

    Raises:
        OSError: the store cannot be reached.
    """
    place = finding.place
    if not place.seq:
        return FoundPlace(place.file)
    if not place.file:
        gone = finding.kind in {FindingKind.RECORD_MISSING, FindingKind.TAIL_CUT}
        return FoundPlace("" if gone else f"chain/{place.seq:012}.json")
    digest = _digest(store, place)
    if not digest:
        return FoundPlace("")
    path = f"files/{digest}"
    if place.file != JOURNAL or place.offset < 0:
        return FoundPlace(path)
    try:
        content = store.get(digest)
    except Missing:
        return FoundPlace(path)
    first = content.count(b"\n", 0, place.offset) + 1
    last = content.count(b"\n", 0, max(place.offset, place.end - 1)) + 1
    return FoundPlace(path, first, last)


def _digest(store: Store, place: Place) -> str:
    try:
        subjects = read_record(store.read(place.seq)).subjects
    except (Missing, MalformedEnvelope, MalformedStatement):
        return ""
    return next((subject.digest for subject in subjects if subject.name == place.file), "")
