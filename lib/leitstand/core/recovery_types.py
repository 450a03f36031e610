"""What a database was observed to hold, and what a recovery of it would lose, as plain values.

Times are timezone-aware and UTC; ages and durations are in seconds, sizes in bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = [
    "AppliedMigration",
    "Index",
    "Inventory",
    "LossReport",
    "Policy",
    "RescueExport",
    "RescueFile",
    "RestorePoint",
    "Role",
    "Table",
    "TableLoss",
    "TableName",
]


@dataclass(frozen=True, order=True)
class TableName:
    """A table by schema and name, as they are written in the catalogue."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class RestorePoint:
    """A moment that a point-in-time recovery can aim at.

    Attributes:
        at: The database's own clock.
        lsn: Position in the write-ahead log at that moment, for example ``0/3000148``.
    """

    at: datetime
    lsn: str


@dataclass(frozen=True)
class AppliedMigration:
    """A migration that Django has recorded as applied."""

    app: str
    name: str
    applied_at: datetime


@dataclass(frozen=True)
class Policy:
    """A policy of row-level security.

    Attributes:
        command: ``ALL``, ``SELECT``, ``INSERT``, ``UPDATE`` or ``DELETE``.
        permissive: Whether it admits rows; a restrictive one only takes some away.
        roles: For whom it holds; ``public`` is everyone.
        using: Expression for rows that are read, or empty.
        check: Expression for rows that are written, or empty.
    """

    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str
    check: str


@dataclass(frozen=True)
class Table:
    """A table and its content, counted.

    Attributes:
        rows: Exact number of rows.
        primary_key: Names of its columns in their order; empty without one.
        newest_created: Newest ``created_at``; None without that column or without rows.
        newest_updated: The same for ``updated_at``.
        row_security: Whether policies hold for those who do not own the table.
        row_security_forced: Whether they hold for its owner as well.
        policies: By name.
    """

    name: TableName
    rows: int
    primary_key: tuple[str, ...]
    newest_created: datetime | None
    newest_updated: datetime | None
    row_security: bool
    row_security_forced: bool
    policies: tuple[Policy, ...]


@dataclass(frozen=True)
class Index:
    """An index.

    Attributes:
        name: Of the index, in its table's schema.
        valid: Whether queries may use it.
        method: Access method, for example ``btree`` or ``hnsw``.
        definition: The statement that would build it.
    """

    name: str
    table: TableName
    valid: bool
    method: str
    definition: str


@dataclass(frozen=True)
class Role:
    """A role of the cluster, without PostgreSQL's own ones.

    Attributes:
        login: Whether it may log in.
        bypasses_row_security: Whether no policy holds for it.
        member_of: Roles that it is directly a member of, by name.
    """

    name: str
    login: bool
    bypasses_row_security: bool
    member_of: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """What a database holds, in one consistent snapshot.

    Attributes:
        taken_at: The database's clock when it was taken.
        tables: User tables by name, a partitioned one as a whole.
        indexes: Of these tables and of their partitions, by table and name.
        extensions: Version by name.
        roles: By name.
        migrations: The one applied last, for each app.
    """

    taken_at: datetime
    tables: tuple[Table, ...]
    indexes: tuple[Index, ...]
    extensions: tuple[tuple[str, str], ...]
    roles: tuple[Role, ...]
    migrations: tuple[AppliedMigration, ...]


@dataclass(frozen=True)
class TableLoss:
    """How a table differs now from its state at the target time.

    Rows are compared by the columns that both sides have.

    Attributes:
        inserted: Rows that would be gone after a recovery.
        changed: Rows that would have their former content; 0 for a table without a primary key,
            where a change shows as one deleted and one inserted row.
        deleted: Rows that would be back.
        keyed: Whether rows were told apart by primary key.
        new_columns: Columns that only the present has; their content is not compared.
        dropped_columns: Columns that only the state at the target time has.
    """

    table: TableName
    inserted: int
    changed: int
    deleted: int
    keyed: bool = True
    new_columns: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """All rows that differ."""
        return self.inserted + self.changed + self.deleted


@dataclass(frozen=True)
class LossReport:
    """What a recovery to the target time would take back.

    Attributes:
        taken_at: The source's clock: what was written later is not in the report.
        tables: Every table that both sides have, by name, also those without a difference.
        new_tables: Tables that only the present has, with their number of rows.
        dropped_tables: Tables that only the state at the target time has, with theirs.
    """

    taken_at: datetime
    tables: tuple[TableLoss, ...]
    new_tables: tuple[tuple[TableName, int], ...] = ()
    dropped_tables: tuple[tuple[TableName, int], ...] = ()

    @property
    def differing(self) -> tuple[TableLoss, ...]:
        """The tables whose rows differ."""
        return tuple(loss for loss in self.tables if loss.rows)

    @property
    def lossless(self) -> bool:
        """Whether a recovery would lose nothing at all."""
        columns = any(loss.new_columns for loss in self.tables)
        return not (self.differing or columns or self.new_tables or self.dropped_tables)


@dataclass(frozen=True)
class RescueFile:
    """A file of a rescue export: CSV in UTF-8 with a header.

    Attributes:
        name: Inside the export's directory.
        kind: ``rows``: inserted or changed, with all columns that can be written back.
            ``deleted``: primary keys, or whole rows where there is no primary key.
            ``columns``: the primary key and the new columns of every row.
        columns: In their order in the file.
        rows: Without the header.
        sha256: Of its bytes, in hexadecimal.
    """

    name: str
    table: TableName
    kind: Literal["rows", "deleted", "columns"]
    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True)
class RescueExport:
    """A finished rescue export.

    Attributes:
        directory: Where it lies.
        report: The differences that it holds.
        files: By name.
    """

    directory: str
    report: LossReport
    files: tuple[RescueFile, ...]
