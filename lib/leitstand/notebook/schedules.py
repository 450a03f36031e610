"""The verbs of the schedules runbook: look, check, plan, apply, look again."""

from collections.abc import Sequence

from leitstand.core.errors import GateRefused, RunFailed
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.schedule.checking import Checked
from leitstand.core.schedule.expansion import JOB, TRIGGER
from leitstand.execution.executor import Executor
from leitstand.execution.schedule_handlers import schedule_handlers
from leitstand.execution.scheduling import ObservedSchedules, Scheduling
from leitstand.notebook.provision_views import problems_view
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.schedules_file import load_schedules
from leitstand.notebook.views import Notice, Row, Table, Tone, show

__all__ = ["ScheduleRefused", "Schedules", "SchedulesDiffer"]


class ScheduleRefused(GateRefused):
    """The APIs would refuse what the schedules need."""

    def __init__(self, first: str) -> None:
        super().__init__(
            f"Die Zeitpläne verlangen, was Google Cloud nicht kennt: {first}",
            "Korrigieren Sie config/schedules.yaml oder den Job maintenance der Umgebung.",
        )


class SchedulesDiffer(RunFailed):
    """The schedules are not yet as the file wants them.

    Attributes:
        keys: Keys of what is missing, deviates or is left over.
    """

    def __init__(self, keys: Sequence[str], run: str) -> None:
        super().__init__(
            f"Die Zeitpläne sind noch nicht wie vereinbart: {', '.join(keys)}.",
            f"Setzen Sie den Lauf fort: leitstand resume {run}.",
        )
        self.keys = tuple(keys)


class Schedules:
    """The schedules of an environment, within a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        file = load_schedules()
        self._entries = [one for one in file.entries if run.environment.name in one.values]
        self._scheduling = Scheduling(run.connection, file.entries, file.time_zone)
        self._time_zone = file.time_zone

    def observe(self) -> ObservedSchedules:
        """Read the file, and which jobs there are; change nothing."""
        show(_entries_table(self._entries, self._run.environment.name, self._time_zone))
        with self._run.step("observe", "Beobachten"):
            seen = self._scheduling.observe()
        self._run.journal.append(
            "observation",
            calls=self._run.connection.rest.calls,
            deviations=[deviation.key for deviation in seen.deviations],
            leftovers=[one.key for one in seen.left],
        )
        return seen

    def check(self, seen: ObservedSchedules) -> ObservedSchedules:
        """Check what is wanted against the APIs' own descriptions.

        Raises:
            ScheduleRefused: an API would refuse something; there will be no plan.
        """
        problems = self._scheduling.problems(seen.resources)
        show(problems_view(problems))
        if problems:
            raise ScheduleRefused(problems[0].message)
        return seen

    def plan(self, seen: ObservedSchedules) -> Plan:
        """Plan what makes the jobs as the file says; show it.

        Raises:
            SchedulesWithheld: something is unreadable.
        """
        earlier = self._run.earlier_plan("schedules")
        if earlier is not None:
            show(_plan_view(earlier.plan))
            return earlier.plan
        plan = self._scheduling.plan(seen)
        self._run.planned(plan)
        show(_plan_view(plan))
        return plan

    def apply(self, approved: Approved | Withheld) -> None:
        """Remove, make and change the jobs, one after the other."""
        if is_withheld(approved):
            withheld(approved)
            return
        actions = approved.plan.actions
        executor = Executor(approved, self._run.journal, schedule_handlers(self._run.connection))
        with self._run.step("apply", "Zeitpläne einrichten") as progress:
            for number, action in enumerate(actions, 1):
                progress.update(f"{number} von {len(actions)}: {_subject(action)}")
                executor.apply(action.id)
        show(Notice(f"{len(actions)} Aktionen sind ausgeführt.", Tone.GOOD))

    def verify(self, approved: Approved | Withheld) -> None:
        """Read everything again.

        Raises:
            SchedulesDiffer: something is not as the file says.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        with self._run.step("verify", "Nachprüfen"):
            seen = self._scheduling.observe()
        keys = [deviation.key for deviation in seen.deviations] + [one.key for one in seen.left]
        verdict = "unhealthy" if keys else "healthy"
        self._run.journal.append("verdict", stage="schedules", verdict=verdict)
        if keys:
            raise SchedulesDiffer(keys, self._run.id)
        show(Notice("Alle Zeitpläne sind, wie die Datei sie beschreibt.", Tone.GOOD))


def _entries_table(entries: Sequence[Checked], environment: str, time_zone: str) -> Table:
    rows = [
        Row((
            one.entry.name,
            one.entry.runbook,
            one.entry.cron,
            "ja" if one.values[environment].get("apply") else "nein",
        ))
        for one in entries
    ]  # fmt: skip
    columns = ("Zeitplan", "Runbook", f"Wann ({time_zone})", "Ändert etwas")
    return Table(f"Zeitpläne auf {environment}", columns, rows)


def _plan_view(plan: Plan) -> Table | Notice:
    name = f"Plan {plan.digest[:12]}"
    if not plan.actions:
        return Notice(f"{name}: nichts zu tun.", Tone.GOOD)
    rows = [
        Row((_subject(action), _VERBS[action.kind], _detail(action))) for action in plan.actions
    ]
    return Table(f"{name}: {len(rows)} Aktionen", ("Ressource", "Was", "Womit"), rows)


_VERBS = {
    "create_resource": "anlegen",
    "update_resource": "ändern",
    "replace_resource": "ersetzen",
    "delete_resource": "löschen",
}


def _subject(action: Action) -> str:
    return f"{action.arguments['kind']}/{action.arguments['id']}"


def _detail(action: Action) -> str:
    wanted = action.arguments["wanted"]
    match action.arguments["kind"] if wanted else "":
        case kind if kind == JOB:
            arguments = wanted["template"]["template"]["containers"][0]["args"]
            return f"leitstand {' '.join(arguments)}"
        case kind if kind == TRIGGER:
            return f"{wanted['schedule']} ({wanted['timeZone']})"
    return "–"
