"""Work on one table: statements that can be cancelled, and what broken ones have left."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leitstand.core.recovery_types import TableName
from leitstand.database.errors import DatabaseRefused, DatabaseUnreachable
from leitstand.database.vector_control import Cancelled, Control
from leitstand.database.vector_errors import MaintenanceRefused, Trouble, refusal
from leitstand.database.vector_progress import holders_of
from leitstand.database.vector_sessions import Limits, Sessions
from leitstand.database.vector_table import IndexState, TableState, table_state

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql
    from psycopg.errors import Diagnostic

    from leitstand.database.connection import Connection

__all__ = ["Evidence", "Gone", "TableWork", "name_of", "work_on"]

Evidence = dict[str, Any]
"""What came of a piece of work, as JSON values."""

_TIDY_SECONDS = 1.0
"""So long a clean-up waits for transactions: what stays is cleaned up by the next run."""
_NOTICES = {
    "slow_build": "no longer fits into maintenance_work_mem",
    "little_data": "index created with little data",
}
"""What pgvector says of a build that succeeds (src/hnswbuild.c, src/ivfbuild.c)."""


class Gone(Exception):
    """The table, its schema or the index is no longer there, so there is nothing to do."""


@dataclass
class TableWork:
    """A session that alone of all runs works on a table.

    Attributes:
        control: Cancels what it does.
    """

    connection: "Connection"
    table: TableName
    limits: Limits
    control: Control
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return round(time.monotonic() - self._began, 3)

    def state(self) -> TableState:
        """Return the table as it is now.

        Raises:
            Gone: there is no such table.
        """
        found = table_state(self.connection, self.table)
        if found is None:
            raise Gone
        return found

    def run(self, statement: "sql.Composed", what: str, doing: str) -> tuple[str, ...]:
        """Run one statement, and return what it noticed.

        Args:
            statement: Of the table or one of its indexes.
            what: The undertaking, in German, as the subject of a sentence.
            doing: What is done meanwhile, in German.

        Raises:
            Cancelled: it was given up.
            Gone: it failed since the table is gone.
            MaintenanceRefused: it failed otherwise.
        """
        with self.control.statement(self.connection, doing):
            return self._run(statement, what)

    def rebuild(
        self,
        statement: "sql.Composed",
        what: str,
        doing: str,
        *,
        reached: Callable[[TableState], IndexState | None],
        leftovers: Callable[[TableState], Iterable[IndexState]],
    ) -> tuple[IndexState, Evidence]:
        """Run a statement that makes an index; clean up where it fails.

        What counts is what is there afterwards: a rebuild may fail when the new index is already
        in use, and only the old one was to be removed.

        Args:
            statement: Makes the index concurrently.
            what: The undertaking, in German, as the subject of a sentence.
            doing: What is done meanwhile, in German.
            reached: Returns the index that was wanted, or None where it is not there.
            leftovers: Returns what a failure leaves.

        Raises:
            Cancelled: it was given up.
            Gone: the table is gone.
            MaintenanceRefused: it failed.
        """
        evidence: Evidence = {}
        try:
            notices = self.run(statement, what, doing)
            evidence |= {k: True for k, text in _NOTICES.items() if any(text in n for n in notices)}
        except (MaintenanceRefused, Cancelled) as error:
            if self.connection.closed:
                raise
            kept = self.tidy(leftovers(self.state()))
            if (found := reached(self.state())) is None:
                raise _with_rest(error, kept) from error
            return found, {"late": str(error)}
        if (found := reached(self.state())) is None:
            raise MaintenanceRefused(
                Trouble.INVALID,
                what,
                "endete ohne Fehler, aber der Index ist nicht gültig.",
                "Prüfen Sie das Log der Datenbank, und setzen Sie den Lauf fort.",
            )
        return found, evidence

    def _run(self, statement: "sql.Composed", what: str) -> tuple[str, ...]:
        import psycopg

        notices: list[str] = []

        def hear(diagnostic: "Diagnostic") -> None:
            notices.append(diagnostic.message_primary or "")

        self.connection.add_notice_handler(hear)
        try:
            self.connection.execute(statement)
        except psycopg.Error as error:
            raise self._meaning(error, what) from error
        finally:
            self.connection.remove_notice_handler(hear)
        return tuple(notices)

    def _meaning(self, error: "psycopg.Error", what: str) -> Exception:
        if self.connection.closed:
            return refusal(what, error)
        found = table_state(self.connection, self.table)
        if found is None:
            return Gone()
        blockers = self.control.seen
        if error.sqlstate == "55P03" and not blockers:
            own = [self.connection.info.backend_pid]
            blockers = " und ".join(
                str(blocker) for blocker in holders_of(self.connection, found.oid, own)[:1]
            )
        return refusal(what, error, seconds=self.limits.lock_seconds, blockers=blockers)

    def drop(self, index: IndexState) -> None:
        """Drop an index without blocking anyone.

        Raises:
            Cancelled: it was given up; the index may be invalid now.
            Gone: the table is gone.
            MaintenanceRefused: it failed.
        """
        with self.control.statement(self.connection, f"Löscht {index.name}"):
            self._drop(index.name)

    def _drop(self, index: str) -> None:
        from psycopg import sql

        statement = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(
            name_of(self.table.schema, index)
        )
        self._run(statement, f"Das Löschen von {self.table.schema}.{index}")

    def tidy(self, leftovers: Iterable[IndexState]) -> tuple[str, ...]:
        """Drop what a statement of this session left behind; return the names of what stays.

        It is done even after the work was cancelled, and waits for nobody for long.
        """
        kept = []
        for index in leftovers:
            try:
                with self._patience(_TIDY_SECONDS):
                    self._drop(index.name)
            except Gone:
                return ()
            except (DatabaseRefused, DatabaseUnreachable):
                kept.append(index.name)
        return tuple(kept)

    @contextmanager
    def _patience(self, seconds: float) -> Iterator[None]:
        self._wait_at_most(seconds)
        try:
            yield
        finally:
            if not self.connection.closed:
                self._wait_at_most(self.limits.lock_seconds)

    def _wait_at_most(self, seconds: float) -> None:
        import psycopg

        try:
            self.connection.execute(
                "SELECT set_config('lock_timeout', %s, false)", (str(round(seconds * 1000)),)
            )
        except psycopg.Error as error:
            raise refusal("Die Vorbereitung der Sitzung", error) from error


@contextmanager
def work_on(
    sessions: Sessions, table: TableName, limits: Limits, control: Control
) -> Iterator[TableWork]:
    """Work on a table that no other run works on at the same time.

    Raises:
        MaintenanceRefused: another run works on it.
        DatabaseUnreachable: no answer.
        DatabaseRefused: the login was refused.
    """
    import psycopg

    with sessions.on_table(table, limits, control) as connection:
        try:
            yield TableWork(connection, table, limits, control)
        except psycopg.Error as error:
            what, seconds = f"Die Wartung von {table}", limits.lock_seconds
            raise refusal(what, error, seconds=seconds) from error


def _with_rest(error: MaintenanceRefused | Cancelled, kept: tuple[str, ...]) -> Exception:
    if not kept or isinstance(error, Cancelled):
        return error
    return error.adding(f"Es bleibt {', '.join(kept)}, was der nächste Lauf entfernt.")


def name_of(schema: str, name: str) -> "sql.Identifier":
    """Return a qualified name for a statement."""
    from psycopg import sql

    return sql.Identifier(schema, name)
