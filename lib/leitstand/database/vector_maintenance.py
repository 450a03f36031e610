"""Maintenance of what is there: rebuild, drop, vacuum, analyze, and update the extension.

Readers and writers are never blocked, but for the moment in which the extension is updated.
Each function works in a session of its own, holds the advisory lock of its table, and returns
evidence: ``gone`` where table, schema or index are no longer there, ``found`` where there was
nothing left to do.
"""

from dataclasses import replace

from leitstand.core.recovery_types import TableName
from leitstand.database.vector_control import Control
from leitstand.database.vector_errors import MaintenanceRefused, Trouble
from leitstand.database.vector_sessions import Limits, Sessions
from leitstand.database.vector_table import IndexState, TableState, installed_version
from leitstand.database.vector_work import Evidence, Gone, name_of, work_on

__all__ = ["EXTENSION", "analyze", "drop", "reindex", "update_extension", "vacuum"]

EXTENSION = TableName("", "vector")
"""What the advisory lock of an update of the extension is taken on."""


def reindex(
    sessions: Sessions, table: TableName, index: str, *, oid: int, limits: Limits, control: Control
) -> Evidence:
    """Rebuild an index beside itself, with the same definition.

    What earlier attempts left is dropped before, and what this one leaves is dropped after it
    (PostgreSQL's documentation, REINDEX, "Rebuilding Indexes Concurrently").

    Args:
        sessions: Of the role that maintains.
        table: Of the index.
        index: Its name.
        oid: Of the index that is to be replaced; where the name has another valid one, it was.
        limits: For the build.
        control: Cancels it.

    Raises:
        Cancelled: it was given up; what it left was cleaned up as far as possible.
        MaintenanceRefused: it failed; likewise.
    """
    from psycopg import sql

    def replaced(state: TableState) -> IndexState | None:
        found = _present(state, index)
        return found if found.valid and found.oid != oid else None

    def leftovers(state: TableState) -> tuple[IndexState, ...]:
        return state.leftovers_of(index)

    # It ends by removing files, and a commit that does so always waits for the disk (PostgreSQL,
    # src/backend/access/transam/xact.c, RecordTransactionCommit).
    limits = replace(limits, durable=False)
    try:
        with work_on(sessions, table, limits, control) as work:
            state = work.state()
            before = _present(state, index)
            if replaced(state) is not None:
                return {"found": True, "bytes_before": before.bytes, "bytes_after": before.bytes}
            dropped = [left.name for left in leftovers(state)]
            for left in leftovers(state):
                work.drop(left)
            after, evidence = work.rebuild(
                sql.SQL("REINDEX INDEX CONCURRENTLY {}").format(name_of(table.schema, index)),
                f"Der Neuaufbau von {table.schema}.{index}",
                f"Baut {index} neu",
                reached=replaced,
                leftovers=leftovers,
            )
            return {
                "bytes_before": before.bytes,
                "bytes_after": after.bytes,
                "seconds": work.seconds,
                "rows": max(state.rows, 0),
                **({"dropped": dropped} if dropped else {}),
                **evidence,
            }
    except Gone:
        return {"gone": True}


def drop(
    sessions: Sessions, table: TableName, index: str, *, oid: int, limits: Limits, control: Control
) -> Evidence:
    """Drop an index without blocking anyone.

    Args:
        sessions: Of the role that maintains.
        table: Of the index.
        index: Its name.
        oid: What is dropped; an index of that name with another oid stays. 0 is any.
        limits: For the wait.
        control: Cancels it; the index may be invalid then.

    Raises:
        Cancelled: it was given up.
        MaintenanceRefused: it failed.
    """
    try:
        with work_on(sessions, table, limits, control) as work:
            found = work.state().index(index)
            if found is None or (oid and found.oid != oid):
                return {"found": True, "bytes_before": 0, "bytes_after": 0}
            work.drop(found)
            return {"bytes_before": found.bytes, "bytes_after": 0, "seconds": work.seconds}
    except Gone:
        return {"gone": True}


def vacuum(sessions: Sessions, table: TableName, *, limits: Limits, control: Control) -> Evidence:
    """Remove dead rows from a table and its indexes.

    Raises:
        Cancelled: it was given up; what was removed stays removed.
        MaintenanceRefused: it failed.
    """
    return _on_table(sessions, table, "VACUUM", "Räumt {} auf", limits, control)


def analyze(sessions: Sessions, table: TableName, *, limits: Limits, control: Control) -> Evidence:
    """Make the statistics of a table new.

    Raises:
        Cancelled: it was given up.
        MaintenanceRefused: it failed.
    """
    return _on_table(sessions, table, "ANALYZE", "Rechnet die Statistik von {}", limits, control)


def update_extension(
    sessions: Sessions, version: str, *, limits: Limits, control: Control
) -> Evidence:
    """Update pgvector in this database; for a moment nobody can use its types.

    Sessions that already use it keep the old library until they end.

    Raises:
        Cancelled: it was given up; nothing was changed.
        MaintenanceRefused: it failed, or there is no pgvector to update.
    """
    import psycopg
    from psycopg import sql

    from leitstand.database.vector_errors import refusal

    what = f"Die Aktualisierung von pgvector auf {version}"
    with sessions.on_table(EXTENSION, limits, control) as connection:
        before = installed_version(connection)
        if before == version:
            return {"found": True, "before": before, "after": before}
        if not before:
            raise MaintenanceRefused(
                Trouble.EXTENSION_MISSING,
                what,
                "ist nicht möglich, da die Erweiterung in dieser Datenbank fehlt.",
                "Legen Sie sie mit CREATE EXTENSION vector an, und planen Sie die Wartung neu.",
            )
        statement = sql.SQL("ALTER EXTENSION vector UPDATE TO {}").format(sql.Literal(version))
        try:
            with control.statement(connection, "Aktualisiert pgvector"):
                connection.execute(statement)
        except psycopg.Error as error:
            seconds, seen = limits.lock_seconds, control.seen
            raise refusal(what, error, seconds=seconds, blockers=seen) from error
        return {"before": before, "after": installed_version(connection)}


def _on_table(
    sessions: Sessions,
    table: TableName,
    verb: str,
    doing: str,
    limits: Limits,
    control: Control,
) -> Evidence:
    from psycopg import sql

    what = f"{verb} von {table}"
    statement = sql.SQL("{} {}").format(sql.SQL(verb), name_of(table.schema, table.name))
    try:
        with work_on(sessions, table, limits, control) as work:
            work.state()
            for notice in work.run(statement, what, doing.format(table.name)):
                # The server only warns, and does nothing.
                if notice.startswith("permission denied"):
                    raise _forbidden(what, notice)
            return {"seconds": work.seconds, "rows": max(work.state().rows, 0)}
    except Gone:
        return {"gone": True}


def _forbidden(what: str, notice: str) -> MaintenanceRefused:
    return MaintenanceRefused(
        Trouble.NO_RIGHTS,
        what,
        f"ist dieser Rolle nicht erlaubt: {notice}.",
        "Machen Sie die Rolle zum Mitglied der Rolle, der die Tabelle gehört, und setzen Sie den"
        " Lauf fort.",
    )


def _present(state: TableState, index: str) -> IndexState:
    found = state.index(index)
    if found is None:
        raise Gone
    return found
