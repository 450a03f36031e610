"""What can be wrong with a vector store, as codes with evidence; views word them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leitstand.core.recovery_types import TableName

__all__ = ["Finding", "FindingCode", "Severity"]


class Severity(StrEnum):
    """How much a finding matters.

    Attributes:
        BROKEN: Searches fail, are wrong, or show what they must not.
        POOR: Searches or their maintenance are worse than they should be.
        NOTE: Worth knowing; nothing has to be done.
    """

    BROKEN = "broken"
    POOR = "poor"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class FindingCode(StrEnum):
    """Each thing that can be found."""

    EXTENSION_MISSING = "extension_missing"
    EXTENSION_TOO_OLD = "extension_too_old"
    EXTENSION_DEFECT = "extension_defect"
    EXTENSION_OUTDATED = "extension_outdated"
    INDEX_INVALID = "index_invalid"
    LEFTOVER = "leftover"
    INDEX_MISSING = "index_missing"
    INDEX_KIND = "index_kind"
    LISTS_OFF = "lists_off"
    HNSW_OPTIONS_OFF = "hnsw_options_off"
    INDEX_BLOATED = "index_bloated"
    DEAD_ROWS = "dead_rows"
    STATISTICS_OLD = "statistics_old"
    MAINTENANCE_DUE = "maintenance_due"
    TOO_MANY_DIMENSIONS = "too_many_dimensions"
    NO_DIMENSIONS = "no_dimensions"
    NO_ROWS = "no_rows"
    NOT_MAINTAINABLE = "not_maintainable"
    ROW_SECURITY_OFF = "row_security_off"
    ROW_SECURITY_NOT_FORCED = "row_security_not_forced"
    MEMORY_SHORT = "memory_short"
    BUILD_UNDER_WAY = "build_under_way"
    RECALL_LOW = "recall_low"
    RESULTS_SHORT = "results_short"
    NOT_SEARCHABLE = "not_searchable"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        table: The table that it is about; None for the extension.
        index: Name of the index that it is about, or empty.
        evidence: What it was concluded from, as JSON values; its keys depend on the code.
    """

    code: FindingCode
    table: TableName | None
    index: str
    severity: Severity
    evidence: Mapping[str, Any] = field(default_factory=dict)
