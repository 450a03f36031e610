"""Pieces of maintenance: what is done to one index or table, as actions that belong together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName

__all__ = ["Piece", "Step", "Urgency", "act", "chain"]


class Step(IntEnum):
    """Steps of a maintenance; each begins when the one before has ended."""

    EXTENSION = 0
    LEFTOVERS = 1
    REST = 2


class Urgency(IntEnum):
    """In which order time is given to pieces of the last step."""

    BROKEN = 0
    POOR = 1
    VACUUM = 2
    ANALYZE = 3
    DUE = 4


@dataclass(frozen=True)
class Piece:
    """Actions on one index, or on a table, that are planned all or not at all.

    Attributes:
        index: Name of the index, or empty where the table itself is meant.
        actions: One after the other.
        way_back: Restores what was before.
        size: Bytes by which pieces of the same urgency are ordered, larger ones first.
        peak_bytes: Disk that is needed meanwhile.
        kept_bytes: Disk of it that stays in use.
        memory: Bytes that its builds need.
    """

    table: TableName
    index: str
    urgency: Urgency
    actions: tuple[Action, ...]
    way_back: tuple[Action, ...] = ()
    size: int = 0
    peak_bytes: int = 0
    kept_bytes: int = 0
    memory: int = 0

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(float(action.arguments["expected_seconds"]) for action in self.actions)

    @property
    def order(self) -> tuple[int, int, TableName, str]:
        """By what pieces are sorted."""
        return self.urgency, -self.size, self.table, self.index


def act(id: str, kind: str, target: str, step: Step, seconds: float, **arguments: Any) -> Action:
    """Return an action of a maintenance; what it comes after is stated by ``chain``."""
    common = {"step": int(step), "after": [], "slow": False, "expected_seconds": round(seconds, 2)}
    return Action(id, kind, target, {**common, **arguments})


def chain(pieces: Iterable[tuple[TableName | None, Action]]) -> tuple[Action, ...]:
    """Return actions that come after the one before on the same table, or after the extension.

    Only one index of a table can be built concurrently at a time.
    """
    last: dict[TableName | None, str] = {}
    chained = []
    for table, action in pieces:
        before = last.get(table) or last.get(None)
        after = [before] if before else []
        chained.append(
            Action(action.id, action.kind, action.target, {**action.arguments, "after": after})
        )
        last[table] = action.id
    return tuple(chained)
