"""What database, disk, vector store, tenants and Redis told, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leitstand.core.database_state import Block, DatabaseHealth, OpenTransaction

__all__ = [
    "DatabaseSignal",
    "IsolationSignal",
    "RedisSignal",
    "StorageSignal",
    "VectorSignal",
]


@dataclass(frozen=True)
class DatabaseSignal:
    """The database as its sessions see it.

    Attributes:
        connections: Client sessions now.
        max_connections: As many as the server allows.
        blocks: Who waits for whom, the longest wait first.
        long_transactions: Open for longer than the limit, oldest first.
        health: Archiver, slots, invalid indexes, read-only.
        schema_version: As the application's migrations name it; None unknown.
        replicas_lag_seconds: By name of the replica.
    """

    connections: int
    max_connections: int
    blocks: tuple[Block, ...]
    long_transactions: tuple[OpenTransaction, ...]
    health: DatabaseHealth
    schema_version: int | None = None
    replicas_lag_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StorageSignal:
    """The disk of the Cloud SQL instance.

    Attributes:
        used_bytes: By Cloud Monitoring, or the size of all databases and WAL.
        size_bytes: As provisioned.
        grows: Whether Cloud SQL enlarges it by itself.
        grows_until_bytes: As far as that; 0 is no limit.
    """

    used_bytes: int
    size_bytes: int
    grows: bool
    grows_until_bytes: int = 0


@dataclass(frozen=True)
class VectorSignal:
    """Indexes of the vector store that do not serve.

    Attributes:
        invalid: Schema and name of each invalid index that nobody builds just now.
        tables_without: Schema and table of each that should have a valid index and has none.
    """

    invalid: tuple[str, ...]
    tables_without: tuple[str, ...] = ()


@dataclass(frozen=True)
class IsolationSignal:
    """Tables whose tenants are not kept apart.

    Attributes:
        open_tables: Schema and table with the reason, a German sentence.
    """

    open_tables: Mapping[str, str]


@dataclass(frozen=True)
class RedisSignal:
    """Memorystore as the server tells it; ``max_bytes`` 0 is no limit."""

    used_bytes: int
    max_bytes: int
    evicted_keys: int
    clients: int
    policy: str
    writes_refused: bool = False
