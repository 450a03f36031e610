"""Seals a run: its files go into the store, and one signed record into the chain.

The order makes every crash harmless: files, then the signed record beside the run, then the chain,
then the receipt beside the run. The next call goes on wherever the last one stopped.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from leitstand.audit.durable import replace_whole, sync_directory
from leitstand.audit.envelopes import MalformedEnvelope, sign
from leitstand.audit.records import head_of, read_record
from leitstand.audit.run_files import (
    JOURNAL,
    KEPT_FILE,
    RECORD_FILE,
    files_of,
    measure,
    measure_file,
)
from leitstand.audit.sealing_errors import (
    ChangedAfterSealing,
    NotFinished,
    NotSealable,
    StoreUnreachable,
)
from leitstand.audit.signing import Signer
from leitstand.audit.store import Missing, Store, Taken
from leitstand.core.records.chain import Head
from leitstand.core.records.journal_text import read_journal
from leitstand.core.records.reading import NoStart, facts_of
from leitstand.core.records.statement import (
    PAYLOAD_TYPE,
    MalformedStatement,
    Statement,
)

__all__ = ["Sealed", "seal_run"]

_TRIES: Final = 1000


@dataclass(frozen=True)
class Sealed:
    """Where a run is sealed.

    Attributes:
        run: Id of the run.
        head: Number and digest of its record.
        part: From 1; each end after a resumption is a part of its own.
        new: Whether this call made the record.
    """

    run: str
    head: Head
    part: int
    new: bool


def seal_run(
    run: Path,
    store: Store,
    signer: Signer,
    *,
    crashed: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sealed:
    """Seal a run, once: as often as it is called, in as many processes as it is called.

    The caller makes sure that nothing writes to the run any more.

    Args:
        run: Its directory; ``record.json`` is written there.
        store: Where records and files go.
        signer: Signs the record.
        crashed: Seal a run without an end too.
        now: The clock.

    Raises:
        NotFinished: the run has no end.
        NotSealable: the directory holds no run.
        ChangedAfterSealing: it was sealed before, and was changed since.
        ChainUnusable: the chain's last record is none.
        FileChanged: something still writes to the run.
        StoreUnreachable: the record is kept; the next call sends it.
        OSError: the run directory cannot be read or written.
    """
    with _alone(run):
        return _Sealing(run, store, signer, crashed, now).seal()


class _Sealing:
    """One call, alone with the run."""

    def __init__(
        self,
        run: Path,
        store: Store,
        signer: Signer,
        crashed: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._run = run
        self._store = store
        self._signer = signer
        self._crashed = crashed
        self._now = now

    def seal(self) -> Sealed:
        kept = self._own(KEPT_FILE)
        if kept is not None and kept[1].seq:
            with self._kept_on_failure(None):
                kept = None if self._arrived(*kept) else kept
        before = self._receipt_that_holds()
        for record in (kept, before):
            if record is not None:
                self._must_begin_as(record[1])
        statement = self._statement()
        if kept is not None and kept[1].part == (before[1].part + 1 if before else 1):
            self._must_follow(statement, kept[1])
        if before is not None:
            if self._same_files(statement, before[1]):
                (self._run / KEPT_FILE).unlink(missing_ok=True)
                return self._sealed(*before, new=False)
            self._must_follow(statement, before[1])
            statement = replace(statement, part=before[1].part + 1, continues=_digest(before[0]))
        with self._kept_on_failure(statement):
            return self._chain(statement)

    def _arrived(self, content: bytes, statement: Statement) -> bool:
        """Return whether a record that was under way is in the chain; send it again if it can be.

        Where another record has its number, it never will.
        """
        if self._store.head() == statement.seq - 1:
            with suppress(Taken):
                self._store.append(statement.seq, content)
        try:
            arrived = self._store.read(statement.seq) == content
        except Missing:
            return False
        if arrived:
            self._receipt()
        return arrived

    def _chain(self, statement: Statement) -> Sealed:
        for subject in statement.subjects:
            self._store.put(subject.digest, self._run / subject.name)
        for _ in range(_TRIES):
            head = head_of(self._store)
            chained = replace(
                statement, seq=head.seq + 1, previous=head.digest, sealed_at=self._time()
            )
            content = self._signed(chained)
            replace_whole(self._run / KEPT_FILE, content)
            try:
                self._store.append(chained.seq, content)
            except (Missing, Taken):
                continue
            self._receipt()
            return self._sealed(content, chained, new=True)
        raise OSError("others were faster every time")

    def _statement(self) -> Statement:
        names, left_out = files_of(self._run)
        if JOURNAL not in names:
            raise NotSealable(self._run, f"{JOURNAL} fehlt")
        # One reading of the journal, so that facts and digest are of the same bytes.
        text = (self._run / JOURNAL).read_bytes()
        try:
            facts = facts_of(read_journal(text), left_out)
        except NoStart as error:
            raise NotSealable(self._run, "das Journal nennt keinen Lauf") from error
        if facts.run and facts.run != self._run.name:
            raise NotSealable(self._run, f"das Journal gehört zu {facts.run}")
        if facts.status == "crashed" and not self._crashed:
            raise NotFinished(self._run.name)
        subjects = tuple(
            measure(name, [text], len(text)) if name == JOURNAL else measure_file(self._run, name)
            for name in names
        )
        data = replace(facts, run=self._run.name).as_data()
        return Statement(subjects, data, 0, "", self._time())

    def _must_begin_as(self, before: Statement) -> None:
        """Refuse unless the journal begins as it was when it was sealed.

        Raises:
            ChangedAfterSealing: it does not.
        """
        sealed = next(subject for subject in before.subjects if subject.name == JOURNAL)
        try:
            with open(self._run / JOURNAL, "rb") as file:
                begin = file.read(sealed.size)
        except FileNotFoundError:
            begin = b""
        found = measure(JOURNAL, [begin], sealed.size, sealed.block)
        if found.digest != sealed.digest:
            raise self._changed(JOURNAL, sealed.first_difference(found)[0])

    def _must_follow(self, now: Statement, before: Statement) -> None:
        """Refuse unless the run is as its record says, or was resumed or taken back since.

        Raises:
            ChangedAfterSealing: a file differs.
        """
        if len(now.facts["resumptions"]) > len(before.facts["resumptions"]):
            return
        taken_back = now.facts["status"] == "rolled_back" != before.facts["status"]
        files = {subject.name: subject for subject in now.subjects}
        for subject in before.subjects:
            found = files.pop(subject.name, None)
            if found is None:
                raise self._changed(subject.name, 0)
            if subject.name == JOURNAL and taken_back:
                continue  # it begins as it was; the way back added to it
            if found.digest != subject.digest:
                again = measure_file(self._run, subject.name, subject.block)
                raise self._changed(subject.name, subject.first_difference(again)[0])
        if files:
            raise self._changed(min(files), 0)

    def _changed(self, file: str, offset: int) -> ChangedAfterSealing:
        return ChangedAfterSealing(self._run.name, file, offset)

    @staticmethod
    def _same_files(now: Statement, before: Statement) -> bool:
        return {s.name: s.digest for s in now.subjects} == {
            s.name: s.digest for s in before.subjects
        }

    def _own(self, name: str) -> tuple[bytes, Statement] | None:
        """Return a record that lies beside the run; None when there is none or it is no record."""
        try:
            content = (self._run / name).read_bytes()
            return content, read_record(content)
        except (FileNotFoundError, MalformedEnvelope, MalformedStatement):
            return None

    def _receipt_that_holds(self) -> tuple[bytes, Statement] | None:
        """Return the run's last record, if the chain really holds it.

        A run whose receipt does not hold is sealed as if it never was; should that be twice,
        verification finds it.
        """
        own = self._own(RECORD_FILE)
        if own is None:
            return None
        with self._kept_on_failure(None):
            try:
                return own if self._store.read(own[1].seq) == own[0] else None
            except Missing:
                return None

    def _signed(self, statement: Statement) -> bytes:
        return sign(PAYLOAD_TYPE, statement.encode(), self._signer).encode()

    def _sealed(self, content: bytes, statement: Statement, *, new: bool) -> Sealed:
        head = Head(statement.seq, _digest(content))
        return Sealed(self._run.name, head, statement.part, new)

    @contextmanager
    def _kept_on_failure(self, statement: Statement | None) -> Iterator[None]:
        """Keep a signed record beside the run when the store does not answer."""
        try:
            yield
        except OSError as error:
            if statement is not None and self._own(KEPT_FILE) is None:
                replace_whole(self._run / KEPT_FILE, self._signed(statement))
            raise StoreUnreachable(self._run.name, error) from error

    def _receipt(self) -> None:
        (self._run / KEPT_FILE).replace(self._run / RECORD_FILE)
        sync_directory(self._run)

    def _time(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Let one process at a time seal a run."""
    descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
