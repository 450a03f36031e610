"""The verbs of the rollback runbook: decide, prepare, prove, move over."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from leitstand.core.clone_checks import check_clone
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.recovery import check_target, clone_name, plan_preparation
from leitstand.core.release_checks import Check
from leitstand.core.schema import Decision, WayBack, decide_way_back
from leitstand.execution.history import History
from leitstand.execution.recovery import executor_for, give_back
from leitstand.notebook.live_schema import live_version
from leitstand.notebook.rollback_observer import Observer, Situation
from leitstand.notebook.rollback_views import (
    checks_table,
    loss_table,
    plan_table,
    situation_table,
    timing_table,
)
from leitstand.notebook.rollback_wording import CloneUnfit, CloneUnreadable, WayBackRefused
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Tone, show

if TYPE_CHECKING:
    from leitstand.core.recovery_types import LossReport

__all__ = ["Prepared", "Proven", "Rollback"]


@dataclass(frozen=True)
class Prepared:
    """A clone that is running; nothing of the application has moved."""

    situation: Situation | None
    clone: str


@dataclass(frozen=True)
class Proven:
    """A clone that was checked, with what would be lost; only from it a cut-over is planned."""

    prepared: Prepared
    checks: tuple[Check, ...]
    loss: "LossReport"


class Rollback:
    """The way back of one service, by traffic alone or with its database, within a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._environment = run.environment
        parameters = run.parameters
        self._name = self._environment.service_name(str(parameters["service"]))
        target, before_run = parameters["target"], str(parameters["before_run"])
        assert target is None or isinstance(target, datetime)
        if target is None and before_run:
            from leitstand.notebook.restore_points import restore_point_of

            target = restore_point_of(before_run)
        self._target = target
        self._asked = self._target is not None
        self._observer = Observer(
            run.connection,
            revision=str(parameters["revision"]),
            rescue=run.directory.path / "rescue",
        )
        self._access = self._observer.access

    def observe(self) -> Situation | None:
        """Read service, revisions, schema and recovery window, and decide; change nothing.

        A run that is resumed after its cut-over was approved has decided already: ``None``.

        Raises:
            WayBackRefused: no way back is open.
            OutsideWindow: the target cannot be recovered.
        """
        if self._run.earlier_plan("rollback/cut-over") is not None:
            show(Notice("Der Lauf wird fortgesetzt; die Umstellung ist freigegeben.", Tone.GOOD))
            return None
        with self._run.step("observe", "Beobachten") as progress:
            service = self._observer.cloud.service(self._name)
            progress.update("Revisionen")
            live = live_version(self._access, service)
            then = live_version(self._access, service, self._target) if self._target else None
            serving, goal = self._observer.revisions(service, then)
            progress.update("Datenbank")
            window = self._observer.sql.recovery_window(self._access.instance)
        now = datetime.now(UTC)
        if self._target is not None:
            check_target(self._target, window, now)
        if self._asked and self._target is not None:
            decision = Decision(WayBack.RECOVERY, "recovery_asked_for", now - self._target)
        else:
            decision = decide_way_back(
                goal.schema, live, restore_point=None, earliest=window.earliest, now=now
            )
        situation = Situation(service, serving, goal, live, window, self._target, decision)
        show(situation_table(situation))
        if decision.way in {WayBack.REFUSE, WayBack.FORWARD_FIX}:
            raise WayBackRefused(decision, goal.name)
        return situation

    def plan_preparation(self, situation: Situation | None) -> Plan:
        """Plan a backup of the damaged instance and a clone; show it.

        A clone that failed keeps its name; a resumed run plans another one.
        """
        earlier = self._run.earlier_plan("rollback/preparation")
        failed = History.read(self._run.journal).action("clone").status == "failed"
        if earlier is not None and (situation is None or not failed):
            show(plan_table(earlier.plan))
            return earlier.plan
        if situation is None or situation.target is None:
            plan = Plan(
                "rollback/preparation", self._environment.name, self._access.instance, {}, ()
            )
        else:
            taken = self._observer.sql.instance_names(self._environment.project)
            plan = plan_preparation(
                environment=self._environment.name,
                source=self._access.instance,
                target=situation.target,
                clone=clone_name(self._access.settings.instance, situation.target, taken),
                run=self._run.id,
            )
        self._run.planned(plan)
        show(plan_table(plan))
        return plan

    def prepare(
        self, situation: Situation | None, approved: Approved | Withheld
    ) -> Prepared | Withheld:
        """Save the damaged instance and make the clone; the application notices nothing."""
        if is_withheld(approved):
            if approved.plan.actions:
                return withheld(approved)
            return Prepared(situation, "")
        self._apply(approved)
        return Prepared(situation, str(approved.plan.basis.get("clone", "")))

    def prove(self, prepared: Prepared | Withheld) -> Proven | Withheld:
        """Check the clone, and count what exists on the damaged instance only; show both.

        Raises:
            CloneUnfit: a check is red; the application stays where it is.
        """
        from leitstand.core.recovery_types import LossReport
        from leitstand.database.connection import connect
        from leitstand.database.inventory import read_inventory
        from leitstand.database.loss import loss_report

        if isinstance(prepared, Withheld):
            return withheld(prepared)
        situation = prepared.situation
        if situation is None:
            return Proven(prepared, (), LossReport(datetime.now(UTC), ()))
        if not prepared.clone or situation.target is None:
            show(Notice("Der Verkehr allein genügt: Die Datenbank bleibt, wie sie ist.", Tone.GOOD))
            return Proven(prepared, (), LossReport(datetime.now(UTC), ()))
        source_url = self._access.administrator_url(self._access.instance)
        clone_url = self._access.administrator_url(self._access.instance_name(prepared.clone))
        with self._run.step("prove", "Klon prüfen") as progress:
            try:
                with connect(clone_url) as clone:
                    inventory = read_inventory(clone)
            except RunFailed as error:
                raise CloneUnreadable(error.message) from error
            with connect(source_url) as source:
                checks = check_clone(
                    inventory,
                    read_inventory(source),
                    target=situation.target,
                    schema_app=self._access.settings.schema_app,
                    code=situation.goal.schema,
                    roles=self._access.settings.roles,
                )
            progress.update("Verlust zählen")
            loss = loss_report(clone_url, source_url)
        show(checks_table(checks), loss_table(loss, situation.target))
        self._run.journal.append(
            "clone.checked",
            clone=prepared.clone,
            checks={check.id: check.passed for check in checks},
            loss={str(t.table): [t.inserted, t.changed, t.deleted] for t in loss.differing},
        )
        failed = [check for check in checks if not check.passed]
        if failed:
            raise CloneUnfit(failed[0])
        return Proven(prepared, checks, loss)

    def plan_cut_over(self, proven: Proven | Withheld) -> Plan | Withheld:
        """Plan how the application moves to the clone, or the traffic back alone; show it."""
        if isinstance(proven, Withheld):
            return withheld(proven)
        earlier = self._run.earlier_plan("rollback/cut-over")
        situation = proven.prepared.situation
        if earlier is not None:
            plan = earlier.plan
        else:
            assert situation is not None
            plan = self._observer.plan_cut_over(situation, proven.prepared.clone)
            self._run.planned(plan)
        show(plan_table(plan))
        return plan

    def approve_cut_over(self, plan: Plan | Withheld) -> Approved | Withheld:
        """Return the cut-over's plan with an approval of its own."""
        return plan if isinstance(plan, Withheld) else self._run.approve(plan)

    def cut_over(self, approved: Approved | Withheld) -> Approved | Withheld:
        """Move the application over.

        Raises:
            RolledBack: something failed before the application wrote to the clone; it works on
                the old instance again.
            RunFailed: something failed later; the run can be resumed.
        """
        if is_withheld(approved):
            return withheld(approved)
        try:
            self._apply(approved)
        except (LeitstandError, KeyboardInterrupt) as error:
            raise give_back(
                self._run.id, approved, self._run.journal, self._run.connection, error
            ) from error
        return approved

    def verify(self, moved: Approved | Withheld) -> None:
        """Ask the application whether it works on the clone, and prove that the old is closed."""
        if is_withheld(moved):
            withheld(moved)
            return
        with self._run.step("verify", "Nachprüfen"):
            service = self._observer.cloud.service(self._name)
            live = live_version(self._access, service)
            serving, _ = self._observer.serving(service)
        if serving.schema is None or not serving.schema.understands(live):
            raise RunFailed(
                f"Die Revision {serving.name} versteht die Schema-Version {live} nicht.",
                "Prüfen Sie, welche Revision den Verkehr hat.",
            )
        shares = ", ".join(f"{s.percent} % {s.revision}" for s in service.statuses if s.percent)
        show(Notice(f"{shares}, Schema-Version {live}.", Tone.GOOD))
        show(timing_table(self._run.journal.events()))
        if "clone" in moved.plan.basis:
            days = self._access.settings.keep_days
            old = moved.plan.target.rsplit("/", 1)[-1]
            until = datetime.now(UTC) + timedelta(days=days)
            show(Notice(f"Behalten Sie {old} bis zum {until:%d.%m.%Y}; dort liegt, was fehlt."))

    def _apply(self, approved: Approved) -> None:
        """Apply all actions, each as a step of its own, so that each is timed."""
        from leitstand.notebook.rollback_wording import action_title

        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            with self._run.step(action.id, action_title(action)) as progress:
                executor.apply(action.id, progress.update)
