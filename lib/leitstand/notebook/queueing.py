"""What the runbooks about queue and workers read: services, instances, the queue, connections."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from leitstand.cloud.instances import Instances
from leitstand.cloud.run import CloudRun
from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Approved
from leitstand.core.scaling.checks import ConnectionBudget
from leitstand.core.scaling.decision import Load
from leitstand.core.scaling.stated import instances_of, is_manual
from leitstand.core.service import ServiceState
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.queue_access import QueueAccess
from leitstand.execution.recovery import executor_for
from leitstand.notebook.queue_wording import action_title
from leitstand.notebook.run import Run

__all__ = ["Queueing", "Standing"]


@dataclass(frozen=True)
class Standing:
    """A service and what runs of it.

    Attributes:
        state: The service.
        measured: Instances by Cloud Monitoring; None where it does not tell.
    """

    state: ServiceState
    measured: int | None

    @property
    def scaling(self) -> Mapping[str, Any]:
        """The service's scaling."""
        return self.state.scaling

    @property
    def running(self) -> int:
        """Instances: with a manual scaling as stated, else as measured, else the least."""
        stated = instances_of(self.scaling)
        return stated if is_manual(self.scaling) or self.measured is None else self.measured


class Queueing:
    """Reads the task queue and the services around it within a run; acts by plan only."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._cloud = CloudRun(run.connection)
        self._instances = Instances(run.connection)
        self._queue = QueueAccess(run.connection)
        self.policy = run.environment.scaling

    def standing(self, service: str) -> Standing:
        """Return a service by its short name."""
        name = self._run.environment.service_name(service)
        state = self._cloud.service(name)
        measured = None
        with suppress(LeitstandError):
            # Monitoring may be what is broken; nothing waits for it.
            measured = self._instances.running(service)
        return Standing(state, measured)

    def load(self, seconds: float | None = None) -> Load:
        """Watch the queue for a while, as long as the environment file says, and return it."""
        from leitstand.database.queue import read_queues
        from leitstand.database.queue_activity import watch_queue

        url = self._queue.url
        wanted = self.policy.sample if seconds is None else seconds
        seen = watch_queue(url, self.policy.queue, seconds=wanted)
        (state,) = read_queues(url, (self.policy.queue,))
        return Load(
            length=state.length,
            oldest_seconds=state.oldest_seconds,
            arrived=seen.arrived,
            taken=seen.taken,
            in_hand=seen.in_hand,
            seconds=seen.seconds,
        )

    def blocked(self) -> bool:
        """Return whether Redis refuses writes, since its memory is full."""
        from leitstand.database.queue import read_redis

        return read_redis(self._queue.url).blocked

    def budget(self, service: str) -> ConnectionBudget | None:
        """Return the database's connections; None where the environment has no database."""
        if self._run.environment.database is None:
            return None
        from leitstand.database.connection import connect
        from leitstand.database.connections import count_connections

        access = DatabaseAccess(self._run.connection)
        with connect(access.administrator_url(access.instance)) as connection:
            used, most = count_connections(connection)
        each = self.policy.connections_per_instance.get(service, 1)
        return ConnectionBudget(used, most, self.policy.connection_reserve, each)

    def apply(self, approved: Approved) -> None:
        """Apply all actions of a plan, each as a step."""
        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            limit = float(action.arguments.get("deadline_seconds", self.policy.deadline))
            with self._run.step(action.id, action_title(action), limit) as progress:
                executor.apply(action.id, progress.update)

    def pause(self) -> None:
        """Wait between two looks."""
        time.sleep(min(5.0, 10 * self._run.connection.poll_interval))
