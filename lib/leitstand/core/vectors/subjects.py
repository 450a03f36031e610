"""Tables of a vector store, each with its indexes and what was found about it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.findings import Finding, FindingCode
from leitstand.core.vectors.leftovers import is_only_copy
from leitstand.core.vectors.maintenance_types import Reason, Request
from leitstand.core.vectors.shards import holds
from leitstand.core.vectors.types import VectorIndex, VectorInventory, VectorTable

__all__ = ["Subject", "excluded", "subjects"]


@dataclass(frozen=True)
class Subject:
    """A table with its indexes and what was found about it.

    Attributes:
        damaged: Kinds of index that may be damaged by a defect which this run takes away.
        classes: Operator classes of columns of the same name in tables of the same name.
    """

    table: VectorTable
    indexes: Sequence[VectorIndex]
    findings: Sequence[Finding]
    damaged: frozenset[str] = frozenset()
    classes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def name(self) -> TableName:
        """Name of the table."""
        return self.table.name

    def has(self, code: FindingCode) -> bool:
        """Return whether something was found about the table."""
        return any(finding.code is code for finding in self.findings)

    def codes(self, index: str) -> set[FindingCode]:
        """Return what was found about an index."""
        return {finding.code for finding in self.findings if finding.index == index}

    @property
    def leftovers(self) -> list[VectorIndex]:
        """Indexes that were left over."""
        found = {f.index for f in self.findings if f.code is FindingCode.LEFTOVER}
        return [index for index in self.indexes if index.name in found]

    @property
    def lasting(self) -> list[VectorIndex]:
        """Indexes that are to stay: not left over, and not about to be replaced by such a one."""
        gone = {index.name for index in self.leftovers}
        gone |= {i.leftover_of for i in self.leftovers if is_only_copy(i, self.indexes)}
        return [index for index in self.indexes if index.name not in gone]


def subjects(
    inventory: VectorInventory, findings: Sequence[Finding], damaged: frozenset[str]
) -> Iterator[Subject]:
    """Yield all tables with what belongs to them, by name.

    Args:
        inventory: What was observed.
        findings: What was found.
        damaged: Kinds of index that may be damaged.
    """
    indexes: dict[TableName, list[VectorIndex]] = defaultdict(list)
    classes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for index in sorted(inventory.indexes, key=lambda index: (index.table, index.name)):
        indexes[index.table].append(index)
        classes[index.table.name, index.column][index.operator_class] += 1
    usual = {key: max(sorted(found), key=found.__getitem__) for key, found in classes.items()}
    about: dict[TableName | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        about[finding.table].append(finding)
    for table in sorted(inventory.tables, key=lambda table: table.name):
        name = table.name
        yield Subject(table, indexes.get(name, ()), about.get(name, ()), damaged, usual)


def excluded(subject: Subject, request: Request) -> Reason | None:
    """Return why nothing is done to a table; None if something may be."""
    if not holds(request.part, subject.name):
        return Reason.PART
    patterns = request.only
    if patterns and not any(_matches(pattern, str(subject.name)) for pattern in patterns):
        return Reason.ONLY
    if subject.has(FindingCode.BUILD_UNDER_WAY):
        return Reason.BUILDING
    return None if subject.table.maintainable else Reason.RIGHTS


def _matches(pattern: str, name: str) -> bool:
    """Return whether a name is what a pattern says; only ``*`` has a meaning of its own."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
