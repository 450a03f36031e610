"""The verbs of the runbook about logs: look, check, plan, repair, prove with an entry."""

from collections.abc import Sequence
from datetime import UTC, datetime

from leitstand.cloud.log_routing import LogRouting
from leitstand.core.desired import desired
from leitstand.core.log_retention import LogState, WantedLogs, check_logs, wanted_logs, why_lost
from leitstand.core.log_retention_plan import plan_logs, shortened
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.release_checks import Check
from leitstand.execution.log_handlers import ProbeLost
from leitstand.execution.recovery import executor_for
from leitstand.notebook.log_retention_wording import (
    LogsNotAsWanted,
    LogsStillWrong,
    ProbeNotArrived,
    action_text,
    check_text,
)
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show

__all__ = ["LogRetention"]


class LogRetention:
    """Keeps logs as long as wanted, and proves that their export arrives, within a run.

    Args:
        run: The run.
        shorten: Whether retention that is longer than wanted is shortened.
    """

    def __init__(self, run: Run, *, shorten: bool = False) -> None:
        self._run = run
        self._shorten = shorten
        self._routing = LogRouting(run.connection)
        # No name of what belongs to logs holds the project's number.
        self._wanted: WantedLogs = wanted_logs(desired(run.environment, ""))

    def observe(self) -> LogState:
        """Read buckets, sinks, datasets and the newest rows; change nothing."""
        with self._run.step("observe", "Beobachten"):
            seen = self._read()
        rows = []
        for bucket in seen.buckets:
            locked = ", gesperrt" if bucket.locked else ""
            rows.append(Row((f"Log-Bucket {bucket.id}", f"{bucket.days} Tage{locked}")))
        for sink in seen.sinks:
            left_out = f"; Ausschlüsse: {', '.join(sink.exclusions)}" if sink.exclusions else ""
            state = "ausgeschaltet; " if sink.disabled else ""
            rows.append(Row((f"Senke {sink.id}", f"{state}nach {sink.destination}{left_out}")))
        for dataset, arrival in seen.arrivals.items():
            at = f"{arrival.at:%Y-%m-%d %H:%M:%S} UTC in {arrival.table}"
            rows.append(Row((f"Neueste Zeile in {dataset.rpartition('/')[2]}", at)))
        show(Table("Beobachtung", ("", ""), rows))
        return seen

    def check(self, seen: LogState) -> None:
        """Show what is as wanted, and what is not; a red check leads to the plan."""
        show(_checks("Vorprüfung", check_logs(self._wanted, seen, self._hours)))
        if not self._wanted.sinks:
            show(Notice("Diese Umgebung exportiert keine Logs nach BigQuery."))
        for bucket, (days, fewer) in shortened(self._wanted, seen).items():
            text = f"{bucket} behält Einträge {days} Tage, vereinbart sind {fewer}."
            kept = (
                f" Kürzen löscht alles, was älter als {fewer} Tage ist."
                if self._shorten
                else " Das bleibt so, solange shorten auf False steht."
            )
            show(Notice(text + kept, Tone.WAIT))

    def plan(self, seen: LogState) -> Plan:
        """Plan what brings logs to what is wanted, and the proof; a resumed run keeps its plan."""
        earlier = self._run.earlier_plan("log_retention")
        if earlier is not None:
            show(_plan(earlier.plan))
            return earlier.plan
        environment = self._run.environment
        plan = plan_logs(
            self._wanted,
            seen,
            environment=environment.name,
            project=environment.project,
            shorten=self._shorten,
            probe_deadline=environment.log_retention.probe_deadline,
        )
        self._run.planned(plan)
        show(_plan(plan))
        return plan

    def apply(self, approved: Approved | Withheld) -> None:
        """Change what is planned, and wait for the probe entries.

        Raises:
            ProbeNotArrived: an entry did not arrive; says why.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            deadline = action.arguments.get("deadline")
            with self._run.step(action.id, action_text(action), deadline) as progress:
                try:
                    executor.apply(action.id, progress.update)
                except ProbeLost as lost:
                    raise self._cause(action, lost) from lost

    def verify(self, approved: Approved | Withheld) -> None:
        """Look again.

        Raises:
            LogsNotAsWanted: the run only looked, and a check is red.
            LogsStillWrong: the plan was applied, and a check is red all the same.
        """
        with self._run.step("verify", "Nachprüfen"):
            checks = check_logs(self._wanted, self._read(), self._hours)
        show(_checks("Nachprüfung", checks))
        failed = [": ".join(check_text(check)) for check in checks if not check.passed]
        verdict = "unhealthy" if failed else "healthy"
        self._run.journal.append("verdict", stage="logs", verdict=verdict)
        if failed and is_withheld(approved):
            raise LogsNotAsWanted(failed)
        if failed:
            raise LogsStillWrong(failed)
        show(Notice("Die Logs werden aufbewahrt und exportiert wie vereinbart.", Tone.GOOD))

    @property
    def _hours(self) -> float:
        return self._run.environment.log_retention.newest_row_hours

    def _read(self) -> LogState:
        names = dict.fromkeys(sink.dataset for sink in self._wanted.sinks)
        datasets = {name: found for name in names if (found := self._routing.dataset(name))}
        rows = {name: row for name in datasets if (row := self._routing.newest_row(name))}
        return LogState(
            datetime.now(UTC), self._routing.buckets(), self._routing.sinks(), datasets, rows
        )

    def _cause(self, action: Action, lost: ProbeLost) -> ProbeNotArrived:
        seen = self._read()
        wanted = next(sink for sink in self._wanted.sinks if sink.name == lost.sink)
        logged = self._routing.is_logged(action.target, lost.entry)
        cause = why_lost(wanted, seen, logged=logged)
        self._run.journal.append("log.probe_lost", sink=lost.sink, cause=cause.value)
        return ProbeNotArrived(lost.sink, cause)


def _checks(title: str, checks: Sequence[Check]) -> Table:
    rows = [Row(check_text(check), Tone.GOOD if check.passed else Tone.BAD) for check in checks]
    return Table(title, ("Prüfung", "Beleg"), rows)


def _plan(plan: Plan) -> Table:
    rows = [Row((action.id, action_text(action))) for action in plan.actions]
    rows += [Row((f"Rückweg: {action.id}", action_text(action))) for action in plan.way_back]
    title = f"Plan {plan.digest[:12]}"
    return Table(title, ("Aktion", "Was geschieht"), rows, "Nichts zu tun.")
