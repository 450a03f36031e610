"""Verifies a store of records, offline: every byte of chain and files, and whose word it is.

Read-only. It needs the store, the trusted public keys and, against a cut tail, an anchor: a head
of the chain that was kept elsewhere.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leitstand.audit.envelopes import Envelope, MalformedEnvelope, accepted_keys
from leitstand.audit.records import read_record
from leitstand.audit.run_files import files_of, measure, measure_file, pieces
from leitstand.audit.signing import PublicKey
from leitstand.audit.store import Missing, Store
from leitstand.audit.workers import WORKERS, spread
from leitstand.core.records.chain import ChainCheck, Head, Link
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.statement import (
    PAYLOAD_TYPE,
    MalformedStatement,
    Statement,
    Subject,
)

__all__ = ["VerificationReport", "verify_record", "verify_run", "verify_store"]

_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class VerificationReport:
    """What a verification came to.

    Attributes:
        records: How many records were read.
        files: How many files were read.
        head: The chain's last record, which can serve as the next anchor.
        findings: Everything that is not as it was sealed, in the order of the chain.
        anchored: Number of the last record that an anchor vouches for; behind it, whoever holds
            the key could have cut or replaced the tail.
    """

    records: int
    files: int
    head: Head
    findings: tuple[RecordFinding, ...]
    anchored: int

    @property
    def intact(self) -> bool:
        """Whether nothing breaks the trail; what has an honest cause may still be found."""
        return not any(finding.breaks for finding in self.findings)


def verify_store(
    store: Store,
    keys: Mapping[str, PublicKey],
    anchors: Iterable[Head] = (),
    *,
    files: bool = True,
    workers: int = WORKERS,
) -> VerificationReport:
    """Verify everything in a store.

    Args:
        store: Of the records.
        keys: Trusted public keys by id.
        anchors: Heads of the chain that were kept elsewhere.
        files: Whether the files of the runs are read too; without, only that they are there.
        workers: Threads; many where the store answers slowly.

    Raises:
        OSError: the store cannot be reached.
    """
    anchors = tuple(anchors)
    check = ChainCheck(anchors)
    listing = store.listing()
    findings = [_found(FindingKind.STRAY, Place(0, path)) for path in listing.strays]
    left = "ein abgebrochenes Schreiben ließ sie zurück"
    findings += [_found(FindingKind.UNREFERENCED, Place(0, p), left) for p in listing.leftovers]
    # Numbers only: so many subjects would cost the garbage collector more than the reading.
    uses: dict[str, tuple[int, ...]] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="verify") as executor:
        for link, found in spread(executor, _Reading(keys), _contents(store, listing.records)):
            findings += found
            findings += check.take(link)
            for subject in link.statement.subjects if link.statement else ():
                uses[subject.digest] = (*uses.get(subject.digest, (subject.size,)), link.place)
        findings += check.end()
        sizes = ((digest, size) for digest, (size, *_) in uses.items())
        looked = _Looking(store, listing.files, whole=files)
        for digest in spread(executor, looked, sizes):
            if digest:
                findings += _file(store, digest, uses[digest][1:], whole=files)
    unknown = sorted(listing.files - uses.keys())
    findings += [_found(FindingKind.UNREFERENCED, Place(0, f"files/{name}")) for name in unknown]
    reached = [a.seq for a in anchors if a.seq <= check.head.seq]
    return VerificationReport(
        len(listing.records),
        len(uses) if files else 0,
        check.head,
        tuple(sorted(findings, key=lambda finding: finding.place)),
        max(reached, default=0),
    )


def verify_record(
    content: bytes, seq: int, keys: Mapping[str, PublicKey]
) -> tuple[Statement | None, list[RecordFinding]]:
    """Verify one record by itself: its form, and that a trusted key has signed it.

    Args:
        content: As it is stored.
        seq: Number under which it is stored.
        keys: Trusted public keys by id.

    Returns:
        What it says, or None when it cannot be trusted to say anything; and what is wrong.
    """
    found = []
    envelope = Envelope.decode_own(content)
    if envelope is None:
        try:
            envelope = Envelope.decode(content)
        except MalformedEnvelope as error:
            end = error.offset + 1 if error.offset >= 0 else -1
            place = Place(seq, "", error.offset, end)
            return None, [_found(FindingKind.UNREADABLE, place, str(error))]
        ours = envelope.encode()
        if ours != content:
            place = Place(seq, "", *_first_difference(ours, content))
            found.append(_found(FindingKind.REWRITTEN, place))
    named = [signature.keyid for signature in envelope.signatures]
    accepted = accepted_keys(envelope, keys)
    if not accepted:
        if keys.keys().isdisjoint(named):
            detail = f"Schlüssel {', '.join(name[:12] for name in named)}"
            return None, [*found, _found(FindingKind.UNKNOWN_KEY, Place(seq), detail)]
        return None, [*found, _found(FindingKind.BAD_SIGNATURE, Place(seq))]
    if sorted(named) != sorted(accepted):
        found.append(_found(FindingKind.BAD_SIGNATURE, Place(seq), "sie nennt falsche Schlüssel"))
    try:
        if envelope.payload_type != PAYLOAD_TYPE:
            raise MalformedStatement(f"payloadType {envelope.payload_type}")
        statement = Statement.decode(envelope.payload)
    except MalformedStatement as error:
        return None, [*found, _found(FindingKind.UNREADABLE, Place(seq), str(error))]
    return statement, found


def verify_run(run: Path, statement: Statement) -> list[RecordFinding]:
    """Compare the files that a run left on this machine with its verified record.

    Raises:
        OSError: the run directory cannot be read.
    """
    findings = []
    names, _ = files_of(run)
    for subject in statement.subjects:
        if subject.name not in names:
            place = Place(statement.seq, subject.name)
            findings.append(_found(FindingKind.FILE_MISSING, place))
            continue
        found = measure_file(run, subject.name, subject.block)
        if found.digest != subject.digest:
            findings.append(_changed(statement.seq, subject, found))
    added = sorted(set(names) - {subject.name for subject in statement.subjects})
    return findings + [_found(FindingKind.STRAY, Place(statement.seq, name)) for name in added]


def _contents(store: Store, numbers: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
    for seq in numbers:
        try:
            yield seq, store.read(seq)
        except Missing:
            yield seq, None


@dataclass(frozen=True)
class _Reading:
    """Verifies one record by itself."""

    keys: Mapping[str, PublicKey]

    def __call__(self, given: tuple[int, bytes | None]) -> tuple[Link, list[RecordFinding]]:
        seq, content = given
        if content is None:
            return Link(seq, "", None), [_found(FindingKind.RECORD_MISSING, Place(seq))]
        statement, found = verify_record(content, seq, self.keys)
        return Link(seq, hashlib.sha256(content).hexdigest(), statement), found


@dataclass(frozen=True)
class _Looking:
    """Returns the digest of a file when something is wrong with it, and nothing otherwise."""

    store: Store
    listed: frozenset[str]
    whole: bool

    def __call__(self, given: tuple[str, int]) -> str:
        digest, size = given
        if not self.whole:
            # A run that is sealed meanwhile brings files that were not listed yet.
            return "" if digest in self.listed or self.store.has(digest) else digest
        try:
            return "" if _digest(self.store, digest, size) == digest else digest
        except Missing:
            return digest


def _file(store: Store, digest: str, seqs: Iterable[int], *, whole: bool) -> list[RecordFinding]:
    """Return what is wrong with a file, for each record that names it."""
    subjects = [(seq, s) for seq in dict.fromkeys(seqs) for s in _subjects(store, seq, digest)]
    if not whole or not store.has(digest):
        return [_found(FindingKind.FILE_MISSING, Place(seq, s.name)) for seq, s in subjects]
    return [_changed(seq, subject, _measured(store, subject)) for seq, subject in subjects]


def _digest(store: Store, digest: str, size: int) -> str:
    if size <= _AT_ONCE:
        return hashlib.sha256(store.get(digest)).hexdigest()
    found = hashlib.sha256()
    with store.open(digest) as file:
        for piece in pieces(file):
            found.update(piece)
    return found.hexdigest()


def _subjects(store: Store, seq: int, digest: str) -> list[Subject]:
    return [s for s in read_record(store.read(seq)).subjects if s.digest == digest]


def _measured(store: Store, subject: Subject) -> Subject:
    with store.open(subject.digest) as file:
        return measure(subject.name, pieces(file), subject.size, subject.block)


def _changed(seq: int, subject: Subject, found: Subject) -> RecordFinding:
    offset, end = subject.first_difference(found)
    detail = f"{found.size} statt {subject.size} Bytes" if found.size != subject.size else ""
    return _found(FindingKind.FILE_CHANGED, Place(seq, subject.name, offset, end), detail)


def _first_difference(ours: bytes, found: bytes) -> tuple[int, int]:
    for offset, (mine, theirs) in enumerate(zip(ours, found, strict=False)):
        if mine != theirs:
            return offset, offset + 1
    shorter = min(len(ours), len(found))
    return shorter, shorter + 1


def _found(kind: FindingKind, place: Place, detail: str = "") -> RecordFinding:
    return RecordFinding(kind, place, detail)
