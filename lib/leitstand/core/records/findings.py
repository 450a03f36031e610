"""What verification finds, and how it names the place."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["FindingKind", "Place", "RecordFinding"]


class FindingKind(StrEnum):
    """What is wrong, one cause each."""

    ANCHOR_DIFFERS = "anchor differs"
    ANCHOR_UNREADABLE = "anchor unreadable"
    ANCHOR_UNTRUSTED = "anchor untrusted"
    BAD_SIGNATURE = "bad signature"
    BROKEN_LINK = "broken link"
    CLOCK_BACK = "clock back"
    FILE_CHANGED = "file changed"
    FILE_MISSING = "file missing"
    JOURNAL_GAP = "journal gap"
    PART_OUT_OF_ORDER = "part out of order"
    RECORD_MISSING = "record missing"
    REWRITTEN = "rewritten"
    STRAY = "stray"
    TAIL_CUT = "tail cut"
    UNKNOWN_KEY = "unknown key"
    UNREADABLE = "unreadable"
    UNREFERENCED = "unreferenced"
    WRONG_PLACE = "wrong place"


_TEXTS: Final = {
    FindingKind.ANCHOR_DIFFERS: "Der Beleg ist ein anderer als der, den der Anker nennt",
    FindingKind.ANCHOR_UNREADABLE: "Der Anker ist nicht lesbar",
    FindingKind.ANCHOR_UNTRUSTED: "Den Anker hat niemand unterschrieben, dem die Umgebung vertraut",
    FindingKind.BAD_SIGNATURE: "Die Signatur passt nicht zum Inhalt",
    FindingKind.BROKEN_LINK: "Der Beleg nennt einen anderen Vorgänger als den, der davor steht",
    FindingKind.CLOCK_BACK: "Die Uhr ging zurück",
    FindingKind.FILE_CHANGED: "Die Datei ist verändert",
    FindingKind.FILE_MISSING: "Die Datei fehlt",
    FindingKind.JOURNAL_GAP: "Im Journal fehlen Ereignisse, oder es ist unterbrochen",
    FindingKind.PART_OUT_OF_ORDER: "Der Lauf ist doppelt versiegelt, oder ein früherer Teil fehlt",
    FindingKind.RECORD_MISSING: "Der Beleg fehlt",
    FindingKind.REWRITTEN: "Der Beleg steht nicht in der Form, in der er versiegelt wurde",
    FindingKind.STRAY: "Hierher gehört nichts dieses Namens",
    FindingKind.TAIL_CUT: "Das Ende der Kette fehlt",
    FindingKind.UNKNOWN_KEY: "Niemand, dem die Umgebung vertraut, hat unterschrieben",
    FindingKind.UNREADABLE: "Der Beleg ist nicht lesbar",
    FindingKind.UNREFERENCED: "Kein Beleg nennt diese Datei",
    FindingKind.WRONG_PLACE: "Hier steht ein Beleg, der an eine andere Stelle gehört",
}
_WARNINGS: Final = {
    FindingKind.CLOCK_BACK,
    FindingKind.JOURNAL_GAP,
    FindingKind.UNREFERENCED,
}


@dataclass(frozen=True, order=True)
class Place:
    """Where something is wrong, as closely as can be told.

    Attributes:
        seq: Number of the record; 0 when it is none.
        file: Name of the run's file, or path within the store; empty for the record itself.
        offset: First byte that can be wrong; -1 when it cannot be told.
        end: Byte after the last one that can be wrong; -1 when it cannot be told.
    """

    seq: int = 0
    file: str = ""
    offset: int = -1
    end: int = -1

    def __str__(self) -> str:
        parts = [f"Beleg {self.seq}"] if self.seq else []
        parts += [self.file] if self.file else []
        if self.offset >= 0:
            last = self.end - 1
            span = f"–{last}" if last > self.offset else ""
            parts.append(f"Byte {self.offset}{span}")
        return ", ".join(parts)


@dataclass(frozen=True)
class RecordFinding:
    """Something that is not as it was sealed.

    Attributes:
        kind: What is wrong.
        place: Where.
        detail: What more is known, as a German half-sentence, or empty.
    """

    kind: FindingKind
    place: Place
    detail: str = field(default="")

    @property
    def breaks(self) -> bool:
        """Whether the trail is broken; otherwise an honest cause is possible, e.g. a crash."""
        return self.kind not in _WARNINGS

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.place}: {_TEXTS[self.kind]}{detail}."
