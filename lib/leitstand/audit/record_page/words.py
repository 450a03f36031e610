"""What the page is made of: marked words, code, times and lengths of time in German."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

__all__ = [
    "Cell",
    "Code",
    "Lines",
    "Mark",
    "Table",
    "Tone",
    "between",
    "bounded",
    "clock",
    "counted",
    "fact",
    "length",
    "moment",
    "utc",
    "visible",
    "worst",
]

_HIDDEN: Final = re.compile(
    # Controls but tab and newline, lone surrogates, and what turns the direction of writing or
    # takes no room: a hostile text would use them to read as another.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


class Tone(StrEnum):
    """What something means for the reader."""

    PLAIN = "plain"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


_SIGNS: Final = {Tone.PLAIN: "–", Tone.GOOD: "✓", Tone.WAIT: "!", Tone.BAD: "✗"}


@dataclass(frozen=True)
class Mark:
    """A word with a colour and, since not everybody sees colours, a sign."""

    tone: Tone
    text: str
    form: str = "mark"

    @property
    def sign(self) -> str:
        """One character that says the same as the colour."""
        return _SIGNS[self.tone]


@dataclass(frozen=True)
class Code:
    """A name or a digest, to be copied as it stands."""

    text: str
    form: str = "code"


@dataclass(frozen=True)
class Lines:
    """Several things, one below the other."""

    items: "tuple[str | Code | Mark, ...]"
    form: str = "lines"


Cell = str | Code | Mark | Lines


@dataclass(frozen=True)
class Table:
    """A captioned table.

    Attributes:
        caption: What it shows.
        columns: Heads of the columns.
        rows: Lines of as many cells.
        empty: What stands there when there is no row.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "Keine."


def fact(name: str, *values: str | Code | Mark) -> tuple[str, Cell]:
    """Return a name with what is known of it; a dash when that is nothing."""
    known = tuple(value for value in values if getattr(value, "text", value))
    return name, Lines(known) if len(known) > 1 else known[0] if known else "–"


def visible(text: str) -> str:
    """Return the text with a stand-in for each character that nobody could see."""
    return _HIDDEN.sub(lambda match: f"⟨{ord(match.group()):04X}⟩", text)


def bounded(value: object, most: int = 160) -> str:
    """Return the beginning of a value on one line."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    text = " ".join(text[: 4 * most].split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def worst(*tones: Tone) -> Tone:
    """Return what the reader must know first."""
    return max(tones, key=list(Tone).index, default=Tone.PLAIN)


def moment(text: object) -> datetime | None:
    """Return the time that an ISO 8601 text names, in UTC; None where it names none."""
    try:
        at = datetime.fromisoformat(str(text))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def utc(text: object) -> str:
    """Return a time as day and time of day in UTC; what is no time stays as it is."""
    at = moment(text)
    return f"{at:%d.%m.%Y, %H:%M:%S}" if at else bounded(text, 40)


def clock(text: object) -> str:
    """Return the time of day in UTC, to a tenth of a second; what is no time stays as it is."""
    at = moment(text)
    return f"{at:%H:%M:%S},{at.microsecond // 100_000}" if at else bounded(text, 20)


def between(start: object, end: object) -> str:
    """Return how long something took; a dash where that cannot be told."""
    first, last = moment(start), moment(end)
    if first is None or last is None or last < first:
        return "–"
    return length((last - first).total_seconds())


def length(seconds: object) -> str:
    """Return a length of time, for example ``3,2 s``, ``2 min 5 s`` or ``1 h 4 min``."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e12:
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s".replace(".", ",")
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, one: str, many: str) -> str:
    """Return ``1 Datei`` or ``3 Dateien``, with dots in large numbers."""
    return f"{number:,}".replace(",", ".") + f" {one if number == 1 else many}"
