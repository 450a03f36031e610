"""Writes the CSV files of a rescue export, each with its digest."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leitstand.core.recovery_types import RescueFile, TableName
from leitstand.database.errors import DatabaseRefused, translated
from leitstand.database.merging import Difference
from leitstand.database.pairs import Pair, keyed_rows, surplus_rows
from leitstand.database.tables import Shape

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = ["RescueWriter"]

Kind = Literal["rows", "deleted", "columns"]
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_NAME_LENGTH = 120


class RescueWriter:
    """Writes files into an empty directory; one table's file is open at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[tuple[TableName, Kind], _File] = {}
        self._tables: dict[TableName, int] = {}

    def add_rows(
        self,
        connection: "Connection",
        pair: Pair,
        shape: Shape,
        kind: Kind,
        columns: tuple[str, ...],
        differences: Sequence[Difference],
    ) -> None:
        """Append columns of the rows that differ, read from the side that ``shape`` is of.

        Raises:
            DatabaseRefused: the side does not give exactly these rows.
            DatabaseUnreachable: it took too long.
        """
        if pair.key:
            query = keyed_rows(shape, pair.key, columns, differences)
        else:
            query = surplus_rows(pair, shape, columns, differences)
        expected = sum(difference.rows for difference in differences)
        file = self._file(shape.name, kind, columns)
        copied = file.copy(connection, query)
        if copied != expected:
            reason = f"{copied} statt {expected} Zeilen gelesen."
            raise DatabaseRefused(f"Tabelle {shape.name} retten", reason)

    def add_table(
        self, connection: "Connection", shape: Shape, kind: Kind, columns: tuple[str, ...]
    ) -> None:
        """Write columns of all rows, in the order of the primary key.

        Raises:
            DatabaseRefused: the table cannot be read.
            DatabaseUnreachable: it took too long.
        """
        from psycopg import sql

        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
        order = sql.SQL(", ").join(sql.Identifier(column) for column in shape.key)
        query = sql.SQL("SELECT {} FROM {}").format(names, shape.rows)
        if shape.key:
            query += sql.SQL(" ORDER BY ") + order
        self._file(shape.name, kind, columns).copy(connection, query)

    def write(self, name: str, content: bytes) -> None:
        """Write one more file durably."""
        file = _open(self._directory / name)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self) -> tuple[RescueFile, ...]:
        """Close all files durably, and return what they hold, by name."""
        return tuple(
            sorted((file.finish() for file in self._files.values()), key=lambda file: file.name)
        )

    def _file(self, table: TableName, kind: Kind, columns: tuple[str, ...]) -> "_File":
        file = self._files.get((table, kind))
        if file is None:
            number = self._tables.setdefault(table, len(self._tables) + 1)
            # The number keeps names apart that are equal once unsafe characters are replaced.
            safe = _UNSAFE.sub("_", str(table))[:_NAME_LENGTH]
            path = self._directory / f"{number:03}-{safe}.{kind}.csv"
            file = self._files[table, kind] = _File(path, table, kind, columns)
        return file


class _File:
    """A file that grows by one COPY after the other."""

    def __init__(self, path: Path, table: TableName, kind: Kind, columns: tuple[str, ...]) -> None:
        self._path = path
        self._table = table
        self._kind: Kind = kind
        self._columns = columns
        self._rows = 0
        self._digest = hashlib.sha256()
        os.close(_open(path))

    def copy(self, connection: "Connection", query: "sql.Composed") -> int:
        """Append the rows of a query; returns their number."""
        from psycopg import sql

        header = sql.SQL("false" if self._rows else "true")
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER {})").format(query, header)
        with (
            translated(f"Tabelle {self._table} retten"),
            self._path.open("ab") as stream,
            connection.cursor() as cursor,
        ):
            with cursor.copy(statement) as copy:
                for block in copy:
                    stream.write(block)
                    self._digest.update(block)
            copied = cursor.rowcount
            stream.flush()
            os.fsync(stream.fileno())
        self._rows += copied
        return copied

    def finish(self) -> RescueFile:
        """Return what the file holds."""
        return RescueFile(
            name=self._path.name,
            table=self._table,
            kind=self._kind,
            columns=self._columns,
            rows=self._rows,
            sha256=self._digest.hexdigest(),
        )


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
