"""A rule of the production page as a value, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from leitstand.core.deviations import Agreement
    from leitstand.core.hardening.estate import Estate

__all__ = ["Finding", "Look", "Rule", "Severity", "rule"]

Severity = Literal["error", "warning", "note"]

_UNOBSERVED: dict[Severity, Severity] = {"error": "warning", "warning": "note", "note": "note"}
"""What nobody could look at weighs one level less than what was seen to be wrong."""


@dataclass(frozen=True)
class Finding:
    """One place at which a rule does not hold.

    Attributes:
        key: Key of the resource, ``kind/id``.
        resource: Its full name.
        path: Dotted path of the field within its body; unique within rule and resource.
        found: What is there, as JSON value; never a secret.
        expected: What must be there, in the API's terms.
        evidence: One German sentence that says what is wrong.
        observed: Whether this was seen; ``False`` where the evidence is missing.
        rule: Id of the rule.
        severity: How much it weighs.
        agreed: Reason for which it was agreed upon; empty where it was not.
    """

    key: str
    resource: str
    path: str
    found: Any
    expected: Any
    evidence: str
    observed: bool = True
    rule: str = ""
    severity: Severity = "error"
    agreed: str = ""


Look = Callable[["Estate"], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule that an environment must keep.

    Attributes:
        id: Stable, English, kebab-case.
        title: What holds where the rule is kept; German.
        severity: How much a breach weighs.
        source: Line of the production page, or other origin, that the rule comes from; German.
        why: What a breach would lead to; one German sentence.
        look: Returns the places at which the rule is broken; none where it is kept.
    """

    id: str
    title: str
    severity: Severity
    source: str
    why: str
    look: Look

    def check(self, estate: "Estate", agreement: "Agreement") -> tuple[Finding, ...]:
        """Return what breaks the rule; what was agreed upon carries its reason."""
        return tuple(
            replace(
                finding,
                rule=self.id,
                severity=self.severity if finding.observed else _UNOBSERVED[self.severity],
                agreed=agreement.excuse(self.id, finding.key),
            )
            for finding in self.look(estate)
        )


def rule(
    id: str, title: str, severity: Severity, *, source: str, why: str
) -> Callable[[Look], Rule]:
    """Return a decorator that turns a function into the ``Rule`` that looks with it."""

    def made(look: Look) -> Rule:
        return Rule(id, title, severity, source, why, look)

    return made
