"""What must hold before a service is scaled, or the queue is halted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from leitstand.core.release_checks import Check
from leitstand.core.scaling.stated import instances_of
from leitstand.core.service import ServiceState
from leitstand.core.workloads import Scaling

__all__ = ["ConnectionBudget", "PauseAction", "check_pause", "check_scaling"]

PauseAction = Literal["pause", "drain", "resume"]


@dataclass(frozen=True)
class ConnectionBudget:
    """Connections of the database, in use and allowed.

    Attributes:
        used: In use now.
        maximum: ``max_connections`` without what the server keeps for superusers.
        reserve: So many must stay free.
        per_instance: So many does one more instance take.
    """

    used: int
    maximum: int
    reserve: int
    per_instance: int

    def affordable(self, running: int) -> int:
        """Return how many instances there may be in all, if ``running`` are there now."""
        free = self.maximum - self.reserve - self.used
        return running + max(0, free) // self.per_instance


def check_scaling(
    state: ServiceState,
    instances: int,
    running: int,
    budget: ConnectionBudget | None,
) -> tuple[Check, ...]:
    """Return every check of a scaling, passed or not, in the order in which they are shown.

    Args:
        state: The service.
        instances: How many there should be.
        running: How many there are.
        budget: The database's connections; None without a database.
    """
    checks = [
        Check(
            "service_settled",
            state.settled,
            {"service": state.short_name, "problem": state.problem},
        ),
    ]
    if budget is not None:
        more = max(0, instances - running)
        evidence = {
            "used": budget.used,
            "more": more * budget.per_instance,
            "maximum": budget.maximum,
            "reserve": budget.reserve,
            "affordable": budget.affordable(running),
            "service": state.short_name,
        }
        passed = not more or instances <= budget.affordable(running)
        checks.append(Check("connections_suffice", passed, evidence))
    return tuple(checks)


def check_pause(
    action: PauseAction,
    worker: ServiceState,
    beat: ServiceState,
    scaling: Mapping[str, Any],
    wanted_beat: Scaling,
    beats: int | None,
) -> tuple[Check, ...]:
    """Return every check of halting or resuming the queue.

    Args:
        action: What is to be done.
        worker: The service that works the queue off.
        beat: The service that fills it by schedule.
        scaling: Of the worker, now.
        wanted_beat: Of beat, as the environment file says.
        beats: Instances of beat that run; None where that is not known.
    """
    checks = [
        Check(
            "service_settled",
            state.settled,
            {"service": state.short_name, "problem": state.problem},
        )
        for state in (worker, beat)
    ]
    if action == "drain":
        count = instances_of(scaling)
        checks.append(Check("worker_works", count > 0, {"instances": count}))
    if action == "resume":
        figures = (wanted_beat.min_instance_count, wanted_beat.max_instance_count)
        checks.append(
            Check(
                "beat_is_one",
                figures == (1, 1) and (beats or 0) <= 1,
                {"minimum": figures[0], "maximum": figures[1], "running": beats},
            )
        )
    return tuple(checks)
