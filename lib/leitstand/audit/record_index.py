"""A search index over the records of a store: one SQLite file, and only a cache.

Everything in it is read from the store and can be read again, so it is thrown away whenever it does
not fit. Verification never looks at it.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from leitstand.audit.envelopes import MalformedEnvelope
from leitstand.audit.records import read_record
from leitstand.audit.store import Missing, Store
from leitstand.core.records.row import RecordRow, row_of, unreadable_row, words_of
from leitstand.core.records.search_words import INNER, marks, question, searchable
from leitstand.core.records.statement import MalformedStatement

__all__ = ["RecordIndex"]

_FORM: Final = 1
"""Raised with every change of the tables; an index in another form is made anew."""
_BATCH: Final = 1000
_BROKEN: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""What a file answers that is no database, or not ours."""
_COLUMNS: Final = tuple(field.name for field in fields(RecordRow))
_TABLES: Final = f"""
    CREATE TABLE records (seq INTEGER PRIMARY KEY, {", ".join(_COLUMNS[1:])});
    CREATE INDEX by_run ON records (run, part);
    CREATE INDEX by_ticket ON records (ticket, seq);
    CREATE INDEX by_operator ON records (operator, seq);
    CREATE INDEX by_runbook ON records (runbook, seq);
    CREATE INDEX by_status ON records (status, seq);
    CREATE INDEX by_env ON records (env, seq);
    CREATE INDEX by_start ON records (started_at);
    CREATE VIRTUAL TABLE words USING fts5(
        text, content='', detail=none, prefix='3',
        tokenize="unicode61 remove_diacritics 2 tokenchars '{INNER}'"
    );
    PRAGMA user_version = {_FORM};
"""
_INSERT: Final = f"INSERT INTO records VALUES ({', '.join('?' * len(_COLUMNS))})"
_BETWEEN: Final = "SELECT min(seq), max(seq) FROM records WHERE started_at >= ? AND started_at < ?"


class RecordIndex:
    """The index in one file, private to its owner; made when it is first used.

    Args:
        path: The file; its directory must be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def update(self, store: Store, tell: Callable[[int, int], None] | None = None) -> int:
        """Read the records that are not in the index yet, and return how many those were.

        Args:
            store: Of the records. An index of another store, or of one that was changed before its
                end, is made anew.
            tell: Called now and then with how many records of how many are read.

        Raises:
            OSError: the store cannot be reached, or the file cannot be written.
        """
        try:
            return self._update(store, tell)
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF not in _BROKEN:
                raise OSError(f"{self.path}: {error}") from error
        self._forget()
        try:
            return self._update(store, tell)
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from error

    def search(
        self,
        text: str = "",
        *,
        env: str = "",
        runbook: str = "",
        operator: str = "",
        status: str = "",
        ticket: str = "",
        run: str = "",
        since: str = "",
        until: str = "",
        limit: int = 50,
    ) -> list[RecordRow]:
        """Return the records that fit, the newest first.

        Args:
            text: Words that all occur in the record; each may be the beginning of one.
            env: Its environment.
            runbook: Its runbook.
            operator: Who started it.
            status: How it ended.
            ticket: Its ticket.
            run: Id of the run, or its beginning.
            since: The run started then or later; ISO 8601, UTC.
            until: The run started before then.
            limit: At most so many.

        Raises:
            OSError: the index cannot be read.
        """
        equal = {
            "env": env, "runbook": runbook, "operator": operator, "status": status,
            "ticket": ticket,
        }  # fmt: skip
        equal = {name: value for name, value in equal.items() if value}
        conditions = [f"{name} = ?" for name in equal]
        values: list[object] = [*equal.values()]
        if run:
            conditions.append("run >= ? AND run < ?")
            values += [run, run + "\U0010ffff"]
        source, number = "records", "seq"
        if text.strip():
            # CROSS keeps the order: first the words, then their records.
            source = "words CROSS JOIN records ON records.seq = words.rowid"
            number = "words.rowid"
            conditions.insert(0, "words MATCH ?")
            values.insert(0, question(text, equal))
        if since or until:
            times = [since, until or "\U0010ffff"]
            # Runs are sealed about in the order in which they start.
            first, last = self._ask(_BETWEEN, times)[0]
            conditions += ["started_at >= ? AND started_at < ?", f"{number} BETWEEN ? AND ?"]
            values += [*times, first, last]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        names = ", ".join(_COLUMNS)
        # Numbers first: an index alone has those, and whole rows are read for few of them.
        found = f"SELECT {number} FROM {source}{where} ORDER BY {number} DESC LIMIT ?"
        asked = f"SELECT {names} FROM records WHERE seq IN ({found}) ORDER BY seq DESC"
        return [_row(values) for values in self._ask(asked, [*values, limit])]

    def numbers(self, run: str) -> list[int]:
        """Return the numbers of the records of a run, the oldest first.

        Raises:
            OSError: the index cannot be read.
        """
        asked = "SELECT seq FROM records WHERE run = ? ORDER BY seq"
        return [seq for (seq,) in self._ask(asked, [run])]

    def count(self) -> int:
        """Return how many records are in the index."""
        return int(self._ask("SELECT count(*) FROM records", [])[0][0])

    def _ask(self, asked: str, values: list[Any]) -> list[Any]:
        try:
            with self._open() as database:
                return database.execute(asked, values).fetchall()
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from error

    def _update(self, store: Store, tell: Callable[[int, int], None] | None) -> int:
        head = store.head()
        with self._open() as database:
            if not self._fits(database, store, head):
                _clear(database)
            last = _last(database)
            read = 0
            while last < head:
                end = min(head, last + _BATCH)
                read += self._add(database, store, end)
                last = end
                if tell is not None:
                    tell(last, head)
            return read

    @staticmethod
    def _fits(database: sqlite3.Connection, store: Store, head: int) -> bool:
        """Whether the store still holds the last record that was read."""
        found = database.execute("SELECT seq, digest FROM records ORDER BY seq DESC LIMIT 1")
        last = found.fetchone()
        if last is None:
            return True
        try:
            return bool(last[0] <= head and _digest(store.read(last[0])) == last[1])
        except Missing:
            return False

    @staticmethod
    def _add(database: sqlite3.Connection, store: Store, end: int) -> int:
        database.execute("BEGIN IMMEDIATE")
        try:
            # Looked up under the lock: another process may have read them meanwhile.
            rows, words = [], []
            for row, text in _read(store, range(_last(database) + 1, end + 1)):
                rows.append([getattr(row, name) for name in _COLUMNS])
                words.append((row.seq, f"{searchable(text)} {marks(vars(row))}"))
            database.executemany(_INSERT, rows)
            database.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", words)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return len(rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # Made here, so that its journal beside it gets the same permissions.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = OFF")  # it is a cache
            if database.execute("PRAGMA user_version").fetchone()[0] != _FORM:
                _clear(database)
            yield database
        finally:
            database.close()

    def _forget(self) -> None:
        for ending in ("", "-journal"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def _clear(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        # What belongs to the words goes with them.
        database.execute("DROP TABLE IF EXISTS words")
        database.execute("DROP TABLE IF EXISTS records")
        for statement in _TABLES.split(";"):
            database.execute(statement)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _last(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])


def _read(store: Store, numbers: range) -> Iterator[tuple[RecordRow, str]]:
    for seq in numbers:
        try:
            content = store.read(seq)
        except Missing:
            # A gap. The line says so, or the index would try again each time.
            yield unreadable_row(seq, ""), ""
            continue
        digest = _digest(content)
        try:
            statement = read_record(content)
        except (MalformedEnvelope, MalformedStatement):
            yield unreadable_row(seq, digest), ""
        else:
            yield row_of(statement, seq, digest), words_of(statement)


def _row(found: tuple[Any, ...]) -> RecordRow:
    named = dict(zip(_COLUMNS, found, strict=True))
    return RecordRow(**{**named, "broken_glass": bool(named["broken_glass"])})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
