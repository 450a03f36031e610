"""How searches do on each table, and what that says about its index."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.recall import Measurement

__all__ = ["Searched", "judge_searches"]


@dataclass(frozen=True)
class Searched:
    """Searches on one table, as the application does them.

    Attributes:
        column: The column that was searched.
        tenant: For whom, empty without tenants.
        measurement: What came of them; None where they could not be done.
        problem: Why they could not be done, as a German sentence, or empty.
        bytes: Of the index that was used.
        cures: What helps where they found too little, as German sentences, the best first.
    """

    table: TableName
    column: str
    tenant: str
    measurement: Measurement | None
    problem: str = ""
    bytes: int = 0
    cures: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[TableName, str, str]:
        """What makes it comparable with an earlier one."""
        return (self.table, self.column, self.tenant)


def judge_searches(searched: Iterable[Searched], policy: RagStore) -> tuple[Finding, ...]:
    """Return what is wrong with these searches: too little found, too few rows, or none done."""
    return tuple(finding for one in searched for finding in _findings(one, policy))


def _findings(one: Searched, policy: RagStore) -> Iterator[Finding]:
    found = one.measurement
    evidence: Mapping[str, Any] = {"tenant": one.tenant}
    if found is None:
        yield Finding(
            FindingCode.NOT_SEARCHABLE,
            one.table,
            "",
            Severity.BROKEN,
            {**evidence, "problem": one.problem},
        )
        return
    if found.short or found.empty:
        yield Finding(
            FindingCode.RESULTS_SHORT,
            one.table,
            found.index,
            Severity.BROKEN,
            {**evidence, "short": found.short, "empty": found.empty, "queries": found.queries},
        )
    # Only what the whole interval says is certain enough to rebuild an index for.
    if found.queries and found.recall_high < policy.recall.minimum:
        yield Finding(
            FindingCode.RECALL_LOW,
            one.table,
            found.index,
            Severity.POOR,
            {**evidence, "recall": found.recall, "minimum": policy.recall.minimum},
        )
