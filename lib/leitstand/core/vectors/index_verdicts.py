"""What is wrong with one index of a vector store."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from leitstand.core.resources import RagStore
from leitstand.core.vectors.definitions import Definition, complete, wanted_definition
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.sizes import DEFAULT_LISTS, DEFAULT_M, expected_bytes, needed_memory
from leitstand.core.vectors.types import (
    Maintained,
    VectorColumn,
    VectorIndex,
    VectorInventory,
    VectorTable,
)

__all__ = ["PERIODS", "judge_index"]

PERIODS = {"weekly": timedelta(days=7), "monthly": timedelta(days=28)}
"""The shortest time between two runs of each rhythm; February has 28 days."""
_EARLY = timedelta(days=1)
"""So much earlier than last time may a run begin."""
_SMALL = 1 << 20
"""Bytes of an index below which its bloat does no harm."""
_FACTOR = 2
"""So many times too few or too many lists are too far off."""
_DEFAULT_CANDIDATES = 64


def judge_index(
    inventory: VectorInventory,
    table: VectorTable,
    index: VectorIndex,
    entry: Maintained | None,
    policy: RagStore,
) -> Iterator[Finding]:
    """Yield what is wrong with an index that is neither left over nor being built.

    Args:
        inventory: What it is part of.
        table: The index's table.
        index: The index.
        entry: What the ledger knows of it.
        policy: How it should be.
    """

    def found(code: FindingCode, severity: Severity, **evidence: Any) -> Finding:
        return Finding(code, index.table, index.name, severity, evidence)

    if not index.valid:
        yield found(FindingCode.INDEX_INVALID, Severity.BROKEN, bytes=index.bytes)
    rows = table.known_rows
    if not rows:
        return  # an index over nothing is as good as any
    yield from _due(inventory, index, entry, policy)
    column = next((column for column in table.columns if column.name == index.column), None)
    if column is None or not column.dimensions or not complete(index):
        return
    wanted = wanted_definition(
        column, index.operator_class, rows, policy, inventory.extension.installed
    )
    if wanted.method != index.method:
        kinds = {"method": index.method, "wanted": wanted.method}
        yield found(FindingCode.INDEX_KIND, Severity.NOTE, **kinds)
    elif index.method == "ivfflat":
        lists, right = index.options.get("lists", DEFAULT_LISTS), wanted.options["lists"]
        if max(lists, right) >= _FACTOR * min(lists, right):
            evidence = {"lists": lists, "wanted": right, "rows": rows}
            yield found(FindingCode.LISTS_OFF, Severity.POOR, **evidence)
    else:
        yield from _hnsw_options(index, wanted)
    arguments = (index.method, rows, column.dimensions, column.type, index.options)
    if column.type != "sparsevec" and index.valid:
        expected = expected_bytes(*arguments)
        if index.bytes > max(policy.maintenance.bloat * expected, _SMALL):
            yield found(
                FindingCode.INDEX_BLOATED,
                Severity.POOR,
                bytes=index.bytes,
                expected=expected,
                factor=round(index.bytes / expected, 2),
                limit=policy.maintenance.bloat,
            )
    yield from _memory(inventory, index, column, arguments)


def _due(
    inventory: VectorInventory, index: VectorIndex, entry: Maintained | None, policy: RagStore
) -> Iterator[Finding]:
    every = policy.maintenance.every
    code = FindingCode.MAINTENANCE_DUE
    if entry is None:
        known: Mapping[str, Any] = {"every": every, "last": None, "days": None}
        yield Finding(code, index.table, index.name, Severity.NOTE, known)
        return
    age = inventory.taken_at - entry.at
    if age > PERIODS[every] - _EARLY:
        known = {"every": every, "last": entry.at.isoformat(), "days": age.days}
        yield Finding(code, index.table, index.name, Severity.NOTE, known)


def _hnsw_options(index: VectorIndex, wanted: Definition) -> Iterator[Finding]:
    """Judge the options of an HNSW index: smaller ones cost recall, larger ones only time."""
    options = {
        "m": index.options.get("m", DEFAULT_M),
        "ef_construction": index.options.get("ef_construction", _DEFAULT_CANDIDATES),
    }
    if options == wanted.options:
        return
    less = any(options[name] < value for name, value in wanted.options.items())
    evidence = {**options, "wanted": dict(wanted.options)}
    severity = Severity.POOR if less else Severity.NOTE
    yield Finding(FindingCode.HNSW_OPTIONS_OFF, index.table, index.name, severity, evidence)


def _memory(
    inventory: VectorInventory,
    index: VectorIndex,
    column: VectorColumn,
    arguments: tuple[str, int, int, str, Mapping[str, int]],
) -> Iterator[Finding]:
    """Judge what the server gives to a build; a maintenance asks for more by itself."""
    needed, given = needed_memory(*arguments), inventory.settings.maintenance_work_mem
    if given < needed:
        evidence = {
            "needed": needed,
            "given": given,
            "method": index.method,
            "fails": index.method == "ivfflat",
            "column": column.name,
        }
        code = FindingCode.MEMORY_SHORT
        yield Finding(code, index.table, index.name, Severity.NOTE, evidence)
