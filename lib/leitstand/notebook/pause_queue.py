"""The verbs of the queue runbook: halt, empty, go on."""

import time
from dataclasses import dataclass

from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.scaling.checks import PauseAction, check_pause
from leitstand.core.scaling.decision import Load
from leitstand.core.scaling.plans import plan_pause
from leitstand.core.scaling.stated import automatic, exactly, instances_of, same
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.queue_views import (
    by_hand,
    load_rows,
    standing_rows,
)
from leitstand.notebook.queue_wording import CheckFailed, NotReached, action_text, check_text
from leitstand.notebook.queueing import Queueing, Standing
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Table, Tone, show

__all__ = ["PauseQueue", "Seen"]

_DONE = {
    "pause": "Die Warteschlange ist angehalten; ihre Aufgaben liegen noch da.",
    "drain": "Die Warteschlange ist leer, Worker und Beat stehen.",
    "resume": "Worker und Beat arbeiten wieder.",
}


@dataclass(frozen=True)
class Seen:
    """Both services and the queue."""

    worker: Standing
    beat: Standing
    load: Load


class PauseQueue:
    """Halts the task queue, or lets it go on, within a run.

    Args:
        run: The run.
        action: ``pause`` leaves the tasks, ``drain`` works them off first, ``resume`` goes on.
    """

    def __init__(self, run: Run, *, action: PauseAction) -> None:
        self._run = run
        self._action = action
        self._queueing = Queueing(run)
        services = run.environment.services
        self._wanted = {name: services[name].scaling for name in ("worker", "beat")}

    def observe(self) -> Seen:
        """Read both services and the queue; change nothing."""
        with self._run.step("observe", "Beobachten", self._queueing.policy.sample):
            seen = self._look()
        show(self._table("Beobachtung", seen), *by_hand(seen.worker, seen.beat))
        return seen

    def check(self, seen: Seen) -> Seen:
        """Let the run go on only if every check is green.

        Raises:
            CheckFailed: one is red.
        """
        if self._run.earlier_plan("pause_queue") is not None:
            show(Notice("Geprüft wurde, bevor der Lauf begann; er wird fortgesetzt."))
            return seen
        checks = check_pause(
            self._action,
            seen.worker.state,
            seen.beat.state,
            seen.worker.scaling,
            self._wanted["beat"],
            seen.beat.measured,
        )
        show(checks_table(checks, check_text))
        for check in checks:
            if not check.passed:
                raise CheckFailed(check)
        return seen

    def plan(self, checked: Seen) -> Plan:
        """Plan what is to be done and its way back; show it."""
        earlier = self._run.earlier_plan("pause_queue")
        if earlier is not None:
            show(plan_table(earlier.plan, action_text))
            return earlier.plan
        worker, beat = checked.worker, checked.beat
        plan = plan_pause(
            self._action,
            (worker.state, worker.scaling, self._wanted["worker"]),
            (beat.state, beat.scaling, self._wanted["beat"]),
            environment=self._run.environment.name,
            policy=self._queueing.policy,
        )
        self._run.planned(plan)
        show(plan_table(plan, action_text))
        return plan

    def change(self, approved: Approved | Withheld) -> None:
        """Apply the plan, service by service."""
        if is_withheld(approved):
            withheld(approved)
            return
        self._queueing.apply(approved)

    def verify(self, approved: Approved | Withheld) -> None:
        """Wait until the real instances and the queue are as they should be.

        Raises:
            NotReached: that did not happen in time.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        deadline = self._queueing.policy.deadline
        end = time.monotonic() + deadline
        with self._run.step("verify", "Nachprüfen", deadline) as progress:
            while True:
                seen = self._look()
                problem = self._problem(seen)
                if not problem or time.monotonic() > end:
                    break
                progress.update(problem.rstrip("."))
                self._queueing.pause()
        show(self._table("Ergebnis", seen), *by_hand(seen.worker, seen.beat))
        verdict = "unhealthy" if problem else "healthy"
        self._run.journal.append("verdict", stage=self._action, verdict=verdict)
        if problem:
            raise NotReached(problem, self._run.id)
        show(Notice(_DONE[self._action], Tone.GOOD))
        if self._action != "resume" and seen.load.in_hand:
            show(
                Notice(
                    f"{seen.load.in_hand} Aufgaben waren noch in Arbeit. Was ihr Worker nicht mehr"
                    " beenden konnte, gibt Celery nach einer Stunde erneut aus.",
                    Tone.WAIT,
                )
            )

    def _look(self) -> Seen:
        worker, beat = (self._queueing.standing(name) for name in ("worker", "beat"))
        return Seen(worker, beat, self._queueing.load())

    def _problem(self, seen: Seen) -> str:
        """Return what is not as it should be; empty if all is."""
        for name, standing in (("worker", seen.worker), ("beat", seen.beat)):
            resumed = self._action == "resume"
            wanted = automatic(self._wanted[name]) if resumed else exactly(0)
            if not same(standing.scaling, wanted):
                return f"Jemand anderes hat {name} seither anders skaliert."
            if not standing.state.settled:
                return f"{name} ist noch nicht in Ruhe."
            count, measured = instances_of(wanted), standing.measured
            if measured is not None and (measured < count or (measured and not resumed)):
                return f"Von {name} laufen {measured} Instanzen statt {count}."
        if seen.beat.measured is not None and seen.beat.measured > 1:
            return f"Beat läuft {seen.beat.measured}-mal."
        if self._action != "resume" and seen.load.taken:
            return f"Noch holt jemand Aufgaben ab: {seen.load.taken} seit dem letzten Blick."
        if self._action == "drain" and seen.load.length:
            return f"Noch warten {seen.load.length} Aufgaben."
        return ""

    @staticmethod
    def _table(title: str, seen: Seen) -> Table:
        rows = [*standing_rows(seen.worker), *standing_rows(seen.beat), *load_rows(seen.load)]
        return Table(title, ("", ""), rows)
