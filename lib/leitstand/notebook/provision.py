"""The verbs of the provisioning runbook: look, check, plan, seven steps, look again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from leitstand.core.errors import GateRefused, RunFailed
from leitstand.core.kinds import Step
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.execution.history import History
from leitstand.execution.parallel import Outcome, Schedule, Status
from leitstand.execution.provisioning import Observed, Provisioner
from leitstand.notebook.interactive_errors import CellOutOfOrder
from leitstand.notebook.progress import Progress
from leitstand.notebook.provision_views import (
    observation_table,
    outcome_table,
    plan_tables,
    problems_view,
    rest_table,
    step_title,
    withheld_table,
)
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["Checked", "Provision", "ProvisioningIncomplete", "WishesRefused"]


class WishesRefused(GateRefused):
    """The environment file asks for what the APIs would refuse."""

    def __init__(self, count: int, first: str) -> None:
        more = f" und {count - 1} weitere Stellen" if count > 1 else ""
        super().__init__(
            f"Die Umgebung verlangt, was Google Cloud nicht kennt: {first}{more}.",
            "Korrigieren Sie die genannten Stellen in config/environments.",
        )


class ProvisioningIncomplete(RunFailed):
    """The environment is not yet as wanted.

    Attributes:
        keys: Keys of what is missing or deviates, those that failed themselves first.
    """

    def __init__(self, keys: Sequence[str], run: str) -> None:
        named = ", ".join(keys[:5]) + (f" und {len(keys) - 5} weitere" if len(keys) > 5 else "")
        super().__init__(
            f"Die Umgebung ist noch nicht wie vereinbart: {named}.",
            "Beheben Sie, was die Tabelle nennt, und setzen Sie den Lauf fort:"
            f" leitstand resume {run}.",
        )
        self.keys = tuple(keys)


class _StepIncomplete(RunFailed):
    """Some of a step failed; the journal holds that, and the next step begins all the same."""

    def __init__(self, count: int) -> None:
        many = "Eine Ressource ist" if count == 1 else f"{count} Ressourcen sind"
        super().__init__(f"{many} fehlgeschlagen.", "")


@dataclass(frozen=True)
class Checked:
    """An observation whose wishes the APIs understand."""

    seen: Observed


class Provision:
    """The provisioning of an environment, within a run."""

    def __init__(self, run: Run, *, replace: Sequence[str] = ()) -> None:
        self._run = run
        self._replace = replace
        self._provisioner = Provisioner(run.connection)
        self._seen: Observed | None = None
        self._schedule: Schedule | None = None
        self._reasons: dict[str, str] = {}
        self._failed: set[str] = set()
        self._progress: Progress | None = None
        self._working: list[str] = []
        self._mine: set[str] = set()
        self._done: set[str] = set()

    def observe(self) -> Observed:
        """Read everything that is wanted; change nothing."""
        with self._run.step("observe", "Beobachten"):
            seen = self._provisioner.observe()
        self._run.journal.append("observation", calls=seen.calls, seconds=round(seen.seconds, 3))
        show(observation_table(seen))
        self._seen = seen
        return seen

    def check(self, seen: Observed) -> Checked:
        """Check the wishes against the APIs' own descriptions, and against each other.

        Raises:
            InputError: they contradict each other.
            WishesRefused: an API would refuse one; there will be no plan.
        """
        problems = self._provisioner.problems(seen.resources)
        show(problems_view(problems))
        if problems:
            raise WishesRefused(len(problems), problems[0].message.rstrip("."))
        return Checked(seen)

    def plan(self, checked: Checked) -> Plan:
        """Plan what makes everything as wanted; show it, and what is left out.

        A run that is resumed keeps its plan as long as that still makes everything as wanted.
        """
        made = self._provisioner.plan(checked.seen, self._replace)
        if made.withheld:
            show(withheld_table(made.withheld))
        left = {deviation.key: deviation for deviation in checked.seen.deviations}
        earlier = self._run.earlier_plan("provision")
        if earlier is not None and self._covers(earlier.plan, made.plan):
            show(*plan_tables(earlier.plan, left))
            return earlier.plan
        plan = made.plan
        self._run.planned(plan)
        show(*plan_tables(plan, left))
        return plan

    def step(self, approved: Approved | Withheld, number: int) -> None:
        """Apply one step of the plan, and read what came of it.

        What fails is shown and does not stop the rest; ``verify`` fails for it.
        """
        step = Step(number)
        if is_withheld(approved):
            withheld(approved)
            return
        mine = [a for a in approved.plan.actions if a.arguments["step"] == step]
        if not mine:
            show(Notice(f"{step_title(step)}: nichts im Plan.", Tone.GOOD))
            return
        self._mine = {action.id for action in mine}
        outcome = self._applied(approved, step)
        for key, error in outcome.failed.items():
            self._reasons[key] = f"{error.message}\n{error.advice}"
        self._reasons |= outcome.skipped
        self._failed |= set(outcome.failed)
        show(outcome_table(step, mine, outcome))
        self._check_step(step)

    def verify(self, approved: Approved | Withheld) -> None:
        """Read everything again.

        Raises:
            ProvisioningIncomplete: something is not as wanted.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        with self._run.step("verify", "Nachprüfen"):
            seen = self._provisioner.observe()
        left = seen.deviations
        verdict = "unhealthy" if left else "healthy"
        self._run.journal.append("verdict", stage="provision", verdict=verdict)
        if left:
            show(rest_table(left, self._reasons))
            causes_first = sorted(left, key=lambda deviation: deviation.key not in self._failed)
            raise ProvisioningIncomplete([d.key for d in causes_first], self._run.id)
        show(Notice("Die Umgebung ist wie vereinbart.", Tone.GOOD))

    def _covers(self, earlier: Plan, made: Plan) -> bool:
        """Return whether an earlier plan still does everything that a new one would."""
        kinds = {action.id: action.kind for action in earlier.actions}
        history = History.read(self._run.journal)
        return all(
            kinds.get(action.id) == action.kind and not history.action(action.id).done
            for action in made.actions
        )

    def _applied(self, approved: Approved, step: Step) -> Outcome:
        """Apply a step; failures end its progress and its entry in the journal, nothing more."""
        if self._schedule is None:
            if self._seen is None:  # begin() was executed again since
                raise CellOutOfOrder("seen", "Vorprüfung")
            self._schedule = self._provisioner.schedule(
                approved, self._seen, self._run.journal, self._watch
            )
        outcome = Outcome()
        with (
            suppress(_StepIncomplete),
            self._run.step(f"step-{step}", step_title(step)) as self._progress,
        ):
            outcome = self._schedule.run(step)
            failed = self._mine & set(outcome.failed)
            if failed:
                raise _StepIncomplete(len(failed))
        return outcome

    def _watch(self, id: str, status: Status, detail: str) -> None:
        """Say in the step's progress how much is open, and what is being worked on."""
        if status in {Status.STARTED, Status.WAITING}:
            self._working += [id] if id not in self._working else []
        else:
            self._working = [key for key in self._working if key != id]
        if status is Status.DONE:
            self._done.add(id)
        first, more = self._working[:2], len(self._working) - 2
        names = ", ".join(first) + (f" und {more} weitere" if more > 0 else "")
        if self._progress is not None:
            self._progress.update(f"noch {len(self._mine - self._done)}: {names}" if names else "")

    def _check_step(self, step: Step) -> None:
        """Read the step's resources again, and say whether they are as wanted."""
        left = [d for d in self._provisioner.observe(step).deviations if d.kind.step == step]
        if left:
            text = f"Noch nicht wie vereinbart: {', '.join(d.key for d in left)}."
            show(Notice(text, Tone.WAIT))
        else:
            show(Notice("Alles in diesem Schritt ist wie vereinbart.", Tone.GOOD))
