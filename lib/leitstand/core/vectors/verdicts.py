"""What is wrong with a vector store, by its policy."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore, Tenancy
from leitstand.core.vectors.definitions import advised_type, dimension_limit, wanted_lists
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.index_verdicts import judge_index
from leitstand.core.vectors.leftovers import is_leftover, is_only_copy
from leitstand.core.vectors.types import VectorColumn, VectorIndex, VectorInventory, VectorTable
from leitstand.core.vectors.versions import best, known_defects, newer

__all__ = ["Finding", "FindingCode", "Severity", "is_empty", "judge", "wanted_lists"]

_FEW_DEAD = 50
"""Dead rows that autovacuum leaves as well: autovacuum_vacuum_threshold."""
_CHANGED = 0.1
"""Share of changed rows from which on statistics are old: autovacuum_analyze_scale_factor."""


def judge(inventory: VectorInventory, policy: RagStore, tenancy: Tenancy) -> tuple[Finding, ...]:
    """Return all that is found, the worst first, then by table and index.

    Tables of which the statistics know nothing are judged by what does not depend on their rows.
    """
    by_table: dict[TableName, list[VectorIndex]] = defaultdict(list)
    for index in inventory.indexes:
        by_table[index.table].append(index)
    findings = list(_extension(inventory, policy))
    ledger = {(entry.schema, entry.index): entry for entry in inventory.ledger}
    builds = {build.table_oid: build for build in inventory.builds}
    for table in inventory.tables:
        indexes = by_table.get(table.name, [])
        building = builds.get(table.oid)
        if building or any(index.building for index in indexes):
            evidence = {"pid": building.pid, "phase": building.phase} if building else {}
            code = FindingCode.BUILD_UNDER_WAY
            findings.append(Finding(code, table.name, "", Severity.NOTE, evidence))
        findings += _table(table, policy, tenancy)
        for column in table.columns:
            findings += _column(table, column, indexes, policy)
        for index in indexes:
            if index.building:
                continue
            if is_leftover(index, indexes) or is_only_copy(index, indexes):
                findings.append(_leftover(index, indexes))
                continue
            entry = ledger.get((index.table.schema, index.name))
            findings += judge_index(inventory, table, index, entry, policy)
    return tuple(sorted(findings, key=_order))


def is_empty(table: VectorTable) -> bool:
    """Return whether a table has no rows for sure."""
    return table.rows == 0 or (table.rows < 0 and table.bytes == 0)


def _extension(inventory: VectorInventory, policy: RagStore) -> Iterator[Finding]:
    installed = inventory.extension.installed
    available = best(inventory.extension)
    known = {"installed": installed, "available": available}
    if not installed:
        yield Finding(FindingCode.EXTENSION_MISSING, None, "", Severity.BROKEN, known)
        return
    if newer(policy.minimum_version, installed):
        limit = {**known, "minimum": policy.minimum_version}
        yield Finding(FindingCode.EXTENSION_TOO_OLD, None, "", Severity.BROKEN, limit)
    if newer(available, installed):
        yield Finding(FindingCode.EXTENSION_OUTDATED, None, "", Severity.NOTE, known)
    methods = {index.method for index in inventory.indexes}
    for defect in known_defects(installed):
        concerns = not defect.method or defect.method in methods
        evidence: dict[str, Any] = {
            **known,
            "id": defect.id,
            "text": defect.text,
            "fixed_in": defect.fixed_in,
            "method": defect.method,
            "concerns": concerns,
            "curable": not newer(defect.fixed_in, available),
            "source": defect.source,
        }
        severity = Severity.POOR if concerns else Severity.NOTE
        yield Finding(FindingCode.EXTENSION_DEFECT, None, "", severity, evidence)


def _table(table: VectorTable, policy: RagStore, tenancy: Tenancy) -> Iterator[Finding]:
    name = table.name
    if not table.maintainable:
        yield Finding(FindingCode.NOT_MAINTAINABLE, name, "", Severity.POOR)
    if is_empty(table):
        yield Finding(FindingCode.NO_ROWS, name, "", Severity.NOTE)
    elif table.analyzed_at is None or table.rows < 0:
        yield Finding(FindingCode.STATISTICS_OLD, name, "", Severity.POOR, {"never": True})
    elif table.changed_rows > _CHANGED * table.rows:
        evidence = {
            "never": False,
            "changed_rows": table.changed_rows,
            "rows": table.rows,
            "analyzed_at": table.analyzed_at.isoformat(),
        }
        yield Finding(FindingCode.STATISTICS_OLD, name, "", Severity.POOR, evidence)
    total = table.known_rows + table.dead_rows
    limit = policy.maintenance.dead_share
    if table.dead_rows > _FEW_DEAD and table.dead_rows >= limit * total:
        evidence = {
            "dead_rows": table.dead_rows,
            "rows": table.known_rows,
            "share": round(table.dead_rows / total, 4),
            "limit": limit,
        }
        yield Finding(FindingCode.DEAD_ROWS, name, "", Severity.POOR, evidence)
    if tenancy.model == "row_level_security" and table.tenant_column:
        known = {"column": tenancy.column}
        if not table.row_security:
            yield Finding(FindingCode.ROW_SECURITY_OFF, name, "", Severity.BROKEN, known)
        elif not table.row_security_forced:
            yield Finding(FindingCode.ROW_SECURITY_NOT_FORCED, name, "", Severity.POOR, known)


def _column(
    table: VectorTable, column: VectorColumn, indexes: list[VectorIndex], policy: RagStore
) -> Iterator[Finding]:
    """Judge a column without an index; one that is broken or under way is found by itself."""
    if any(_covers(index, column) and not is_leftover(index, indexes) for index in indexes):
        return
    many = table.known_rows >= policy.index_from_rows and not is_empty(table)
    severity = Severity.POOR if many else Severity.NOTE
    limit = dimension_limit(column.type)
    known = {"column": column.name, "type": column.type, "rows": table.known_rows}
    if not column.dimensions:
        yield Finding(FindingCode.NO_DIMENSIONS, table.name, "", severity, known)
    elif limit is not None and column.dimensions > limit:
        advice = advised_type(column.dimensions) if column.type == "vector" else ""
        evidence = {**known, "dimensions": column.dimensions, "limit": limit, "advice": advice}
        yield Finding(FindingCode.TOO_MANY_DIMENSIONS, table.name, "", severity, evidence)
    elif many:
        evidence = {**known, "dimensions": column.dimensions, "from_rows": policy.index_from_rows}
        yield Finding(FindingCode.INDEX_MISSING, table.name, "", severity, evidence)


def _covers(index: VectorIndex, column: VectorColumn) -> bool:
    """Return whether an index is over a column, be it as part of an expression."""
    if index.column:
        return index.column == column.name
    return column.name in index.definition


def _leftover(index: VectorIndex, indexes: list[VectorIndex]) -> Finding:
    evidence = {
        "of": index.leftover_of,
        "valid": index.valid,
        "bytes": index.bytes,
        "only_copy": is_only_copy(index, indexes),
    }
    return Finding(FindingCode.LEFTOVER, index.table, index.name, Severity.POOR, evidence)


def _order(finding: Finding) -> tuple[int, str, str, str, str, str]:
    table = finding.table or TableName("", "")
    column = str(finding.evidence.get("column", finding.evidence.get("id", "")))
    return (
        finding.severity.rank, table.schema, table.name, finding.index, finding.code, column,
    )  # fmt: skip
