"""Observations of a running database that decide whether it may be changed now.

Times are timezone-aware and UTC; ages and durations are in seconds, sizes in bytes.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from leitstand.core.recovery_types import TableName

__all__ = [
    "ArchiverState",
    "Block",
    "DatabaseHealth",
    "FenceState",
    "InvalidIndex",
    "LockHolder",
    "OpenTransaction",
    "PreparedTransaction",
    "ReplicationSlot",
    "Session",
    "VectorExtension",
]

_CONCURRENT = re.compile(r"_cc(new|old)\d*$")


@dataclass(frozen=True)
class Session:
    """A session of the server.

    Attributes:
        pid: Of its server process; 0 stands for a prepared transaction, which has none.
        application: What the client calls itself.
        role: Who logged in.
        query_started_at: When its last statement began, or None.
        age: Of that statement.
    """

    pid: int
    application: str
    role: str
    query_started_at: datetime | None
    age: float


@dataclass(frozen=True)
class OpenTransaction:
    """A transaction that is open for a while.

    Attributes:
        state: ``active``, ``idle in transaction`` and so on.
        started_at: When the transaction began.
        age: Of the transaction.
    """

    session: Session
    state: str
    started_at: datetime
    age: float


@dataclass(frozen=True)
class Block:
    """One session waits for a lock that another one holds or waits for before it.

    Attributes:
        mode: The lock that is wanted, for example ``AccessExclusiveLock``.
        relation: The table or index that is locked, or empty for another kind of lock.
    """

    waiting: Session
    blocker: Session
    mode: str
    relation: str


@dataclass(frozen=True)
class PreparedTransaction:
    """A transaction that was prepared for a two-phase commit and is not ended.

    Attributes:
        id: Its global identifier.
        role: Who prepared it.
        age: Since then.
    """

    id: str
    role: str
    prepared_at: datetime
    age: float


@dataclass(frozen=True)
class LockHolder:
    """The session that holds an advisory lock.

    Attributes:
        connected_at: When the session began, or None where that may not be seen.
    """

    pid: int
    application: str
    role: str
    connected_at: datetime | None


@dataclass(frozen=True)
class InvalidIndex:
    """An index that queries do not use, left by a build that failed or still runs.

    Attributes:
        building: Whether a session builds it just now.
    """

    name: str
    table: TableName
    method: str
    building: bool

    @property
    def left_by(self) -> str:
        """What REINDEX CONCURRENTLY left it: ``new`` (drop, try again), ``old`` (drop) or empty.

        Source: PostgreSQL documentation, REINDEX, "Rebuilding Indexes Concurrently".
        """
        found = _CONCURRENT.search(self.name)
        return found[1] if found else ""


@dataclass(frozen=True)
class ArchiverState:
    """How the archive of the write-ahead log keeps up.

    Attributes:
        enabled: Whether the server archives by itself.
        last_archived: Name of the segment that was archived last, or empty.
        failed_count: Failed tries since the statistics were reset.
        last_failed_at: None if it never failed.
        current: The segment that is written just now; empty on a replica.
    """

    enabled: bool
    last_archived: str
    last_archived_at: datetime | None
    failed_count: int
    last_failed_at: datetime | None
    current: str

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        if self.last_failed_at is None:
            return False
        return self.last_archived_at is None or self.last_failed_at > self.last_archived_at


@dataclass(frozen=True)
class ReplicationSlot:
    """A replication slot, and how much log it holds back (None where that is unknown)."""

    name: str
    kind: str
    active: bool
    status: str
    retained_bytes: int | None


@dataclass(frozen=True)
class VectorExtension:
    """pgvector: the version that is installed in the database and the one that could be."""

    installed: str
    available: str


@dataclass(frozen=True)
class DatabaseHealth:
    """The state of a database, none of which depends on the disk under it.

    Attributes:
        server_version: For example ``16.14``.
        size_bytes: Of this database alone.
        read_only: Whether new transactions cannot write unless they ask to.
        invalid_indexes: By name.
    """

    server_version: str
    size_bytes: int
    read_only: bool
    invalid_indexes: tuple[InvalidIndex, ...]
    archiver: ArchiverState
    slots: tuple[ReplicationSlot, ...]
    vector: VectorExtension


@dataclass(frozen=True)
class FenceState:
    """Who can still get at a database that is to be fenced.

    Attributes:
        admitted: Roles that may log in and connect.
        connected: Roles with open sessions.
        read_only: Whether new transactions cannot write unless they ask to.
    """

    database: str
    admitted: tuple[str, ...]
    connected: tuple[str, ...]
    read_only: bool

    @property
    def fenced(self) -> bool:
        """Whether none of the roles is in, and none can get in."""
        return not (self.admitted or self.connected)
