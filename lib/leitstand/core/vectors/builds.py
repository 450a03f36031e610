"""What a build of an index takes with the memory and the workers that it may have."""

from dataclasses import dataclass

from leitstand.core.resources import RagStore
from leitstand.core.vectors.definitions import Definition
from leitstand.core.vectors.estimates import (
    expected_bytes,
    expected_seconds,
    needed_memory,
    parallel_workers,
    sort_bytes,
)
from leitstand.core.vectors.maintenance_types import Request
from leitstand.core.vectors.types import ServerSettings, VectorColumn, VectorIndex, VectorTable
from leitstand.core.vectors.versions import known_defects

__all__ = ["Builds", "Built", "TooLittleMemory", "column_of", "estimated_rows"]

_MEBIBYTE = 1 << 20
_MODEST = 512 * _MEBIBYTE
"""Memory for a build that would only be slow with less, where nobody said what there is."""
_MOST_DIMENSIONS = 2000
"""Of a vector in an index; for an expression, of which nothing is known."""


class TooLittleMemory(Exception):
    """A build would fail with the memory that it may use."""


def estimated_rows(table: VectorTable) -> int:
    """Return the rows of a table; by its size where it was never analyzed."""
    if table.rows >= 0:
        return table.rows
    width = 32 + sum(4 * (column.dimensions or _MOST_DIMENSIONS) for column in table.columns)
    return table.bytes // width


def column_of(index: VectorIndex, table: VectorTable) -> VectorColumn:
    """Return the column that an index is over, be it as part of an expression."""
    for column in table.columns:
        if index.column == column.name:
            return column
    for column in table.columns:
        if column.name in index.definition:
            return column
    return table.columns[0]


@dataclass(frozen=True)
class Built:
    """What a build takes.

    Attributes:
        bytes: Size of the index.
        sort: Temporary disk beside it.
        seconds: How long it takes on a server of which nothing is known.
        memory: Its ``maintenance_work_mem`` in bytes.
        workers: Its parallel workers.
    """

    bytes: int
    sort: int
    seconds: float
    memory: int
    workers: int


@dataclass(frozen=True)
class Builds:
    """Says what builds take.

    Attributes:
        version: The version of pgvector that builds.
    """

    request: Request
    policy: RagStore
    settings: ServerSettings
    version: str

    def of(self, table: VectorTable, column: VectorColumn, definition: Definition) -> Built:
        """Return what the build of an index takes.

        Raises:
            TooLittleMemory: it would fail.
        """
        method, options = definition.method, definition.options
        rows, dimensions = estimated_rows(table), column.dimensions or _MOST_DIMENSIONS
        memory = self._memory(method, needed_memory(method, rows, dimensions, column.type, options))
        workers = self._workers(method)
        seconds = expected_seconds(
            method, rows, dimensions, column.type, options, workers=workers, memory=memory
        )
        return Built(
            expected_bytes(method, rows, dimensions, column.type, options),
            sort_bytes(method, rows, dimensions, column.type, memory),
            seconds,
            memory,
            workers,
        )

    def alone(self, table: VectorTable, index: VectorIndex) -> float:
        """Return how long a single process with enough memory rebuilds an index."""
        column = column_of(index, table)
        dimensions = column.dimensions or _MOST_DIMENSIONS
        rows = estimated_rows(table)
        return expected_seconds(index.method, rows, dimensions, column.type, index.options)

    def vacuum_memory(self, table: VectorTable) -> int:
        """Return the memory for VACUUM: six bytes for each dead row, no more than it can use."""
        wanted = max(self.settings.maintenance_work_mem, 6 * table.dead_rows + _MEBIBYTE)
        limit = self._limit(1 << 30)
        return max(min(wanted, limit) // 1024 * 1024, _MEBIBYTE)

    def _memory(self, method: str, needed: int) -> int:
        """Return the memory of one build, in whole kilobytes as PostgreSQL counts it."""
        given = self.settings.maintenance_work_mem
        otherwise = max(given, _MODEST if method == "hnsw" else needed + 1024)
        limit = self._limit(otherwise) // 1024 * 1024
        if method == "ivfflat":
            if needed > limit:
                raise TooLittleMemory
            wanted = max(needed, given)  # whatever it is given speeds up its sort
        else:
            wanted = needed + needed // 10  # it takes all that it is given; rows are an estimate
        return max(min(-(-wanted // 1024) * 1024, limit), _MEBIBYTE)

    def _limit(self, otherwise: int) -> int:
        if self.request.memory_bytes is None:
            return otherwise
        return self.request.memory_bytes // self.policy.maintenance.jobs

    def _workers(self, method: str) -> int:
        """Return the workers of a build, none where this version is not safe with any."""
        unsafe = any(d.parallel and d.method == method for d in known_defects(self.version))
        return 0 if unsafe else parallel_workers(self.settings, self.policy.maintenance.jobs)
