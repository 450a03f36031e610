"""How long maintenance takes, and how many workers and how much memory it may have.

The figures without a ledger were measured with pgvector 0.8.5 on two cores: 100 000 clustered
vectors of 384 dimensions take HNSW 36.8 s and IVFFLAT with 100 lists 1.7 s, and with two workers
24 s and 1.4 s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2, sqrt
from statistics import median

from leitstand.core.vectors.sizes import (
    DEFAULT_LISTS,
    DEFAULT_M,
    expected_bytes,
    needed_memory,
    sort_bytes,
)
from leitstand.core.vectors.types import (
    Maintained,
    ServerSettings,
    VectorIndex,
    VectorInventory,
    VectorTable,
)

__all__ = [
    "Pace",
    "analyze_seconds",
    "expected_bytes",
    "expected_seconds",
    "measuring_seconds",
    "needed_memory",
    "pace",
    "parallel_workers",
    "sort_bytes",
    "vacuum_seconds",
]

_OVERHEAD = 0.3
"""Seconds of a concurrent build beside the build: three transactions and their waits."""
_ON_DISK = 5.0
"""So many times longer takes an HNSW row once the graph no longer fits the memory."""
_REPAIR = 20.0
"""So many times longer than a build takes VACUUM to repair a graph; it was stopped, unfinished."""
_EACH_WORKER = 0.25
"""Share of a worker's time that shortens a build; builds wait for memory and for each other."""
_BYTES_PER_SECOND = 100e6
_EXACT = 1.75e-9
"""Seconds that an exact search takes for each number of each row."""


@dataclass(frozen=True)
class Pace:
    """What the ledger says of how fast this server is.

    Attributes:
        last: The last maintenance by schema and name of the index.
        factor: So many times longer than expected did rebuilds take.
    """

    last: Mapping[tuple[str, str], Maintained]
    factor: float

    def rebuild(self, index: VectorIndex, rows: int, otherwise: float) -> float:
        """Return how long an index takes to rebuild as it is: from its own last time, if any.

        Args:
            rows: Rows that its table has now.
            otherwise: Seconds that are expected without a ledger.
        """
        entry = self.last.get((index.table.schema, index.name))
        if entry is None or entry.rows <= 0 or rows <= 0:
            return self.new(otherwise)
        return max(entry.seconds * rows / entry.rows, _OVERHEAD)

    def new(self, otherwise: float) -> float:
        """Return how long something takes that was never done here."""
        return otherwise * self.factor


def pace(inventory: VectorInventory) -> Pace:
    """Return what the ledger of an inventory says of its server's pace."""
    entries = {(entry.schema, entry.index): entry for entry in inventory.ledger}
    tables = {table.name: table for table in inventory.tables}
    workers = parallel_workers(inventory.settings, 1)
    ratios = []
    for index in inventory.indexes:
        entry = entries.get((index.table.schema, index.name))
        column = next((c for c in tables[index.table].columns if c.name == index.column), None)
        if entry is None or column is None or entry.seconds < 1:  # waits, rather than work
            continue
        model = expected_seconds(
            index.method, entry.rows, column.dimensions, column.type, index.options, workers=workers
        )
        ratios.append(entry.seconds / model)
    return Pace(entries, min(max(median(ratios), 0.1), 20.0) if ratios else 1.0)


def expected_seconds(
    method: str,
    rows: int,
    dimensions: int,
    type: str,
    options: Mapping[str, int],
    *,
    workers: int = 0,
    memory: int | None = None,
) -> float:
    """Return how long a concurrent build takes.

    Args:
        method: ``ivfflat`` or ``hnsw``.
        rows: Rows of the table.
        dimensions: Of the column.
        type: ``vector``, ``halfvec``, ``bit`` or ``sparsevec``.
        options: Stated options of the index.
        workers: Parallel workers beside the session itself.
        memory: ``maintenance_work_mem`` in bytes; None for enough.
    """
    rows = max(rows, 0)
    if type == "sparsevec":
        dimensions = min(dimensions, 1000)
    shared = 1 + _EACH_WORKER * workers
    if method == "hnsw":
        candidates = (options.get("ef_construction", 64) / 64) ** 0.8
        links = sqrt(options.get("m", DEFAULT_M) / 16)
        row = 2.2e-5 * (0.3 + 0.7 * dimensions / 384) * float(candidates) * links
        work = rows * log2(rows + 2) * row
        if memory is not None and rows:
            fits = min(1.0, memory / needed_memory(method, rows, dimensions, type, options))
            work *= fits + (1 - fits) * _ON_DISK
        return _OVERHEAD + work / shared
    lists = options.get("lists", DEFAULT_LISTS)
    samples = min(rows, max(10_000, 50 * lists))
    means = 2e-9 * samples * lists * dimensions
    return _OVERHEAD + means + rows * dimensions * (1.5e-8 + 1e-10 * lists) / shared


def vacuum_seconds(table: VectorTable, index_bytes: int, repairs: float) -> float:
    """Return how long VACUUM takes.

    Args:
        index_bytes: Size of the table's vector indexes.
        repairs: Seconds that HNSW indexes which still hold dead rows take to be built by one
            process: their graph is repaired on disk, row by row.
    """
    return 0.2 + (table.bytes + index_bytes) / _BYTES_PER_SECOND + repairs * _REPAIR


def analyze_seconds(table: VectorTable) -> float:
    """Return how long ANALYZE takes; it reads no more than 30 000 rows."""
    width = sum(4 * column.dimensions for column in table.columns)
    return 0.1 + min(table.known_rows, 30_000) * width / _BYTES_PER_SECOND


def measuring_seconds(rows: int, dimensions: int, queries: int) -> float:
    """Return how long two indexes of a table take to be held against exact search."""
    return 1.0 + 2 * queries * (0.01 + max(rows, 0) * dimensions * _EXACT)


def parallel_workers(settings: ServerSettings, jobs: int) -> int:
    """Return the workers of each of so many builds at the same time, so that all get them."""
    server = min(settings.max_parallel_workers, settings.max_worker_processes)
    return max(0, min(settings.max_parallel_maintenance_workers, server // max(jobs, 1)))
