"""The open state of a run in a store: what others need to go on with it, piece by piece.

A journal only grows, so it is stored in pieces, each under the offset at which it begins. A piece
is created and never replaced: of two machines that go on from the same offset, one succeeds.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "OPEN",
    "Ended",
    "Relation",
    "StateDamaged",
    "end_name",
    "joined",
    "piece_name",
    "piece_of",
    "relation",
    "run_of_end",
    "whole_lines",
]

OPEN: Final = "open/"
_ENDED: Final = "ended/"
_RUN: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,200}"
_PIECE: Final = re.compile(rf"open/({_RUN})/(\d{{12}})", re.ASCII)
_END: Final = re.compile(rf"ended/({_RUN})\.json", re.ASCII)


class StateDamaged(ValueError):
    """The pieces of a journal do not fit together."""


class Relation(StrEnum):
    """What the journal on this machine is to the one in the store."""

    SAME = "same"
    BEHIND = "behind"
    """The store has more: another machine has gone on."""
    AHEAD = "ahead"
    """This machine has more: what was written last did not get there."""
    DIVERGED = "diverged"
    """Both have gone on."""


@dataclass(frozen=True)
class Ended:
    """What the store keeps of a run that is over, so that no old copy of it is gone on with.

    Attributes:
        run: Its id.
        host: Name of the machine on which it ended.
        at: When, as ISO 8601.
    """

    run: str
    host: str
    at: str

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(vars(self), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, content: bytes) -> "Ended":
        """Return what ``encode`` gave.

        Raises:
            StateDamaged: it is something else.
        """
        try:
            data: Mapping[str, Any] = json.loads(content)
            return cls(*(str(data[name]) for name in ("run", "host", "at")))
        except (ValueError, KeyError, TypeError) as error:
            raise StateDamaged("no end of a run") from error


def piece_name(run: str, offset: int) -> str:
    """Return the name of the piece of a run's journal that begins at an offset, in bytes."""
    return f"{OPEN}{run}/{offset:012d}"


def piece_of(name: str) -> tuple[str, int] | None:
    """Return run and offset of a piece by its name; None where it is the name of something else."""
    found = _PIECE.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def end_name(run: str) -> str:
    """Return under which name the store keeps that a run is over."""
    return f"{_ENDED}{run}.json"


def run_of_end(name: str) -> str:
    """Return whose end a name tells of; empty where it is the name of something else."""
    found = _END.fullmatch(name)
    return found[1] if found else ""


def joined(pieces: Mapping[int, bytes]) -> bytes:
    """Return the journal that its pieces make, by their offsets.

    Raises:
        StateDamaged: a piece is missing or too long, or their lines are not those of one journal.
    """
    content = b""
    for offset in sorted(pieces):
        if offset != len(content):
            raise StateDamaged(f"a piece begins at {offset}, not at {len(content)}")
        content += pieces[offset]
    if whole_lines(content) != content:
        raise StateDamaged("the last line is not whole")
    numbers = [number for line in content.split(b"\n") if (number := _number(line)) is not None]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StateDamaged("the lines do not follow each other")
    return content


def whole_lines(content: bytes) -> bytes:
    """Return a journal without a last line that was torn."""
    return content[: content.rfind(b"\n") + 1]


def relation(local: bytes, stored: bytes) -> Relation:
    """Return what the journal on this machine is to the stored one; a torn line does not count."""
    local = whole_lines(local)
    if local == stored:
        return Relation.SAME
    if stored.startswith(local):
        return Relation.BEHIND
    return Relation.AHEAD if local.startswith(stored) else Relation.DIVERGED


def _number(line: bytes) -> int | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event.get("seq") if isinstance(event, dict) and "event" in event else None
