"""Is the candidate as healthy as the stable revision? Healthy, unhealthy or inconclusive.

The judgement compares both revisions over the same window.
Too little traffic is always inconclusive, whatever the few answers were.
An error rate above its limit counts only when the lower end of its confidence interval is above
it too: a single error among few requests neither promotes nor aborts a release.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leitstand.core.environment import Analysis

__all__ = ["Diagnosis", "Finding", "Reading", "Sample", "Verdict", "diagnose", "lower_bound"]

_Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


class Verdict(StrEnum):
    """The three-way verdict; only ``HEALTHY`` promotes."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Sample:
    """What one revision answered in a window.

    Attributes:
        requests: Number of answered requests.
        errors: Those of them with a status of 500 or above.
        latency_p95_ms: 95th percentile in milliseconds; ``None`` without data.
    """

    requests: int = 0
    errors: int = 0
    latency_p95_ms: float | None = None

    @property
    def error_rate(self) -> float:
        """Share of errors, 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Reading:
    """What one revision answered in one step of time that ends at ``at``."""

    at: datetime
    revision: str
    requests: int
    errors: int


@dataclass(frozen=True)
class Finding:
    """One comparison: what was measured, against which limit, and what follows."""

    metric: str
    candidate: float | None
    stable: float | None
    limit: float
    verdict: Verdict


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on a candidate with everything it rests on."""

    verdict: Verdict
    candidate: Sample
    stable: Sample
    findings: tuple[Finding, ...]

    def decisive(self) -> tuple[Finding, ...]:
        """Return the findings that gave the verdict."""
        return tuple(f for f in self.findings if f.verdict == self.verdict)


def lower_bound(errors: int, requests: int) -> float:
    """Return the lower end of the 95 % Wilson score interval of an error rate.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference,
    JASA 22 (1927).
    """
    if requests == 0:
        return 0.0
    rate = errors / requests
    centre = rate + _Z * _Z / (2 * requests)
    spread = _Z * math.sqrt(rate * (1 - rate) / requests + _Z * _Z / (4 * requests * requests))
    return max(0.0, (centre - spread) / (1 + _Z * _Z / requests))


def diagnose(candidate: Sample, stable: Sample, policy: Analysis) -> Diagnosis:
    """Judge a candidate against the stable revision over the same window.

    The stable revision sets the relative limits only if it answered ``min_requests`` itself;
    otherwise the absolute limits hold alone.
    """
    comparable = stable.requests >= policy.min_requests
    findings = (
        _traffic(candidate, stable, policy),
        _errors(candidate, stable, policy, comparable),
        _latency(candidate, stable, policy, comparable),
    )
    verdicts = {finding.verdict for finding in findings}
    if findings[0].verdict is Verdict.INCONCLUSIVE:
        verdict = Verdict.INCONCLUSIVE
    elif Verdict.UNHEALTHY in verdicts:
        verdict = Verdict.UNHEALTHY
    elif Verdict.INCONCLUSIVE in verdicts:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.HEALTHY
    return Diagnosis(verdict, candidate, stable, findings)


def _traffic(candidate: Sample, stable: Sample, policy: Analysis) -> Finding:
    enough = candidate.requests >= policy.min_requests
    return Finding(
        "requests",
        candidate.requests,
        stable.requests,
        policy.min_requests,
        Verdict.HEALTHY if enough else Verdict.INCONCLUSIVE,
    )


def _errors(candidate: Sample, stable: Sample, policy: Analysis, comparable: bool) -> Finding:
    limit = policy.max_error_rate
    if comparable:
        limit = max(limit, stable.error_rate + policy.max_error_rate_increase)
    if candidate.error_rate <= limit:
        verdict = Verdict.HEALTHY
    elif lower_bound(candidate.errors, candidate.requests) > limit:
        verdict = Verdict.UNHEALTHY
    else:
        verdict = Verdict.INCONCLUSIVE
    return Finding("error_rate", candidate.error_rate, stable.error_rate, limit, verdict)


def _latency(candidate: Sample, stable: Sample, policy: Analysis, comparable: bool) -> Finding:
    limit = policy.max_latency_p95_ms
    if comparable and stable.latency_p95_ms is not None:
        relative = stable.latency_p95_ms * policy.max_latency_ratio
        limit = min(limit, max(relative, policy.latency_floor_ms))
    measured = candidate.latency_p95_ms
    if measured is None:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.HEALTHY if measured <= limit else Verdict.UNHEALTHY
    return Finding("latency_p95_ms", measured, stable.latency_p95_ms, limit, verdict)
