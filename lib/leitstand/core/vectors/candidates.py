"""What should be done to the indexes of one table, by what was found, whatever time there is."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from leitstand.core.vectors.builds import TooLittleMemory
from leitstand.core.vectors.definitions import (
    complete,
    definition_of,
    final_name,
    new_name,
    wanted_definition,
)
from leitstand.core.vectors.findings import Finding, FindingCode
from leitstand.core.vectors.index_work import IndexWork
from leitstand.core.vectors.leftovers import is_only_copy
from leitstand.core.vectors.maintenance_types import LeftOut, Reason
from leitstand.core.vectors.subjects import Subject
from leitstand.core.vectors.types import VectorIndex
from leitstand.core.vectors.work import Piece, Step, Urgency, act

__all__ = ["leftover_pieces", "needs", "pieces"]

_SECONDS = 1.0
"""For dropping or renaming an index; it waits for those who use the table."""
_CHANGES = frozenset({FindingCode.INDEX_KIND, FindingCode.LISTS_OFF, FindingCode.HNSW_OPTIONS_OFF})
_WORSE = frozenset({FindingCode.INDEX_BLOATED, FindingCode.RECALL_LOW})
_DIMENSIONS = frozenset({FindingCode.TOO_MANY_DIMENSIONS, FindingCode.NO_DIMENSIONS})


def needs(subject: Subject, change: str) -> Iterator[str]:
    """Yield the names of indexes to which something should be done, and an empty one for a table.

    Cheap, so that it can be said of tables which are left out.
    """
    yield from (index.name for index in subject.leftovers)
    for index in subject.lasting:
        if _urgency(subject, index, change) is not None:
            yield index.name
    codes = {finding.code for finding in subject.findings}
    if codes & {FindingCode.INDEX_MISSING, FindingCode.DEAD_ROWS, FindingCode.STATISTICS_OLD}:
        yield ""


def leftover_pieces(subject: Subject, target: str) -> Iterator[Piece]:
    """Yield what takes leftovers away, or brings back to its name the one that is still needed."""
    taken = {index.name for index in subject.indexes}
    for index in subject.leftovers:
        schema, table = index.table.schema, index.table.name
        if is_only_copy(index, subject.indexes):
            final = final_name(index.leftover_of, index.method)
            action = act(
                f"exchange {schema}.{index.leftover_of}", "vector_exchange", target,
                Step.LEFTOVERS, _SECONDS, schema=schema, table=table, old=index.leftover_of,
                new=index.name, final=final if final not in taken else index.leftover_of,
                definition=definition_of(index).as_data(), gate=None,
            )  # fmt: skip
        else:
            action = act(
                f"leftover {index.full_name}", "vector_leftover", target, Step.LEFTOVERS,
                _SECONDS, schema=schema, index=index.name, table=table, oid=index.oid,
            )  # fmt: skip
        yield Piece(index.table, index.name, Urgency.BROKEN, (action,))


def pieces(subject: Subject, work: IndexWork, names: set[str]) -> tuple[list[Piece], list[LeftOut]]:
    """Return what should be done to a table's indexes, and what cannot be.

    Args:
        subject: The table.
        work: Makes pieces.
        names: Names of indexes in its schema; those that the pieces give are added.
    """
    made: list[Piece] = []
    left: list[LeftOut] = []
    for index in subject.lasting:
        urgency = _urgency(subject, index, work.request.change)
        if _unchangeable(index, work):
            left.append(LeftOut(subject.name, index.name, Reason.DEFINITION))
        if urgency is None:
            continue
        try:
            piece = _piece(subject, index, urgency, work, names)
        except TooLittleMemory:
            left.append(LeftOut(subject.name, index.name, Reason.MEMORY))
            continue
        made.append(piece)
        names |= _names(piece)
    for finding in subject.findings:
        if finding.code in _DIMENSIONS and finding.severity.rank < 2:
            left.append(LeftOut(subject.name, "", Reason.DIMENSIONS))
        if finding.code is FindingCode.INDEX_MISSING:
            try:
                piece = _first(subject, finding, work, names)
            except TooLittleMemory:
                left.append(LeftOut(subject.name, "", Reason.MEMORY))
                continue
            made.append(piece)
            names |= _names(piece)
    return made, left


def _urgency(subject: Subject, index: VectorIndex, change: str) -> Urgency | None:
    """Return how urgent something has to be done to an index; None if nothing has to."""
    codes = subject.codes(index.name)
    if FindingCode.INDEX_INVALID in codes:
        return Urgency.BROKEN
    if index.building:
        return None
    if (
        codes & _WORSE
        or index.method in subject.damaged
        or (change == "policy" and codes & _CHANGES)
        or subject.has(FindingCode.DEAD_ROWS)
    ):
        return Urgency.POOR
    return Urgency.DUE if FindingCode.MAINTENANCE_DUE in codes else None


def _unchangeable(index: VectorIndex, work: IndexWork) -> bool:
    wanted = work.request.change == "policy" and index.method != work.policy.index
    return wanted and not complete(index)


def _piece(
    subject: Subject,
    index: VectorIndex,
    urgency: Urgency,
    work: IndexWork,
    taken: AbstractSet[str],
) -> Piece:
    codes = subject.codes(index.name)
    table = subject.table
    if work.request.change == "policy" and codes & _CHANGES and complete(index):
        column = next(column for column in table.columns if column.name == index.column)
        wanted = wanted_definition(
            column, index.operator_class, table.known_rows, work.policy, work.version
        )
        return work.change(table, index, wanted, urgency, taken)
    shrinks = FindingCode.INDEX_BLOATED in codes or subject.has(FindingCode.DEAD_ROWS)
    return work.rebuild(table, index, urgency, shrinks=shrinks)


def _first(subject: Subject, finding: Finding, work: IndexWork, taken: AbstractSet[str]) -> Piece:
    """Return the piece that builds the first index, with the operator class that others have."""
    table = subject.table
    column = next(c for c in table.columns if c.name == finding.evidence["column"])
    usual = "bit_hamming_ops" if column.type == "bit" else f"{column.type}_cosine_ops"
    chosen = subject.classes.get((table.name.name, column.name), usual)
    if not chosen.startswith(f"{column.type}_"):
        chosen = usual
    wanted = wanted_definition(column, chosen, table.known_rows, work.policy, work.version)
    name = new_name(table.name.name, column.name, wanted.method, taken)
    return work.create(table, column, name, wanted)


def _names(piece: Piece) -> set[str]:
    """Return the names that a piece gives to indexes."""
    keys = {"vector_build": ("index",), "vector_exchange": ("new", "final")}
    return {action.arguments[key] for action in piece.actions for key in keys.get(action.kind, ())}
