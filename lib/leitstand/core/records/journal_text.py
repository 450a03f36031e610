"""A journal as it lies on the disk: whole events, and lines that a crash has torn."""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["JournalText", "read_journal"]


@dataclass(frozen=True)
class JournalText:
    """A journal as it lies on the disk.

    Attributes:
        events: Its whole events, oldest first.
        torn_lines: Offsets in bytes of the lines that cannot be read.
    """

    events: tuple[dict[str, Any], ...]
    torn_lines: tuple[int, ...] = ()


def read_journal(content: bytes) -> JournalText:
    """Return the events of a journal and where it is torn."""
    events: list[dict[str, Any]] = []
    torn: list[int] = []
    offset = 0
    for line in content.split(b"\n"):
        if line.strip():
            event = _decode(line)
            if event is None:
                torn.append(offset)
            else:
                events.append(event)
        offset += len(line) + 1
    return JournalText(tuple(events), tuple(torn))


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None
