"""The rules of the chain: which record may stand where."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.statement import Statement

__all__ = ["ChainCheck", "Head", "Link"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Head:
    """The end of a chain at some time; kept elsewhere, it anchors everything before it.

    Attributes:
        seq: Number of the last record; 0 for an empty chain.
        digest: SHA-256 of its bytes; empty for an empty chain.
    """

    seq: int
    digest: str

    def as_data(self) -> dict[str, Any]:
        """Return the head as JSON values."""
        return {"seq": self.seq, "digest": self.digest}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Head":
        """Return the head that ``as_data`` gave.

        Raises:
            ValueError: it is none.
        """
        seq, digest = data.get("seq"), data.get("digest")
        if type(seq) is int and isinstance(digest, str):
            if seq > 0 and _SHA256.fullmatch(digest):
                return cls(seq, digest)
            if seq == 0 and not digest:
                return cls(0, "")
        raise ValueError("an anchor needs seq and digest")


@dataclass(frozen=True)
class Link:
    """What the chain needs to know of a record.

    Attributes:
        place: Number under which it is stored.
        digest: SHA-256 of its bytes as stored.
        statement: What it says; None when it cannot be trusted to say anything.
    """

    place: int
    digest: str
    statement: Statement | None


class ChainCheck:
    """Checks a chain, record by record in the order of their places.

    Args:
        anchors: Heads of this chain that were kept elsewhere.
    """

    def __init__(self, anchors: Iterable[Head] = ()) -> None:
        self._anchors: dict[int, set[str]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.seq, set()).add(anchor.digest)
        self._place = 0
        self._before = Link(0, "", None)
        self._sealed_at: datetime | None = None
        self._parts: dict[str, tuple[int, str]] = {}

    def take(self, link: Link) -> list[RecordFinding]:
        """Return what is wrong with the next record and with the gap before it."""
        found = [
            RecordFinding(FindingKind.RECORD_MISSING, Place(seq))
            for seq in range(self._place + 1, min(link.place, self._place + _GAP))
        ]
        if link.place - self._place > _GAP:
            gap = f"es fehlen alle bis {link.place - 1}"
            found.append(RecordFinding(FindingKind.RECORD_MISSING, Place(self._place + _GAP), gap))
        anchors = self._anchors.get(link.place, set())
        if anchors - {link.digest}:
            found.append(RecordFinding(FindingKind.ANCHOR_DIFFERS, Place(link.place)))
        if link.statement is not None:
            found += self._linked(link, link.statement)
            found += self._clock(link.place, link.statement)
            found += self._part(link, link.statement)
        self._place, self._before = link.place, link
        return found

    def end(self) -> list[RecordFinding]:
        """Return what is wrong with the end of the chain."""
        cut = max((seq for seq in self._anchors if seq > self._place), default=0)
        if not cut:
            return []
        detail = f"der Anker nennt Beleg {cut}, die Kette endet mit {self._place}"
        return [RecordFinding(FindingKind.TAIL_CUT, Place(self._place + 1), detail)]

    @property
    def head(self) -> Head:
        """The last record that was taken."""
        return Head(self._before.place, self._before.digest)

    def _linked(self, link: Link, statement: Statement) -> list[RecordFinding]:
        if statement.seq != link.place:
            detail = f"er trägt die Nummer {statement.seq}"
            return [RecordFinding(FindingKind.WRONG_PLACE, Place(link.place), detail)]
        if link.place != self._before.place + 1:
            return []  # the record before is missing; that is the finding
        if statement.previous != self._before.digest:
            return [RecordFinding(FindingKind.BROKEN_LINK, Place(link.place))]
        return []

    def _clock(self, place: int, statement: Statement) -> list[RecordFinding]:
        found = []
        before, self._sealed_at = self._sealed_at, _moment(statement.sealed_at)
        if self._sealed_at is None:
            return [
                RecordFinding(FindingKind.CLOCK_BACK, Place(place), "die Zeit ist nicht lesbar")
            ]
        if before is not None and self._sealed_at < before:
            seconds = (before - self._sealed_at).total_seconds()
            detail = f"versiegelt {seconds:.3f} s vor dem Beleg davor"
            found.append(RecordFinding(FindingKind.CLOCK_BACK, Place(place), detail))
        ended = _moment(statement.facts.get("ended_at"))
        if ended is not None and self._sealed_at < ended:
            detail = f"versiegelt {(ended - self._sealed_at).total_seconds():.3f} s vor dem Ende"
            found.append(RecordFinding(FindingKind.CLOCK_BACK, Place(place), detail))
        for step in statement.facts.get("clock_steps", ()):
            detail = f"um {step['seconds']:.3f} s vor Ereignis {step['seq']}"
            where = Place(place, "journal.jsonl")
            found.append(RecordFinding(FindingKind.CLOCK_BACK, where, detail))
        return found + _journal(place, statement)

    def _part(self, link: Link, statement: Statement) -> list[RecordFinding]:
        part, digest = self._parts.get(statement.run_id, (0, ""))
        self._parts[statement.run_id] = (statement.part, link.digest)
        if (statement.part, statement.continues) == (part + 1, digest):
            return []
        detail = f"Teil {statement.part} von {statement.run_id} nach Teil {part}"
        return [RecordFinding(FindingKind.PART_OUT_OF_ORDER, Place(link.place), detail)]


_GAP: Final = 100


def _journal(place: int, statement: Statement) -> list[RecordFinding]:
    where = "journal.jsonl"
    found = [
        RecordFinding(FindingKind.JOURNAL_GAP, Place(place, where), f"vor Ereignis {seq}")
        for seq in statement.facts.get("sequence_breaks", ())
    ]
    found += [
        RecordFinding(
            FindingKind.JOURNAL_GAP, Place(place, where, offset), "eine Zeile ist gerissen"
        )
        for offset in statement.facts.get("torn_lines", ())
    ]
    return found


def _moment(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
