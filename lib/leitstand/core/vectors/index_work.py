"""What is done to one index: rebuilt as it is, built as something else, or built at all."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore
from leitstand.core.vectors.builds import Builds, Built, column_of, estimated_rows
from leitstand.core.vectors.definitions import (
    TEMPORARY,
    Definition,
    complete,
    definition_of,
    final_name,
    search_settings,
    temporary_name,
)
from leitstand.core.vectors.estimates import Pace, measuring_seconds
from leitstand.core.vectors.maintenance_types import Request
from leitstand.core.vectors.types import VectorColumn, VectorIndex, VectorTable
from leitstand.core.vectors.work import Piece, Step, Urgency, act

__all__ = ["IndexWork"]

_DROP_SECONDS = 1.0
_RENAME_SECONDS = 1.0


@dataclass(frozen=True)
class IndexWork:
    """Makes pieces of work on indexes.

    Attributes:
        builds: Knows what each build takes.
        pace: How fast this server is.
        version: The version of pgvector that searches, and builds.
    """

    request: Request
    policy: RagStore
    builds: Builds
    pace: Pace
    version: str

    def rebuild(
        self, table: VectorTable, index: VectorIndex, urgency: Urgency, *, shrinks: bool
    ) -> Piece:
        """Return the piece that rebuilds an index as it is.

        One over an expression or part of the rows is always rebuilt beside the old one.

        Args:
            table: The index's table.
            index: The index.
            urgency: How urgent it is.
            shrinks: Whether it is known to be too large.

        Raises:
            TooLittleMemory: the build would fail.
        """
        column = column_of(index, table)
        definition = definition_of(index)
        built = self.builds.of(table, column, definition)
        size = built.bytes if shrinks or not index.valid else index.bytes
        seconds = self.pace.rebuild(index, estimated_rows(table), built.seconds)
        if self.request.way == "drop" and complete(index):
            actions: tuple[Action, ...] = (
                self._drop(index),
                self._build(index.table, index.name, definition, built, seconds),
            )
            kept = max(0, size - index.bytes)
            return self._piece(index, urgency, actions, built, kept + built.sort, kept)
        action = self._act(
            f"reindex {index.full_name}", "vector_reindex", seconds,
            schema=index.table.schema, table=index.table.name, index=index.name, oid=index.oid,
            memory=built.memory, workers=built.workers, lock_seconds=self._lock_seconds,
        )  # fmt: skip
        kept = max(0, size - index.bytes)
        return self._piece(index, urgency, (action,), built, size + built.sort, kept)

    def change(
        self,
        table: VectorTable,
        index: VectorIndex,
        wanted: Definition,
        urgency: Urgency,
        taken: AbstractSet[str],
    ) -> Piece:
        """Return the piece that makes an index another one, with its way back.

        Args:
            table: The index's table.
            index: The index as it is.
            wanted: What it becomes.
            urgency: How urgent it is.
            taken: Names of the schema that it must not get.

        Raises:
            TooLittleMemory: the build would fail.
        """
        column = column_of(index, table)
        built = self.builds.of(table, column, wanted)
        seconds = self.pace.new(built.seconds)
        name = final_name(index.name, wanted.method)
        if name != index.name and name in taken:
            name = index.name
        kept = max(0, built.bytes - index.bytes)
        back = self._way_back(table, index, name) if index.valid else ()
        if self.request.way == "drop":
            actions: tuple[Action, ...] = (
                self._drop(index),
                self._build(index.table, name, wanted, built, seconds),
            )
            peak = kept + built.sort
        else:
            new = _free(temporary_name(index.name), taken)
            gate = self._gate(index, wanted) if index.valid else None
            measuring = self._measuring_seconds(table, column) if index.valid else 0.0
            actions = (
                # The old index is measured before: beside the new one it may not be used any more.
                self._build(index.table, new, wanted, built, seconds + measuring / 2, gate=gate),
                self._exchange(index, new, name, wanted, gate, measuring / 2),
            )
            peak = built.bytes + built.sort
        return self._piece(index, urgency, actions, built, peak, kept, back)

    def create(
        self, table: VectorTable, column: VectorColumn, name: str, wanted: Definition
    ) -> Piece:
        """Return the piece that gives a column its first index.

        Raises:
            TooLittleMemory: the build would fail.
        """
        built = self.builds.of(table, column, wanted)
        action = self._build(table.name, name, wanted, built, self.pace.new(built.seconds))
        peak = built.bytes + built.sort
        return Piece(
            table.name, name, Urgency.POOR, (action,), size=built.bytes, peak_bytes=peak,
            kept_bytes=built.bytes, memory=built.memory,
        )  # fmt: skip

    def repair_seconds(self, table: VectorTable, index: VectorIndex) -> float:
        """Return how long one process would build an HNSW index; VACUUM repairs it so slowly."""
        return self.pace.new(self.builds.alone(table, index))

    def _piece(
        self,
        index: VectorIndex,
        urgency: Urgency,
        actions: tuple[Action, ...],
        built: Built,
        peak: int,
        kept: int,
        back: tuple[Action, ...] = (),
    ) -> Piece:
        size = max(index.bytes, built.bytes)
        return Piece(
            index.table, index.name, urgency, actions, back, size, peak, kept, built.memory
        )

    @property
    def _lock_seconds(self) -> float:
        return self.policy.maintenance.lock_seconds

    def _act(self, id: str, kind: str, seconds: float, **arguments: object) -> Action:
        return act(id, kind, self.request.target, Step.REST, seconds, **arguments)

    def _drop(self, index: VectorIndex) -> Action:
        return self._act(
            f"drop {index.full_name}", "vector_drop", _DROP_SECONDS,
            schema=index.table.schema, table=index.table.name, index=index.name, oid=index.oid,
        )  # fmt: skip

    def _build(
        self,
        table: TableName,
        name: str,
        definition: Definition,
        built: Built,
        seconds: float,
        **more: object,
    ) -> Action:
        return self._act(
            f"build {table.schema}.{name}", "vector_build", seconds,
            schema=table.schema, table=table.name, index=name, **definition.as_data(),
            memory=built.memory, workers=built.workers, lock_seconds=self._lock_seconds, **more,
        )  # fmt: skip

    def _exchange(
        self,
        index: VectorIndex,
        new: str,
        final: str,
        wanted: Definition,
        gate: Mapping[str, object] | None,
        seconds: float,
    ) -> Action:
        """Return the exchange; an old index that no query can use is not measured."""
        return self._act(
            f"exchange {index.full_name}", "vector_exchange", seconds + _RENAME_SECONDS,
            schema=index.table.schema, table=index.table.name, old=index.name, new=new,
            final=final, definition=wanted.as_data(), gate=gate,
        )  # fmt: skip

    def _gate(self, index: VectorIndex, wanted: Definition) -> dict[str, object]:
        """Return what the new index must reach to take the old one's place."""
        recall = self.policy.recall
        return {
            "k": recall.k,
            "sample": recall.sample,
            "minimum": recall.minimum,
            "latency_ratio": self.request.latency_ratio,
            "settings_old": search_settings(index.method, self.policy, self.version),
            "settings_new": search_settings(wanted.method, self.policy, self.version),
            "tenant": self.request.tenant,
        }

    def _measuring_seconds(self, table: VectorTable, column: VectorColumn) -> float:
        rows, dimensions = estimated_rows(table), column.dimensions
        return measuring_seconds(rows, dimensions, self.policy.recall.sample)

    def _way_back(self, table: VectorTable, index: VectorIndex, final: str) -> tuple[Action, ...]:
        """Return what makes the old index anew beside the new one, and puts it in its place."""
        old = definition_of(index)
        built = self.builds.of(table, column_of(index, table), old)
        new = temporary_name(index.name)
        seconds = self.pace.new(built.seconds)
        build = self._build(index.table, new, old, built, seconds, final=index.name)
        exchange = self._act(
            f"back-exchange {index.full_name}", "vector_exchange", _RENAME_SECONDS,
            schema=index.table.schema, table=index.table.name, old=final, new=new,
            final=index.name, definition=old.as_data(), gate=None,
        )  # fmt: skip
        return Action(f"back-{build.id}", build.kind, build.target, build.arguments), exchange


def _free(name: str, taken: AbstractSet[str]) -> str:
    """Return a name that no other index of this plan is built under; long ones are cut alike."""
    while name in taken:
        name = temporary_name("x" + name.removesuffix(TEMPORARY))
    return name
