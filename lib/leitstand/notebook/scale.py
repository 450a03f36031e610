"""The verbs of the scaling runbook: look, decide, scale, prove."""

import time
from dataclasses import dataclass

from leitstand.configuration import read_layers
from leitstand.core.errors import InputError
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.scaling.checks import ConnectionBudget, check_scaling
from leitstand.core.scaling.decision import Decision, Load, Reason, decide_instances
from leitstand.core.scaling.limits import Limits, check_limits
from leitstand.core.scaling.plans import plan_scaling, wanted_scaling
from leitstand.core.scaling.stated import same
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.queue_views import (
    by_hand,
    load_rows,
    standing_rows,
)
from leitstand.notebook.queue_wording import (
    CheckFailed,
    NotReached,
    action_text,
    check_text,
    decision_text,
    instances_text,
)
from leitstand.notebook.queueing import Queueing, Standing
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show

__all__ = ["CountMissing", "Scale", "Seen"]

_KEYS = ("min_instance_count", "max_instance_count")


class CountMissing(InputError):
    """Only the worker's number can be decided; for others, or below zero, it must be given."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"Wie viele Instanzen {service} bekommt, kann das Runbook nicht entscheiden.",
            "Nennen Sie mit instances eine Zahl; nur beim Worker entscheidet die Warteschlange.",
        )
        self.service = service


@dataclass(frozen=True)
class Seen:
    """What was read.

    Attributes:
        standing: The service.
        load: The queue, where the worker is scaled.
        budget: The database's connections, if there is one.
    """

    standing: Standing
    load: Load | None
    budget: ConnectionBudget | None


class Scale:
    """The scaling of one service within a run.

    Args:
        run: The run.
        service: Short name: worker, web or litellm.
        instances: How many there should be; 0 decides by the queue.

    Raises:
        CountMissing: only the worker's number can be decided.
        BeyondLimits: the environment file does not allow so many or so few.
    """

    def __init__(self, run: Run, *, service: str, instances: int) -> None:
        self._run = run
        self._service = service
        self._instances = instances
        self._wanted = run.environment.services[service].scaling
        self._limits = Limits(self._wanted.min_instance_count, self._wanted.max_instance_count)
        self._queueing = Queueing(run)
        if instances < 0 or (not instances and service != "worker"):
            raise CountMissing(service)
        if instances:
            check_limits(service, instances, self._limits, self._files())

    def observe(self) -> Seen:
        """Read the service, the queue and the database's connections; change nothing."""
        policy = self._queueing.policy
        with self._run.step("observe", "Beobachten", policy.sample):
            standing = self._queueing.standing(self._service)
            load = self._queueing.load() if self._service == "worker" else None
            budget = self._queueing.budget(self._service)
        rows = [*standing_rows(standing), *(load_rows(load) if load else [])]
        allowed = f"{self._limits.minimum} bis {self._limits.maximum} Instanzen"
        rows.append(Row(("Umgebungsdatei erlaubt", allowed)))
        show(Table("Beobachtung", ("", ""), rows), *by_hand(standing))
        if load and self._queueing.blocked():
            show(Notice("Redis ist voll und nimmt keine Aufgaben mehr an.", Tone.BAD))
        return Seen(standing, load, budget)

    def decide(self, seen: Seen) -> Decision:
        """Decide how many instances are wanted, and check whether that may be.

        Raises:
            CheckFailed: a check is red.
        """
        running = seen.standing.running
        decision = Decision(self._instances, self._instances, Reason.ASKED)
        if not self._instances and seen.load is not None:
            affordable = seen.budget.affordable(running) if seen.budget else None
            limits = Limits(self._limits.minimum, self._limits.maximum, affordable)
            decision = decide_instances(seen.load, running, limits, self._queueing.policy)
        checks = check_scaling(seen.standing.state, decision.instances, running, seen.budget)
        show(checks_table(checks, check_text), Notice(decision_text(decision)))
        if self._run.earlier_plan("scale") is None:
            for check in checks:
                if not check.passed:
                    raise CheckFailed(check)
        return decision

    def plan(self, seen: Seen, decision: Decision) -> Plan:
        """Plan the scaling and its way back; show it."""
        earlier = self._run.earlier_plan("scale")
        if earlier is not None:
            show(plan_table(earlier.plan, action_text))
            return earlier.plan
        basis = {
            "service": self._service,
            "instances": decision.instances,
            "reason": decision.reason.value,
            "running": seen.standing.running,
            "length": seen.load.length if seen.load else None,
        }
        plan = plan_scaling(
            seen.standing.state,
            seen.standing.scaling,
            wanted_scaling(self._service, decision.instances, self._wanted),
            environment=self._run.environment.name,
            basis=basis,
        )
        self._run.planned(plan)
        show(plan_table(plan, action_text))
        return plan

    def scale(self, approved: Approved | Withheld) -> None:
        """Give the service its new scaling."""
        if is_withheld(approved):
            withheld(approved)
            return
        self._queueing.apply(approved)

    def verify(self, approved: Approved | Withheld) -> None:
        """Wait until the instances are there and the queue no longer grows.

        Raises:
            NotReached: that did not happen in time.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        if not approved.plan.actions:
            show(Notice("Es war nichts zu ändern.", Tone.GOOD))
            return
        (action,) = approved.plan.actions
        wanted, count = action.arguments["scaling"], int(approved.plan.basis["instances"])
        deadline = self._queueing.policy.deadline
        end = time.monotonic() + deadline
        with self._run.step("verify", "Nachprüfen", deadline) as progress:
            while True:
                standing, load = self._look()
                problem = self._problem(standing, load, wanted, count)
                if not problem or time.monotonic() > end:
                    break
                progress.update(problem.rstrip("."))
                self._queueing.pause()
        rows = [*standing_rows(standing), *(load_rows(load) if load else [])]
        show(Table("Ergebnis", ("", ""), rows), *by_hand(standing))
        verdict = "unhealthy" if problem else "healthy"
        self._run.journal.append("verdict", stage="scaling", verdict=verdict)
        if problem:
            raise NotReached(problem, self._run.id)
        show(Notice(f"{self._service}: {instances_text(count)} wie geplant.", Tone.GOOD))

    def _look(self) -> tuple[Standing, Load | None]:
        load = self._queueing.load() if self._service == "worker" else None
        return self._queueing.standing(self._service), load

    def _problem(
        self, standing: Standing, load: Load | None, wanted: dict[str, object], count: int
    ) -> str:
        """Return what is not as planned; empty if all is."""
        if not same(standing.scaling, wanted):
            return f"Jemand anderes hat {self._service} seither anders skaliert."
        if not standing.state.settled:
            return f"{self._service} ist noch nicht in Ruhe."
        if standing.measured is not None and standing.measured < count:
            return f"Von {count} Instanzen laufen erst {standing.measured}."
        if load is not None and load.length and load.arrived > load.taken:
            return (
                f"Die Warteschlange wächst weiter: {load.length} Aufgaben warten,"
                f" {load.arrived} kamen, {load.taken} wurden abgeholt."
            )
        return ""

    def _files(self) -> dict[str, str]:
        """Return, by the key of a limit, the file that states it."""
        name = self._run.environment.name
        _, overlay = read_layers(name)
        own = ((overlay.get("services") or {}).get(self._service) or {}).get("scaling") or {}
        files = {key: f"{name if key in own else 'base'}.yaml" for key in _KEYS}
        return {key: f"config/environments/{file}" for key, file in files.items()}
