"""Which code understands which database schema, and which way back that leaves.

A schema version is the number of the newest migration that was applied.
Old code on a new schema is normal during a release, so every revision says which versions it
understands; a rollback never reverses migrations (expand and contract, Parallel Change,
martinfowler.com/bliki/ParallelChange.html).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = [
    "MAXIMUM",
    "MINIMUM",
    "Decision",
    "SchemaRange",
    "WayBack",
    "decide_by_code",
    "decide_way_back",
    "schema_version",
]

MINIMUM = "leitstand.dev/schema-min"
MAXIMUM = "leitstand.dev/schema-max"
"""Annotations of images and revisions that hold the range, as decimal numbers."""


@dataclass(frozen=True)
class SchemaRange:
    """Schema versions from ``minimum`` to ``maximum``, both included."""

    minimum: int
    maximum: int

    @classmethod
    def from_annotations(cls, annotations: Mapping[str, str]) -> "SchemaRange | None":
        """Return the range that annotations hold; ``None`` when they hold none."""
        low, high = annotations.get(MINIMUM, ""), annotations.get(MAXIMUM, "")
        if not (low.isdecimal() and high.isdecimal()):
            return None
        return cls(int(low), int(high))

    def as_annotations(self) -> dict[str, str]:
        """Return the annotations of a revision that understands this range."""
        return {MINIMUM: str(self.minimum), MAXIMUM: str(self.maximum)}

    def understands(self, version: int) -> bool:
        """Return whether code with this range can work on this schema version."""
        return self.minimum <= version <= self.maximum


def schema_version(names: Iterable[str]) -> int:
    """Return the number of the newest migration among names like ``0004_drop_title``; else 0."""
    numbers = (name[:4] for name in names)
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


class WayBack(StrEnum):
    """What a rollback can be."""

    TRAFFIC = "traffic"
    RECOVERY = "recovery"
    FORWARD_FIX = "forward_fix"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """Which way back there is, and why.

    Attributes:
        way: The only way that is open.
        reason: Stable id of the reason.
        loss: How long a time of writes would be lost; ``None`` when nothing would be.
    """

    way: WayBack
    reason: str
    loss: timedelta | None = None


def decide_by_code(target: SchemaRange | None, live: int | None) -> Decision | None:
    """Return the decision that code and schema make alone; ``None`` when the database must go too.

    Args:
        target: Schema versions that the revision to go back to understands.
        live: Schema version of the database now.
    """
    if target is None:
        return Decision(WayBack.REFUSE, "target_range_unknown")
    if live is None:
        return Decision(WayBack.REFUSE, "live_version_unknown")
    if target.understands(live):
        return Decision(WayBack.TRAFFIC, "target_understands_schema")
    return None


def decide_way_back(
    target: SchemaRange | None,
    live: int | None,
    *,
    restore_point: datetime | None,
    earliest: datetime | None,
    now: datetime,
) -> Decision:
    """Return which way back leads to a revision that understands ``target``.

    Args:
        target: Schema versions that the revision to go back to understands.
        live: Schema version of the database now.
        restore_point: A time just before the schema left the target's range, if known.
        earliest: Start of the recovery window; ``None`` when nothing can be recovered.
        now: Present time.
    """
    decided = decide_by_code(target, live)
    if decided is not None:
        return decided
    if restore_point is None:
        return Decision(WayBack.FORWARD_FIX, "no_restore_point")
    if earliest is None or restore_point < earliest:
        return Decision(WayBack.FORWARD_FIX, "restore_point_too_old")
    return Decision(WayBack.RECOVERY, "target_does_not_understand_schema", now - restore_point)
