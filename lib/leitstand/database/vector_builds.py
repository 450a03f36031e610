"""New vector indexes: built beside what is there, and put in the place of an old one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.definitions import TEMPORARY
from leitstand.database.vector_control import Control
from leitstand.database.vector_errors import MaintenanceRefused, Trouble
from leitstand.database.vector_sessions import Limits, Sessions
from leitstand.database.vector_table import IndexState, TableState
from leitstand.database.vector_work import Evidence, Gone, TableWork, name_of, work_on

__all__ = ["Place", "Standing", "build", "keep_old", "remembered", "standing", "swap"]

_MARK = "leitstand"


@dataclass(frozen=True)
class Place:
    """Two indexes of which one is to stay.

    Attributes:
        old: Name of the one that is there.
        new: Name under which the other one was built.
        final: Name of the new one when it has taken the old one's place.
        definition: Of the new one: method, column, operator_class, options.
    """

    table: TableName
    old: str
    new: str
    final: str
    definition: Mapping[str, Any]


class Standing(StrEnum):
    """How far an exchange is.

    Attributes:
        OPEN: Both are there and can be used.
        SWAPPING: The old one is gone or can no longer be used; the new one takes its place.
        SWAPPED: The new one has taken its place.
        KEEPING: The new one is invalid and the old one stays.
        KEPT: Only the old one is there.
        DOUBLE: The old one is gone, and another one already is what the new one was to become.
        LOST: Neither can be used.
    """

    OPEN = "open"
    SWAPPING = "swapping"
    SWAPPED = "swapped"
    KEEPING = "keeping"
    KEPT = "kept"
    DOUBLE = "double"
    LOST = "lost"


def build(
    sessions: Sessions,
    table: TableName,
    index: str,
    definition: Mapping[str, Any],
    *,
    limits: Limits,
    control: Control,
    before: Callable[[], Mapping[str, Any]] = dict,
) -> Evidence:
    """Build an index beside what is there.

    An invalid index of that name is what an earlier attempt left, and is dropped; likewise a valid
    one of another definition, if the name is one that only these builds use.

    Args:
        sessions: Of the role that maintains.
        table: To be indexed.
        index: Name of the new index.
        definition: Method, column, operator_class, options.
        limits: For the build.
        control: Cancels it.
        before: Returns facts that an exchange needs later; asked before the build begins, as long
            as searches use the old index.

    Raises:
        Cancelled: it was given up; what it left was cleaned up as far as possible.
        MaintenanceRefused: it failed; likewise.
    """
    what = f"Der Aufbau von {table.schema}.{index}"

    def reached(state: TableState) -> IndexState | None:
        found = state.index(index)
        return found if found and found.valid and found.matches(definition) else None

    def leftovers(state: TableState) -> tuple[IndexState, ...]:
        found = state.index(index)
        return (found,) if found and not found.valid else ()

    try:
        with work_on(sessions, table, limits, control) as work:
            state = work.state()
            if (there := reached(state)) is not None:
                return {"found": True, "bytes_before": 0, "bytes_after": there.bytes}
            earlier = state.index(index)
            if earlier is not None:
                if earlier.valid and not index.endswith(TEMPORARY):
                    raise _taken(what, index)
                work.drop(earlier)
            facts = dict(before())
            began = work.seconds
            statement = _statement(table, index, definition)
            doing = f"Baut {index}"
            made, evidence = work.rebuild(
                statement, what, doing, reached=reached, leftovers=leftovers
            )
            facts |= {"seconds": round(work.seconds - began, 3), "rows": max(state.rows, 0)}
            if index.endswith(TEMPORARY):
                remember(work, index, facts)
            return {
                "bytes_before": 0,
                "bytes_after": made.bytes,
                **facts,
                **({"dropped": [index]} if earlier else {}),
                **evidence,
            }
    except Gone:
        return {"gone": True}


def standing(state: TableState, place: Place) -> Standing:
    """Return how far an exchange is, whoever was killed on the way."""
    old, new, final = (state.index(name) for name in (place.old, place.new, place.final))
    done = final is not None and final.valid and final.matches(place.definition)
    if new is None:
        return Standing.SWAPPED if done else Standing.KEPT if old else Standing.LOST
    if old is not None and old.valid:
        return Standing.OPEN if new.valid else Standing.KEEPING
    if old is None and done:
        return Standing.DOUBLE
    return Standing.SWAPPING if new.valid else Standing.LOST


def swap(work: TableWork, place: Place) -> Evidence:
    """Drop the old index and give the new one its final name; repeatable after any failure.

    Raises:
        Cancelled: it was given up on the way.
        Gone: the table is gone.
        MaintenanceRefused: it failed.
    """
    from psycopg import sql

    state = work.state()
    old, new = state.index(place.old), state.index(place.new)
    if new is not None:
        if place.final != place.old and state.index(place.final) is not None:
            raise _taken(f"Der Tausch von {place.table.schema}.{place.old}", place.final)
        if old is not None:
            work.drop(old)
        final = sql.Identifier(place.final)
        statement = sql.SQL("ALTER INDEX {} RENAME TO {}").format(
            name_of(place.table.schema, place.new), final
        )
        remember(work, place.new, {})
        what = f"Die Umbenennung von {place.new} in {place.final}"
        work.run(statement, what, f"Benennt {place.new} um")
    there = work.state().index(place.final)
    return {
        "exchanged": True,
        "index": place.final,
        "bytes_before": old.bytes if old else 0,
        "bytes_after": there.bytes if there else 0,
    }


def keep_old(work: TableWork, place: Place) -> Evidence:
    """Drop the new index; the old one stays as it is. Repeatable.

    Raises:
        Cancelled: it was given up; the new index may be invalid then.
        Gone: the table is gone.
        MaintenanceRefused: it failed.
    """
    state = work.state()
    old, new = state.index(place.old), state.index(place.new)
    if new is not None:
        work.drop(new)
    size = old.bytes if old else 0
    return {
        "exchanged": False,
        "index": place.old if old else place.final,
        "bytes_before": size,
        "bytes_after": size,
        "bytes_new": new.bytes if new else 0,
    }


def remember(work: TableWork, index: str, facts: Mapping[str, Any]) -> None:
    """Write facts for a later exchange into the comment of an index, or remove the comment.

    There they survive whoever wrote them, and vanish with the index.

    Raises:
        Cancelled: it was given up.
        MaintenanceRefused: it failed.
    """
    from psycopg import sql

    comment = json.dumps({_MARK: facts}, ensure_ascii=False) if facts else None
    statement = sql.SQL("COMMENT ON INDEX {} IS {}").format(
        name_of(work.table.schema, index), sql.Literal(comment)
    )
    work.run(statement, f"Der Vermerk an {index}", f"Vermerkt etwas an {index}")


def remembered(work: TableWork, index: str) -> dict[str, Any]:
    """Return what ``build`` wrote into the comment of an index; nothing for any other comment."""
    found = work.state().index(index)
    if found is None:
        return {}
    row = work.connection.execute(
        "SELECT obj_description(%s::oid, 'pg_class')", (found.oid,)
    ).fetchone()
    try:
        facts = json.loads(row[0])[_MARK] if row and row[0] else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _taken(what: str, name: str) -> MaintenanceRefused:
    return MaintenanceRefused(
        Trouble.NAME_TAKEN,
        what,
        f"ist nicht möglich, da schon ein anderer Index {name} heißt.",
        "Benennen Sie ihn um, oder löschen Sie ihn, und planen Sie die Wartung neu.",
    )


def _statement(table: TableName, index: str, definition: Mapping[str, Any]) -> Any:
    from psycopg import sql

    options = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(int(value)))
        for name, value in definition["options"].items()
    )
    return sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} USING {} ({} {}){}").format(
        sql.Identifier(index),
        name_of(table.schema, table.name),
        sql.Identifier(definition["method"]),
        sql.Identifier(definition["column"]),
        sql.Identifier(definition["operator_class"]),
        sql.SQL(" WITH ({})").format(options) if definition["options"] else sql.SQL(""),
    )
