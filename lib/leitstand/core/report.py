"""What an inspection of an environment comes to."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from leitstand.core.deviations import Contrast, Departure
from leitstand.core.hardening.rule import Finding

__all__ = ["Report", "ReportVerdict"]


class ReportVerdict(StrEnum):
    """What a report comes to; notes do not count."""

    CLEAN = "clean"
    AGREED_ONLY = "agreed only"
    DEVIATING = "deviating"


@dataclass(frozen=True)
class Report:
    """Everything that is not as the file or the production page says.

    Attributes:
        environment: Name of the environment.
        project: Its project.
        departures: Where the world differs from the file.
        findings: Where the world breaks a hardening rule.
        contrasts: Where the file differs from production's.
    """

    environment: str
    project: str
    departures: tuple[Departure, ...] = ()
    findings: tuple[Finding, ...] = ()
    contrasts: tuple[Contrast, ...] = ()

    @property
    def verdict(self) -> ReportVerdict:
        """Clean, deviating only as agreed, or deviating."""
        if self.open(("error", "warning")):
            return ReportVerdict.DEVIATING
        if self.counts["agreed"]:
            return ReportVerdict.AGREED_ONLY
        return ReportVerdict.CLEAN

    @property
    def counts(self) -> Mapping[str, int]:
        """How many places: ``error``, ``warning`` and ``note`` that are open, and ``agreed``."""
        counted = Counter(
            "agreed" if agreed else severity for severity, agreed, _ in self._places()
        )
        return {name: counted[name] for name in ("error", "warning", "note", "agreed")}

    def open(self, severities: Collection[str]) -> tuple[str, ...]:
        """Return what weighs that much and was not agreed upon: rules first, then fields."""
        return tuple(
            place
            for severity, agreed, place in self._places()
            if severity in severities and not agreed
        )

    def _places(self) -> Iterator[tuple[str, str, str]]:
        for found in self.findings:
            yield found.severity, found.agreed, f"{found.rule} ({found.key})"
        for entry in self.departures:
            yield entry.severity, entry.agreed, f"{entry.key} {entry.path}".strip()
        for contrast in self.contrasts:
            yield "warning", contrast.agreed, contrast.path
