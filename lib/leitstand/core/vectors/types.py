"""What was observed of a vector store, as plain values.

Times are timezone-aware and UTC; sizes are in bytes, durations in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from leitstand.core.recovery_types import TableName

__all__ = [
    "Build",
    "Extension",
    "Maintained",
    "ServerSettings",
    "VectorColumn",
    "VectorIndex",
    "VectorInventory",
    "VectorTable",
]


@dataclass(frozen=True)
class VectorColumn:
    """A column that holds embeddings.

    Attributes:
        type: ``vector``, ``halfvec``, ``sparsevec`` or ``bit``.
        dimensions: As declared; 0 where the column takes any number.
    """

    name: str
    type: str
    dimensions: int


@dataclass(frozen=True)
class VectorTable:
    """A table with at least one column of embeddings.

    Attributes:
        oid: Of the table.
        columns: Its columns of embeddings.
        rows: Estimated by the statistics; -1 where they know nothing of the table yet.
        dead_rows: Rows that VACUUM has not removed yet, estimated.
        changed_rows: Rows changed since the last ANALYZE, estimated.
        bytes: Of the table with its TOAST, without indexes.
        vacuumed_at: Last VACUUM, by hand or automatic; None if never.
        analyzed_at: Last ANALYZE, by hand or automatic; None if never.
        row_security: Whether policies hold for those who do not own the table.
        row_security_forced: Whether they hold for its owner as well.
        tenant_column: Whether it has the column that names the tenant.
        maintainable: Whether the role that reads may rebuild and replace its indexes.
    """

    name: TableName
    oid: int
    columns: tuple[VectorColumn, ...]
    rows: int
    dead_rows: int
    changed_rows: int
    bytes: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    row_security: bool
    row_security_forced: bool
    tenant_column: bool
    maintainable: bool

    @property
    def known_rows(self) -> int:
        """Rows, 0 where the statistics know nothing yet."""
        return max(self.rows, 0)


@dataclass(frozen=True)
class VectorIndex:
    """An index over a column of embeddings, valid or not.

    Attributes:
        name: Without its schema, which is the table's.
        oid: Of the index; a rebuilt index has another one.
        method: ``ivfflat`` or ``hnsw``.
        column: Name of the column; empty for an index over an expression.
        operator_class: For example ``vector_cosine_ops``.
        options: Stated options, for example ``{"lists": 100}``.
        valid: Whether queries may use it.
        bytes: Its size.
        scans: How often queries have used it since the statistics were reset.
        definition: The statement that builds it, without CONCURRENTLY.
        building: Whether it is being built just now.
        leftover_of: The index that a broken REINDEX or exchange was for, or empty.
        predicate: Which rows it covers, as in WHERE; empty for all.
        attached: Whether it is part of a partitioned table's index, so that it can be rebuilt, but
            not be dropped alone.
    """

    name: str
    table: TableName
    oid: int
    method: str
    column: str
    operator_class: str
    options: Mapping[str, int]
    valid: bool
    bytes: int
    scans: int
    definition: str
    building: bool = False
    leftover_of: str = ""
    predicate: str = ""
    attached: bool = False

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.table.schema}.{self.name}"


@dataclass(frozen=True)
class Extension:
    """pgvector in this database and on this server.

    Attributes:
        installed: Version in the database, empty if there is none.
        available: Versions that the server could install, in any order.
    """

    installed: str
    available: tuple[str, ...]


@dataclass(frozen=True)
class ServerSettings:
    """What limits a build.

    Attributes:
        version: ``server_version_num``, for example 160014.
        maintenance_work_mem: Bytes.
        max_parallel_maintenance_workers: Per build.
        max_parallel_workers: On the whole server.
        max_worker_processes: On the whole server.
    """

    version: int
    maintenance_work_mem: int
    max_parallel_maintenance_workers: int
    max_parallel_workers: int
    max_worker_processes: int


@dataclass(frozen=True)
class Build:
    """A build of an index under way, of whomever.

    Attributes:
        index_oid: 0 while it is not known yet.
    """

    pid: int
    table_oid: int
    index_oid: int
    phase: str


@dataclass(frozen=True)
class Maintained:
    """What the ledger in the database knows of an index's last maintenance.

    Attributes:
        schema: Of the index.
        index: Its name.
        at: When it ended.
        seconds: How long the rebuild took.
        rows: Rows of the table then.
    """

    schema: str
    index: str
    at: datetime
    seconds: float
    rows: int


@dataclass(frozen=True)
class VectorInventory:
    """The vector store of one database.

    Attributes:
        taken_at: The database's own clock.
        database: Its name.
        role: Who has read it.
        schemas: Names of all schemas that count as a vector store, with or without tables.
        tables: By name.
        indexes: By table and name, leftovers included.
        builds: Builds under way.
        ledger: Last maintenance of each index that had one.
    """

    taken_at: datetime
    database: str
    role: str
    extension: Extension
    settings: ServerSettings
    schemas: tuple[str, ...]
    tables: tuple[VectorTable, ...]
    indexes: tuple[VectorIndex, ...]
    builds: tuple[Build, ...] = ()
    ledger: tuple[Maintained, ...] = field(default_factory=tuple)
