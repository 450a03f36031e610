"""Signature and chain: where a record stands, who signed it, and whether anybody checked that."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from leitstand.audit.envelopes import Envelope, MalformedEnvelope
from leitstand.audit.record_page.words import Cell, Code, Mark, Tone, counted, fact, utc
from leitstand.audit.records import read_record
from leitstand.core.records.findings import RecordFinding
from leitstand.core.records.statement import MalformedStatement, Statement

__all__ = ["Checked", "Seal", "seal_of", "shown_files"]

_MOST_FINDINGS = 50


@dataclass(frozen=True)
class Checked:
    """What a verification came to before the page was made.

    Attributes:
        at: When.
        findings: Everything that is not as it was sealed, of this record and of its store.
        chain: Whether the whole chain was read, and not this record alone.
        anchored: Number of the last record that an anchor vouches for; 0 when there is none.
    """

    at: datetime
    findings: tuple[RecordFinding, ...] = ()
    chain: bool = True
    anchored: int = 0


@dataclass(frozen=True)
class Seal:
    """Where a record stands and what is known of its seal.

    Attributes:
        mark: The verification's result.
        sentences: What that means.
        findings: What was found, as sentences, that of this record first.
        facts: Names and values.
    """

    mark: Mark
    sentences: tuple[str, ...]
    findings: tuple[str, ...]
    facts: tuple[tuple[str, Cell], ...]


def seal_of(statement: Statement, record: bytes | None, checked: Checked | None) -> Seal:
    """Return what is known of a record's seal.

    Args:
        statement: What the record says.
        record: Its bytes as stored; None where they are not at hand.
        checked: What the verification came to; None when nobody verified.
    """
    keys, same = _keys(statement, record)
    number = f"Nr. {statement.seq}" if statement.seq else "noch nicht in der Kette"
    known = (
        fact("Beleg", number, f"Teil {statement.part}" if statement.part > 1 else ""),
        fact("Versiegelt", utc(statement.sealed_at)),
        fact("Prüfsumme des Belegs", Code(hashlib.sha256(record).hexdigest() if record else "")),
        fact("Vorgänger in der Kette", Code(statement.previous) if statement.previous
             else "keiner; der erste Beleg" if statement.seq == 1 else ""),
        fact("Früherer Teil des Laufs", Code(statement.continues)),
        fact("Unterschrieben mit Schlüssel", *(Code(key) for key in keys)),
    )  # fmt: skip
    shown = tuple(item for item in known if item[1] != "–" or item[0] != "Früherer Teil des Laufs")
    if not same:
        text = "Diese Seite zeigt einen anderen Inhalt als den, der unterschrieben ist."
        return Seal(Mark(Tone.BAD, "Gehört nicht zum Beleg"), (text,), (), shown)
    mark, sentences = _result(statement, checked)
    return Seal(mark, sentences, _findings(statement, checked), shown)


def shown_files(
    statement: Statement, contents: Mapping[str, bytes | None]
) -> tuple[tuple[tuple[str, Cell, Cell], ...], tuple[str, ...]]:
    """Return the sealed files as rows, and which of those shown are not the sealed ones.

    Args:
        statement: What the record says.
        contents: By name, what the page shows of them.
    """
    others = []
    rows: list[tuple[str, Cell, Cell]] = []
    sealed = {subject.name: subject for subject in statement.subjects}
    for name, subject in sealed.items():
        rows.append((name, counted(subject.size, "Byte", "Byte"), Code(subject.digest)))
    for name, content in contents.items():
        if content is None:
            continue
        subject_of = sealed.get(name)
        if subject_of is None or hashlib.sha256(content).hexdigest() != subject_of.digest:
            others.append(name)
    return tuple(rows), tuple(others)


def _keys(statement: Statement, record: bytes | None) -> tuple[list[str], bool]:
    if record is None:
        return [], True
    try:
        keys = [signature.keyid for signature in Envelope.decode(record).signatures]
        return keys, read_record(record).encode() == statement.encode()
    except (MalformedEnvelope, MalformedStatement):
        return [], False


def _result(statement: Statement, checked: Checked | None) -> tuple[Mark, tuple[str, ...]]:
    if checked is None:
        return Mark(Tone.WAIT, "Nicht geprüft"), (
            "Als diese Seite entstand, prüfte niemand Signatur und Kette.",
        )
    when = f"Geprüft am {utc(checked.at.isoformat())}."
    broken = [finding for finding in checked.findings if finding.breaks]
    if statement.seq and any(finding.place.seq == statement.seq for finding in broken):
        return Mark(Tone.BAD, "Verändert"), (when, "Dieser Beleg ist nicht, wie er versiegelt war.")
    if broken:
        text = "Dieser Beleg ist, wie er versiegelt war; an anderer Stelle ist die Kette gestört."
        return Mark(Tone.BAD, "Kette gestört"), (when, text)
    said = [when, "Die Signatur stammt von einem Schlüssel, dem die Umgebung vertraut."]
    if not checked.chain:
        said.append("Nur dieser Beleg wurde geprüft, die Kette nicht.")
        return Mark(Tone.WAIT, "Signatur gültig, Kette nicht geprüft"), tuple(said)
    said.append("Kette und Dateien sind, wie sie versiegelt wurden.")
    if statement.seq and statement.seq <= checked.anchored:
        said.append(f"Ein Anker außerhalb der Kette verbürgt sie bis Beleg {checked.anchored}.")
        return Mark(Tone.GOOD, "Unverändert"), tuple(said)
    said.append(
        "Kein Anker außerhalb deckt diesen Beleg: Wer den Schlüssel hat, könnte das Ende der Kette"
        " ersetzt haben."
    )
    return Mark(Tone.WAIT, "Unverändert, aber nicht verankert"), tuple(said)


def _findings(statement: Statement, checked: Checked | None) -> tuple[str, ...]:
    if checked is None:
        return ()
    order = sorted(checked.findings, key=lambda f: (f.place.seq != statement.seq, not f.breaks))
    told = [str(finding) for finding in order[:_MOST_FINDINGS]]
    if len(order) > _MOST_FINDINGS:
        told.append(f"Und {len(order) - _MOST_FINDINGS} weitere Befunde.")
    return tuple(told)
