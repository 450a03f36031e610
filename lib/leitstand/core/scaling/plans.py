"""Plans that scale a service, and that halt the queue or let it go on."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.plan import Action, Plan
from leitstand.core.scaling.checks import PauseAction
from leitstand.core.scaling.stated import at_least, automatic, exactly, same
from leitstand.core.service import ServiceState
from leitstand.core.workloads import Scaling, ScalingPolicy

__all__ = ["plan_pause", "plan_scaling", "wanted_scaling"]

_RESTORED = "Die Skalierung ist wieder wie vor dem Lauf."


def wanted_scaling(service: str, instances: int, wanted: Scaling) -> dict[str, Any]:
    """Return the scaling that gives a service so many instances.

    Nobody sends requests to the worker, so nothing but a manual count scales it; with no more
    than the least it is back at what the file says. Other services keep scaling by requests, with
    so many at least.

    Args:
        service: Short name.
        instances: How many.
        wanted: What the environment file says.
    """
    if instances == wanted.min_instance_count:
        return automatic(wanted)
    return exactly(instances) if service == "worker" else at_least(instances, wanted)


def plan_scaling(
    state: ServiceState,
    now: Mapping[str, Any],
    scaling: Mapping[str, Any],
    *,
    environment: str,
    basis: Mapping[str, Any],
) -> Plan:
    """Return the plan that gives a service another scaling, and back; empty where it has it.

    Args:
        state: The service.
        now: Its scaling.
        scaling: The one that it should have.
        environment: Name of the environment.
        basis: What the decision rests on.
    """
    changed = not same(now, scaling)
    name = state.short_name
    there = Action(f"scale-{name}", "set_scaling", state.name, {"scaling": dict(scaling)})
    back = Action(f"restore-{name}", "set_scaling", state.name, {"scaling": dict(now)})
    return Plan(
        runbook="scale",
        environment=environment,
        target=state.name,
        basis={**basis, "etag": state.etag},
        actions=(there,) if changed else (),
        way_back=(back,) if changed else (),
        returns_by_itself=False,
        restored=_RESTORED,
    )


def plan_pause(
    action: PauseAction,
    worker: tuple[ServiceState, Mapping[str, Any], Scaling],
    beat: tuple[ServiceState, Mapping[str, Any], Scaling],
    *,
    environment: str,
    policy: ScalingPolicy,
) -> Plan:
    """Return the plan that halts the queue, or lets it go on; what holds already is left out.

    Whoever fills the queue stops first and starts last, so that beat never meets a queue that
    nobody works off, and never runs twice.

    Args:
        action: ``pause`` leaves the messages, ``drain`` works them off first, ``resume`` goes on.
        worker: Its state, its scaling now, and what the environment file says.
        beat: The same of beat.
        environment: Name of the environment.
        policy: The figures of the environment file.
    """
    order = [("worker", *worker), ("beat", *beat)]
    if action != "resume":
        order.reverse()
    verb = "start" if action == "resume" else "pause"
    actions: list[Action] = []
    back: list[Action] = []
    for name, state, now, wanted in order:
        scaling = automatic(wanted) if action == "resume" else exactly(0)
        if not same(now, scaling):
            arguments = {"scaling": scaling}
            actions.append(Action(f"{verb}-{name}", "set_scaling", state.name, arguments))
            arguments = {"scaling": dict(now)}
            back.insert(0, Action(f"restore-{name}", "set_scaling", state.name, arguments))
    if action == "drain":
        drain = {"queue": policy.queue, "deadline_seconds": policy.drain_deadline}
        place = len(actions) - 1  # before the worker, which always has instances here
        actions.insert(place, Action("drain", "queue_drain", worker[0].name, drain))
    return Plan(
        runbook="pause_queue",
        environment=environment,
        target=worker[0].name,
        basis={"action": action, "etag": worker[0].etag},
        actions=tuple(actions),
        way_back=tuple(back),
        returns_by_itself=False,
        restored=_RESTORED,
    )
