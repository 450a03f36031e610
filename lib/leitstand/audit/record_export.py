"""Hands records and the events of their journals on as JSON Lines, for long-term storage.

Read-only. Only what a trusted key has signed, and what is as it was signed, leaves the store.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from leitstand.audit.envelopes import Envelope, MalformedEnvelope, accepted_keys
from leitstand.audit.records import read_record
from leitstand.audit.run_files import JOURNAL
from leitstand.audit.signing import PublicKey
from leitstand.audit.store import Missing, Store
from leitstand.audit.verification import verify_record
from leitstand.core.records.export import event_row, record_row
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.journal_text import read_journal
from leitstand.core.records.statement import MalformedStatement, Statement, Subject

__all__ = ["RecordExport"]


class RecordExport:
    """One export; what could not be handed on stands in `findings` afterwards.

    Args:
        store: Of the records.
        keys: Trusted public keys by id.
        numbers: Of the records, ascending.
    """

    def __init__(self, store: Store, keys: Mapping[str, PublicKey], numbers: Iterable[int]) -> None:
        self._store = store
        self._keys = keys
        self._numbers = numbers
        self.findings: list[RecordFinding] = []

    def records(self) -> Iterator[str]:
        """Yield a line for each record.

        Raises:
            OSError: the store cannot be reached.
        """
        for content, statement in self._verified():
            signed_by = accepted_keys(Envelope.decode(content), self._keys)
            digest = hashlib.sha256(content).hexdigest()
            yield _line(record_row(statement, digest, tuple(sorted(signed_by))))

    def events(self) -> Iterator[str]:
        """Yield a line for each event, with the first record that seals it.

        Raises:
            OSError: the store cannot be reached.
        """
        for _, statement in self._verified():
            content = self._journal(statement)
            if content is None:
                continue
            start = self._sealed_before(statement) if statement.part > 1 else 0
            line = content.count(b"\n", 0, start)
            for part in content[start:].split(b"\n"):
                line += 1
                for event in read_journal(part).events:
                    yield _line(event_row(event, statement, line))

    def _verified(self) -> Iterator[tuple[bytes, Statement]]:
        for seq in self._numbers:
            try:
                content = self._store.read(seq)
            except Missing:
                self._note(FindingKind.RECORD_MISSING, Place(seq))
                continue
            statement, found = verify_record(content, seq, self._keys)
            if statement is not None and statement.seq != seq:
                found = [*found, RecordFinding(FindingKind.WRONG_PLACE, Place(seq))]
            self.findings += found
            if statement is not None and not any(finding.breaks for finding in found):
                yield content, statement

    def _journal(self, statement: Statement) -> bytes | None:
        subject = _journal_of(statement)
        if subject is None:
            return None
        place = Place(statement.seq, JOURNAL)
        try:
            content = self._store.get(subject.digest)
        except Missing:
            self._note(FindingKind.FILE_MISSING, place)
            return None
        if hashlib.sha256(content).hexdigest() != subject.digest:
            self._note(FindingKind.FILE_CHANGED, place)
            return None
        return content

    def _sealed_before(self, statement: Statement) -> int:
        """Return how many bytes of the journal the part before has sealed."""
        for seq in range(statement.seq - 1, 0, -1):
            try:
                content = self._store.read(seq)
                if hashlib.sha256(content).hexdigest() == statement.continues:
                    before = _journal_of(read_record(content))
                    return before.size if before else 0
            except (Missing, MalformedEnvelope, MalformedStatement):
                continue
        return 0

    def _note(self, kind: FindingKind, place: Place) -> None:
        self.findings.append(RecordFinding(kind, place))


def _journal_of(statement: Statement) -> Subject | None:
    return next((subject for subject in statement.subjects if subject.name == JOURNAL), None)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
