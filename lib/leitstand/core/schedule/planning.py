"""From wanted and found schedules to a plan: make, change, remove, and the way back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.difference import Body
from leitstand.core.errors import GateRefused
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Resource
from leitstand.core.plan import Action, Plan
from leitstand.core.reconcile import Deviation, Found, plan_provision
from leitstand.core.schedule.expansion import JOB, LABEL, POLICY, TRIGGER, starter_binding

__all__ = ["Leftover", "SchedulesWithheld", "leftovers", "plan_schedules"]

_KEPT = {
    JOB: ("labels", "annotations", "template"),
    TRIGGER: ("name", "description", "schedule", "timeZone", "httpTarget", "retryConfig",
              "attemptDeadline"),
}  # fmt: skip
"""What makes a removed resource again as it was; all else is only shown."""


class SchedulesWithheld(GateRefused):
    """Something that is wanted cannot be planned; nothing is."""

    def __init__(self, deviations: Sequence[Deviation]) -> None:
        first = deviations[0]
        super().__init__(
            f"Die Zeitpläne lassen sich nicht planen. {first.key}: {first.blocked}",
            "Beheben Sie, was genannt ist, und planen Sie erneut.",
        )
        self.keys = tuple(deviation.key for deviation in deviations)


@dataclass(frozen=True)
class Leftover:
    """A job of a schedule that is no longer wanted.

    Attributes:
        kind: ``cloudscheduler.jobs`` or ``run.jobs``.
        id: Of the job.
        name: Its full name.
        body: What was found.
    """

    kind: str
    id: str
    name: str
    body: Body

    @property
    def key(self) -> str:
        """``kind/id``."""
        return f"{self.kind}/{self.id}"


def leftovers(
    resources: Sequence[Resource], jobs: Sequence[Body], triggers: Sequence[Body]
) -> tuple[Leftover, ...]:
    """Return what this program once made and nobody wants any more, triggers first.

    A Cloud Run job is ours by its label. A Cloud Scheduler job has no labels: it is ours when it
    starts the Cloud Run job of its own name, and that is ours or gone.

    Args:
        resources: What is wanted.
        jobs: Cloud Run jobs as they were found.
        triggers: Cloud Scheduler jobs as they were found.
    """
    wanted = {resource.key for resource in resources}
    ours = {_id(job): job for job in jobs if LABEL in (job.get("labels") or {})}
    others = {_id(job) for job in jobs} - set(ours)
    found = [
        Leftover(TRIGGER, _id(trigger), str(trigger["name"]), trigger)
        for trigger in triggers
        if _starts_its_own(trigger) and _id(trigger) not in others
    ]
    found += [Leftover(JOB, short, str(job["name"]), job) for short, job in ours.items()]
    return tuple(one for one in found if one.key not in wanted)


def plan_schedules(
    resources: Sequence[Resource],
    found: Mapping[str, Found],
    left: Sequence[Leftover],
    *,
    environment: str,
    project: str,
) -> Plan:
    """Return the plan that makes the schedules as the file wants them.

    Args:
        resources: What is wanted.
        found: What was observed, by key.
        left: What is to go.
        environment: Name of the environment.
        project: Id of the project.

    Raises:
        SchedulesWithheld: something is unreadable or could not be made.
    """
    made = plan_provision(resources, found, environment=environment, project=project)
    if made.withheld:
        raise SchedulesWithheld(made.withheld)
    actions = (*(_removal(one) for one in left), *made.plan.actions)
    back = [_back(action, found.get(action.id)) for action in reversed(made.plan.actions)]
    back += [action for one in reversed(left) for action in _remaking(one, project)]
    return Plan(
        runbook="schedules",
        environment=environment,
        target=f"projects/{project}",
        basis={**made.plan.basis, "leftovers": [one.key for one in left]},
        actions=actions,
        way_back=tuple(action for action in back if action is not None),
        returns_by_itself=False,
        restored="Die Zeitpläne sind wieder wie vorher.",
    )


def _removal(one: Leftover) -> Action:
    arguments = {"kind": one.kind, "id": one.id, "wanted": {}}
    return Action(f"remove:{one.key}", "delete_resource", one.name, arguments)


def _remaking(one: Leftover, project: str) -> Iterator[Action]:
    """Yield what makes a removed job again; with it went the right to start it."""
    body = {key: one.body[key] for key in _KEPT[one.kind] if key in one.body}
    arguments = {"kind": one.kind, "id": one.id, "wanted": body}
    yield Action(f"back:{one.key}", "create_resource", one.name, arguments)
    if one.kind == JOB:
        policy = {"bindings": [starter_binding(project)]}
        arguments = {"kind": POLICY, "id": one.id, "wanted": policy}
        yield Action(f"back:{POLICY}/{one.id}", "update_resource", one.name, arguments)


def _back(action: Action, found: Found) -> Action | None:
    kind = str(action.arguments["kind"])
    arguments: dict[str, Any] = {"kind": kind, "id": action.arguments["id"], "wanted": {}}
    if action.kind == "create_resource":
        return Action(f"back:{action.id}", "delete_resource", action.target, arguments)
    if kind == POLICY and not KINDS[kind].create and not (isinstance(found, Mapping) and found):
        return None  # the right goes with the job that it is about
    before = found if isinstance(found, Mapping) else {}
    arguments["wanted"] = _as_before(action.arguments["wanted"], before)
    return Action(f"back:{action.id}", "update_resource", action.target, arguments)


def _as_before(wanted: Body, found: Body) -> dict[str, Any]:
    """Return the stated fields with the values that they had; None for what had none."""
    result: dict[str, Any] = {}
    for key, value in wanted.items():
        there = found.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            result[key] = _as_before(value, there)
        else:
            result[key] = there
    return result


def _starts_its_own(trigger: Body) -> bool:
    uri = str((trigger.get("httpTarget") or {}).get("uri", ""))
    return _id(trigger).startswith("schedule-") and uri.endswith(f"/jobs/{_id(trigger)}:run")


def _id(body: Body) -> str:
    return str(body["name"]).rpartition("/")[2]
