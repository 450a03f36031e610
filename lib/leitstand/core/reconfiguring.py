"""A service with one plain environment variable changed: checks and plan."""

import hashlib
from collections.abc import Mapping
from typing import Any

from leitstand.core.plan import Action, Plan
from leitstand.core.release_checks import Check
from leitstand.core.service import ServiceState

__all__ = ["check_service", "plan_variable", "serving_revision", "variable", "with_variable"]


def variable(template: Mapping[str, Any], name: str) -> str | None:
    """Return the plain value of an environment variable in a template; None where it has none."""
    for container in template.get("containers", []):
        for entry in container.get("env", []):
            if entry.get("name") == name and not entry.get("value_source"):
                return str(entry.get("value", ""))
    return None


def with_variable(template: Mapping[str, Any], name: str, value: str | None) -> dict[str, Any]:
    """Return the template with an environment variable set in its container, or left out (None)."""
    first, *others = template["containers"]
    kept = [dict(entry) for entry in first.get("env", []) if entry.get("name") != name]
    added = [] if value is None else [{"name": name, "value": value}]
    return {**template, "containers": [{**first, "env": [*kept, *added]}, *others]}


def serving_revision(service: ServiceState) -> str:
    """Return the short name of the revision with the most traffic."""
    percents = service.traffic.pinned(service.latest_ready_revision).serving()
    return max(percents, key=lambda revision: percents[revision])


def check_service(service: ServiceState) -> tuple[Check, ...]:
    """Return whether the service can get another revision now: settled, and none under way."""
    serving = service.traffic.pinned(service.latest_ready_revision).serving()
    return (
        Check("service_settled", service.settled, {"problem": service.problem}),
        Check("one_revision_serves", len(serving) == 1, {"serving": serving}),
    )


def plan_variable(
    service: ServiceState,
    template: Mapping[str, Any],
    *,
    runbook: str,
    environment: str,
    name: str,
    value: str | None,
    restored: str,
) -> Plan:
    """Return the plan that gives a service another value; empty where it has it already.

    A revision is made and gets ready without traffic, then all of it at once. The way back leads
    to the revision that serves now, and its template makes the next one again: whatever begins
    with the service's template afterwards begins without the value.

    Args:
        service: The service now.
        template: Of the revision that serves.
        runbook: Name of the plan.
        environment: Name of the environment.
        name: Name of the variable.
        value: Its value; None leaves it out.
        restored: What holds after the way back, as a German sentence.
    """
    serving = serving_revision(service)
    split = service.traffic.pinned(service.latest_ready_revision)
    before = split.whole(serving).as_data()
    old = variable(template, name)
    changed = with_variable(template, name, value)
    revision, again = _revision(service, 1, name, value), _revision(service, 2, name, old)
    deploy = {"revision": revision, "template": {**changed, "revision": revision}}
    restore = {"revision": again, "template": {**template, "revision": again}}
    actions = (
        Action("revision", "deploy_revision", service.name, {**deploy, "traffic": before}),
        Action(
            "traffic", "set_traffic", service.name, {"traffic": split.whole(revision).as_data()}
        ),
    )
    way_back = (
        Action("back", "set_traffic", service.name, {"traffic": before}),
        Action(
            "template",
            "restore_template",
            service.name,
            {**restore, "traffic": before, "variables": {name: old}},
        ),
    )
    same = old == value
    return Plan(
        runbook=runbook,
        environment=environment,
        target=service.name,
        basis={"etag": service.etag, "stable": serving, "goal": revision, name: value},
        actions=() if same else actions,
        way_back=() if same else way_back,
        returns_by_itself=False,
        restored=restored,
    )


def _revision(service: ServiceState, number: int, name: str, value: str | None) -> str:
    mark = hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:8]
    return f"{service.short_name}-{service.generation + number:05d}-{mark}"
