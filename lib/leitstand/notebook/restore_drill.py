"""The verbs of the restore drill: clone, prove, measure, delete."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from leitstand.cloud.sql import CloudSql
from leitstand.core.clone_checks import check_clone
from leitstand.core.drill import drill_times, plan_drill
from leitstand.core.errors import Finding, RunFailed
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.release_checks import Check
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.recovery import executor_for
from leitstand.notebook.rollback_observer import Observer
from leitstand.notebook.rollback_views import checks_table, plan_table
from leitstand.notebook.rollback_wording import action_title
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.notebook.wording import number

__all__ = ["Drilled", "NotRecoverable", "RestoreDrill"]


class NotRecoverable(Finding):
    """A clone of the drill did not prove itself."""

    def __init__(self, clones: list[str]) -> None:
        super().__init__(
            f"Die Wiederherstellung hat sich nicht bewiesen: {', '.join(clones)}.",
            "Klären Sie die roten Prüfungen, bevor Sie sich auf sie verlassen.",
        )
        self.clones = clones


@dataclass(frozen=True)
class Drilled:
    """What one clone showed.

    Attributes:
        id: ``newest`` or ``random``.
        target: The time that was recovered.
        seconds: From the start of the clone until it was proven.
        checks: Its checks.
    """

    id: str
    target: datetime
    seconds: float
    checks: tuple[Check, ...]


class RestoreDrill:
    """Clones an instance to two times, checks the clones, and deletes them, within a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sql = CloudSql(run.connection)
        self._access = DatabaseAccess(run.connection)
        self._observer = Observer(run.connection, revision="", rescue=run.directory.path)
        self._service = run.environment.service_name(str(run.parameters["service"]))

    def plan(self) -> Plan:
        """Read the window, choose the times, and show the plan."""
        from leitstand.database.connection import connect
        from leitstand.database.schema import applied_migrations

        earlier = self._run.earlier_plan("restore_drill")
        if earlier is not None:
            show(plan_table(earlier.plan))
            return earlier.plan
        source = self._access.instance
        with self._run.step("observe", "Beobachten"):
            with connect(self._access.administrator_url(source)) as connection:
                applied = applied_migrations(connection)
            window = self._sql.recovery_window(source)
            taken = self._sql.instance_names(self._run.environment.project)
        last = max((migration.applied_at for migration in applied), default=None)
        lag = (datetime.now(UTC) - window.latest).total_seconds()
        self._run.journal.append("drill.window", latest=window.latest, rpo_seconds=round(lag, 3))
        plan = plan_drill(
            drill_times(window, last, random.random()),
            environment=self._run.environment.name,
            source=source,
            taken=taken,
        )
        self._run.planned(plan)
        show(plan_table(plan))
        return plan

    def clone(self, approved: Approved | Withheld) -> tuple[Drilled, ...] | Withheld:
        """Make each clone, check it, and measure how long both took together."""
        if is_withheld(approved):
            return withheld(approved)
        return tuple(
            self._drill(approved, action)
            for action in approved.plan.actions
            if action.kind == "sql_clone"
        )

    def remove(self, approved: Approved | Withheld) -> None:
        """Delete all clones of the drill."""
        if is_withheld(approved):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            if action.kind == "sql_delete":
                with self._run.step(action.id, action_title(action)) as progress:
                    executor.apply(action.id, progress.update)

    def report(self, drilled: tuple[Drilled, ...] | Withheld) -> None:
        """Show and journal the figures.

        Raises:
            NotRecoverable: a check was red.
        """
        if isinstance(drilled, Withheld):
            withheld(drilled)
            return
        measured = [e for e in self._run.journal if e["event"] == "drill.window"]
        lag = float(str(measured[-1]["rpo_seconds"]))
        rows = [
            Row(
                (one.id, f"{one.target:%Y-%m-%d %H:%M:%S} UTC", f"{number(one.seconds)} s"),
                Tone.GOOD if all(check.passed for check in one.checks) else Tone.BAD,
            )
            for one in drilled
        ]
        show(Table("Wiederherstellung", ("Klon", "Zeitpunkt", "RTO"), rows))
        show(Notice(f"RPO: Der neueste Zeitpunkt lag {number(lag)} s zurück."))
        self._run.journal.append(
            "drill.measured",
            rpo_seconds=lag,
            rto_seconds={one.id: round(one.seconds, 3) for one in drilled},
        )
        failed = [one.id for one in drilled if not all(check.passed for check in one.checks)]
        if failed:
            raise NotRecoverable(failed)

    def _drill(self, approved: Approved, action: Action) -> Drilled:
        target = datetime.fromisoformat(action.arguments["point_in_time"])
        executor = executor_for(approved, self._run.journal, self._run.connection)
        with self._run.step(action.id, action_title(action)) as progress:
            executor.apply(action.id, progress.update)
            progress.update("Klon prüfen")
            clone = self._access.instance_name(action.arguments["clone"])
            try:
                checks = self._checks(clone, target)
            except RunFailed as error:
                checks = (Check("clone_readable", False, {"reason": error.message}),)
        show(checks_table(checks))
        return Drilled(action.id.removeprefix("clone-"), target, progress.state.elapsed, checks)

    def _checks(self, clone: str, target: datetime) -> tuple[Check, ...]:
        """Check a clone, given by its full name, against the instance it was made from."""
        from leitstand.database.connection import connect
        from leitstand.database.inventory import read_inventory

        with connect(self._access.administrator_url(clone)) as connection:
            inventory = read_inventory(connection)
        with connect(self._access.administrator_url(self._access.instance)) as connection:
            source = read_inventory(connection)
        serving, _ = self._observer.serving(self._observer.cloud.service(self._service))
        return check_clone(
            inventory,
            source,
            target=target,
            schema_app=self._access.settings.schema_app,
            code=serving.schema,
            roles=self._access.settings.roles,
        )
