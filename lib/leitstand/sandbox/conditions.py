"""Conditions of services and revisions, as Cloud Run words them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.cloud import run_v2

from leitstand.sandbox.errors import ApiError

__all__ = [
    "State",
    "condition",
    "has_failed",
    "is_ready",
    "put_condition",
    "reason_of",
    "revision_failed",
    "revision_ready",
    "revision_retired",
    "revision_serving",
    "revision_warming",
    "service_failed",
    "service_ready",
    "service_reconciling",
]

State = run_v2.Condition.State
_Common = run_v2.Condition.CommonReason
_Revision = run_v2.Condition.RevisionReason


def condition(
    type_: str,
    state: int,
    message: str = "",
    *,
    reason: int | None = None,
    revision_reason: int | None = None,
    severity: int | None = None,
) -> run_v2.Condition:
    """One condition with the present time; the numbers are those of `run_v2.Condition`."""
    made = run_v2.Condition(
        type_=type_, state=state, message=message, last_transition_time=datetime.now(UTC)
    )
    if reason is not None:
        made.reason = _Common(reason)
    if revision_reason is not None:
        made.revision_reason = _Revision(revision_reason)
    if severity is not None:
        made.severity = run_v2.Condition.Severity(severity)
    return made


def put_condition(resource: run_v2.Service | run_v2.Revision, new: run_v2.Condition) -> None:
    """Replace the resource's condition of the same type, or add it.

    Changes `resource`. The time of transition stays where the state did not change.
    """
    for index, old in enumerate(resource.conditions):
        if old.type_ == new.type_:
            if old.state == new.state:
                new.last_transition_time = old.last_transition_time
            resource.conditions[index] = new
            return
    resource.conditions.append(new)


def reason_of(error: ApiError) -> int:
    """The reason of a condition that says what a template could not get, a secret if unsaid."""
    found = getattr(_Common, error.reason or "", _Common.SECRETS_ACCESS_CHECK_FAILED)
    return int(found)


def is_ready(revision: run_v2.Revision) -> bool:
    """Whether the revision passed its startup check once."""
    return _state(revision) == State.CONDITION_SUCCEEDED


def has_failed(revision: run_v2.Revision) -> bool:
    """Whether the revision failed its startup check for good."""
    return _state(revision) == State.CONDITION_FAILED


def revision_ready(revision: run_v2.Revision) -> None:
    """Changes `revision`: it passed its startup check."""
    for type_ in ("Ready", "Active", "ContainerHealthy", "ContainerReady", "ResourcesAvailable"):
        put_condition(revision, condition(type_, State.CONDITION_SUCCEEDED))
    revision.reconciling = False
    revision.observed_generation = revision.generation


def revision_failed(
    revision: run_v2.Revision,
    message: str,
    *,
    reason: int | None = None,
) -> None:
    """Changes `revision`: it cannot serve; without a `reason` its health check failed."""
    health = None if reason is not None else _Revision.HEALTH_CHECK_CONTAINER_ERROR
    failed_types = ("Ready", "ContainerReady" if reason is not None else "ContainerHealthy")
    for type_ in failed_types:
        failed = condition(
            type_, State.CONDITION_FAILED, message, reason=reason, revision_reason=health
        )
        put_condition(revision, failed)
    revision.reconciling = False
    revision.observed_generation = revision.generation


def revision_retired(revision: run_v2.Revision) -> None:
    """Changes `revision`: it gets no traffic and its instances end."""
    retired = condition(
        "Active",
        State.CONDITION_FAILED,
        "Revision retired.",
        revision_reason=_Revision.RETIRED,
        severity=run_v2.Condition.Severity.INFO,
    )
    put_condition(revision, retired)


def revision_warming(revision: run_v2.Revision, minimum: int) -> None:
    """Changes `revision`: traffic waits for its minimum instances."""
    warming = condition(
        "MinInstancesProvisioned",
        State.CONDITION_RECONCILING,
        f"Waiting for {minimum} minimum instances.",
        revision_reason=_Revision.MIN_INSTANCES_WARMING,
    )
    put_condition(revision, warming)


def revision_serving(revision: run_v2.Revision) -> None:
    """Changes `revision`: it has traffic or a tag, and its minimum instances run."""
    put_condition(revision, condition("Active", State.CONDITION_SUCCEEDED))
    put_condition(revision, condition("MinInstancesProvisioned", State.CONDITION_SUCCEEDED))


def service_reconciling(service: run_v2.Service) -> None:
    """Changes `service`: the new state is accepted and not reached yet."""
    service.reconciling = True
    service.terminal_condition = condition("Ready", State.CONDITION_RECONCILING)
    for type_ in ("RoutesReady", "ConfigurationsReady"):
        put_condition(service, condition(type_, State.CONDITION_RECONCILING))


def service_ready(service: run_v2.Service) -> None:
    """Changes `service`: the wanted state is reached."""
    service.reconciling = False
    service.observed_generation = service.generation
    service.terminal_condition = condition("Ready", State.CONDITION_SUCCEEDED)
    for type_ in ("RoutesReady", "ConfigurationsReady"):
        put_condition(service, condition(type_, State.CONDITION_SUCCEEDED))


def service_failed(service: run_v2.Service, type_: str, message: str) -> None:
    """Changes `service`: the condition `type_` failed; what served before goes on serving."""
    service.reconciling = False
    reason = _Common.REVISION_FAILED if type_ == "ConfigurationsReady" else None
    failed = condition("Ready", State.CONDITION_FAILED, message, reason=reason)
    service.terminal_condition = failed
    for other in ("RoutesReady", "ConfigurationsReady"):
        state = State.CONDITION_FAILED if other == type_ else State.CONDITION_SUCCEEDED
        text = message if other == type_ else ""
        put_condition(service, condition(other, state, text))


def _state(revision: run_v2.Revision) -> int:
    for existing in revision.conditions:
        if existing.type_ == "Ready":
            return existing.state
    return State.STATE_UNSPECIFIED
