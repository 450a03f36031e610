"""Which indexes an interrupted maintenance has left, and which of them are still needed."""

from collections.abc import Iterable

from leitstand.core.vectors.definitions import TEMPORARY
from leitstand.core.vectors.types import VectorIndex

__all__ = ["is_leftover", "is_only_copy"]


def is_leftover(index: VectorIndex, of_table: Iterable[VectorIndex]) -> bool:
    """Return whether an index was left by an interrupted maintenance, and can go.

    REINDEX leaves invalid ones only; a valid one that merely has such a name is somebody's own.
    An exchange can leave a valid one, which can go as long as another index does its work.

    Args:
        index: The index in question.
        of_table: All indexes of its table.
    """
    if index.building or not index.leftover_of:
        return False
    if not index.valid:
        return True
    return index.name.endswith(TEMPORARY) and _replaced(index, of_table)


def is_only_copy(index: VectorIndex, of_table: Iterable[VectorIndex]) -> bool:
    """Return whether an index was left by an exchange that had dropped the old one already."""
    return (
        bool(index.leftover_of)
        and index.valid
        and not index.building
        and index.name.endswith(TEMPORARY)
        and not _replaced(index, of_table)
    )


def _replaced(index: VectorIndex, of_table: Iterable[VectorIndex]) -> bool:
    """Return whether another valid index does the same work."""
    return any(
        other.valid
        and not other.leftover_of
        and other.name != index.name
        and (other.column, other.operator_class) == (index.column, index.operator_class)
        for other in of_table
    )
