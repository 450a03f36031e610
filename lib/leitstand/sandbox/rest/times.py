"""Times as Google's APIs write them in JSON (RFC 3339)."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["timestamp"]


def timestamp(time: datetime | None = None) -> str:
    """A time in UTC to the millisecond; now, if left out."""
    shown = (time or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return shown.replace("+00:00", "Z")
