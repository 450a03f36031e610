"""What users feel: errors and slowness by service. A symptom is never a cause.

An error rate counts only when the lower end of its confidence interval is above the limit, so
that few requests say nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from leitstand.core.german import number, percent
from leitstand.core.health import Sample, lower_bound
from leitstand.core.triage.policy import Triage
from leitstand.core.triage.signals import Missing, Signals

__all__ = ["Symptom", "SymptomKind", "is_over", "pooled", "read_symptoms", "upper_bound"]


class SymptomKind(StrEnum):
    """What is felt."""

    ERRORS = "errors"
    LATENCY = "latency"


@dataclass(frozen=True)
class Symptom:
    """One thing that is felt at one service.

    Attributes:
        text: German sentence with its figures.
        began: When it was seen first; None unknown.
    """

    kind: SymptomKind
    service: str
    text: str
    began: datetime | None = None


def upper_bound(errors: int, requests: int) -> float:
    """Return the upper end of the 95 % Wilson score interval of an error rate."""
    return 1.0 - lower_bound(requests - errors, requests)


def pooled(samples: Iterable[Sample]) -> Sample:
    """Return several samples as one; its latency is the slowest that enough requests back."""
    held = [sample for sample in samples if sample.requests > 0]
    total = sum(sample.requests for sample in held)
    weighty = [s.latency_p95_ms for s in held if s.requests * 5 >= total and s.latency_p95_ms]
    return Sample(total, sum(sample.errors for sample in held), max(weighty, default=None))


def read_symptoms(signals: Signals, policy: Triage) -> tuple[Symptom, ...]:
    """Return what users feel, by service in the order of their names.

    Nothing is known without Cloud Monitoring: no symptom is then no sign of health.
    """
    if isinstance(signals.traffic, Missing):
        return ()
    found: list[Symptom] = []
    for service in sorted(signals.traffic):
        sample = pooled(signals.traffic[service].values())
        if sample.requests < policy.min_requests:
            continue
        bad = lower_bound(sample.errors, sample.requests) > policy.error_share
        if bad and not is_over(signals, policy, service):
            text = (
                f"{service}: {percent(sample.error_rate)} von {number(sample.requests)} Anfragen"
                " wurden mit einem Fehler (5xx) beantwortet."
            )
            began = _onset(signals, service, policy)
            found.append(Symptom(SymptomKind.ERRORS, service, text, began))
        found += _slow(signals, service, sample, policy)
    return tuple(found)


def _slow(signals: Signals, service: str, now: Sample, policy: Triage) -> list[Symptom]:
    if isinstance(signals.baseline, Missing) or now.latency_p95_ms is None:
        return []
    before = pooled(signals.baseline.get(service, {}).values())
    if before.latency_p95_ms is None or before.requests < policy.min_requests:
        return []
    limit = max(policy.latency_floor_ms, policy.latency_ratio * before.latency_p95_ms)
    if now.latency_p95_ms <= limit:
        return []
    text = (
        f"{service}: Die Latenz p95 liegt bei {number(round(now.latency_p95_ms))} ms,"
        f" zuvor bei {number(round(before.latency_p95_ms))} ms."
    )
    return [Symptom(SymptomKind.LATENCY, service, text)]


def is_over(signals: Signals, policy: Triage, service: str, revision: str = "") -> bool:
    """Return whether a service, or one revision of it, answers well again by its latest steps."""
    steps = _steps(signals, service, revision)
    earliest = signals.at - timedelta(seconds=policy.recent_seconds)
    recent = [sample for at, sample in steps if at >= earliest]
    total, errors = sum(s.requests for s in recent), sum(s.errors for s in recent)
    if total < policy.min_requests or not any(sample.errors for _, sample in steps):
        return False
    return lower_bound(errors, total) <= policy.error_share and _is_good(steps[-1][1], policy)


def _onset(signals: Signals, service: str, policy: Triage) -> datetime | None:
    """Return the first step of those that end at the present with more errors than ordinary."""
    found: datetime | None = None
    for at, sample in reversed(_steps(signals, service)):
        if _is_good(sample, policy):
            break
        found = at
    if found is not None or isinstance(signals.errors, Missing):
        return found
    earliest = signals.at - timedelta(seconds=policy.recent_seconds)
    firsts = [
        group.first
        for group in signals.errors
        if group.service == service and group.count >= policy.error_lines and group.last >= earliest
    ]
    return min(firsts, default=None)


def _steps(signals: Signals, service: str, revision: str = "") -> list[tuple[datetime, Sample]]:
    """Return the steps of a service that had requests, in their order."""
    if isinstance(signals.series, Missing):
        return []
    totals: dict[datetime, tuple[int, int]] = {}
    for reading in signals.series.get(service, ()):
        if reading.requests and revision in ("", reading.revision):
            requests, errors = totals.get(reading.at, (0, 0))
            totals[reading.at] = (requests + reading.requests, errors + reading.errors)
    return [(at, Sample(*totals[at])) for at in sorted(totals)]


def _is_good(sample: Sample, policy: Triage) -> bool:
    return sample.error_rate <= policy.error_share
