"""The verbs of the migration runbook: look, ask, judge, migrate, look again."""

from dataclasses import dataclass
from typing import Literal

from leitstand.core.errors import RolledBack
from leitstand.core.migration import (
    PREPARATION,
    Finding,
    Migration,
    Stage,
    plan_migration,
    plan_preparation,
    read_migrations,
    version_after,
)
from leitstand.core.migration_checks import (
    MigrationObservation,
    check_preconditions,
    check_statements,
)
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.predictions.prediction import PredictionDeparted
from leitstand.core.release_checks import Check
from leitstand.core.schema import schema_version
from leitstand.core.statements import Effect
from leitstand.execution.recovery import executor_for
from leitstand.execution.rollout import take_back
from leitstand.notebook.migrate_check_wording import MigrationRefused, check_text, refuse
from leitstand.notebook.migrate_observer import MigrationObserver
from leitstand.notebook.migrate_views import (
    observation_table,
    plan_table,
    result_table,
    statements_table,
    ways_back_table,
)
from leitstand.notebook.migrate_wording import MigrationIncomplete, action_title
from leitstand.notebook.plan_views import checks_table
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["Checked", "Migrate", "Prepared", "Reviewed"]

_ALLOWED = {
    "expands": Effect.NOT_TRANSACTIONAL,
    "locks": Effect.LOCKS,
    "contracts": Effect.CONTRACTS,
    "destroys": Effect.DESTROYS,
}


@dataclass(frozen=True)
class Checked:
    """An observation whose preconditions are all green."""

    seen: MigrationObservation


@dataclass(frozen=True)
class Prepared:
    """A job that has the image, and what it says is pending."""

    checked: Checked
    approved: Approved
    pending: tuple[Migration, ...]


@dataclass(frozen=True)
class Reviewed:
    """Pending migrations that may be applied; only from them a plan is made."""

    prepared: Prepared
    checks: tuple[Check, ...]


class Migrate:
    """The migration of the database to one image, within a run."""

    def __init__(
        self,
        run: Run,
        *,
        image: str,
        allow: Literal["expands", "locks", "contracts", "destroys"],
        downtime: bool,
        statement_timeout: int,
        repair: bool,
    ) -> None:
        self._run = run
        self._allow = _ALLOWED[allow]
        self._downtime = downtime
        self._statement_timeout = statement_timeout
        self._repair = repair
        self._observer = MigrationObserver(run, image)
        self._schema = Stage.schema(self._observer.schema_app)
        self._vectors = Stage.vectors()

    def observe(self) -> MigrationObservation:
        """Read image, job, database, instance and the code that serves; change nothing."""
        with self._run.step("observe", "Beobachten") as progress:
            seen = self._observer.observe(progress.update)
        show(observation_table(seen))
        return seen

    def check(self, seen: MigrationObservation) -> Checked:
        """Show all preconditions.

        Raises:
            MigrationRefused: one is red; there will be no plan.
        """
        if self._under_way():
            show(Notice("Der Lauf wird fortgesetzt; seine Prüfungen waren grün.", Tone.GOOD))
            return Checked(seen)
        environment = self._run.environment
        checks = check_preconditions(
            seen,
            self._observer.log_days,
            require_signature=environment.artifact_registry.require_signature,
            repair=self._repair,
        )
        show(checks_table(checks, check_text))
        refuse(checks)
        return Checked(seen)

    def plan_preparation(self, checked: Checked) -> Plan:
        """Plan how the job gets the image and tells what is pending; show it."""
        earlier = self._run.earlier_plan(PREPARATION)
        if earlier is not None:
            show(plan_table(earlier.plan))
            return earlier.plan
        environment = self._run.environment
        seen = checked.seen
        return self._made(
            plan_preparation(seen.job, seen.image, environment.jobs["migrate"], environment)
        )

    def prepare(self, checked: Checked, approved: Approved | Withheld) -> Prepared | Withheld:
        """Give the job the image, and ask it; the database stays as it is."""
        if is_withheld(approved):
            return withheld(approved)
        self._apply(approved)
        executor = executor_for(approved, self._run.journal, self._run.connection)
        pending = executor.apply("plan")["pending"]
        migrations = read_migrations(pending, checked.seen.database.sizes)
        return Prepared(checked, approved, migrations)

    def review(self, prepared: Prepared | Withheld) -> Reviewed | Withheld:
        """Show every statement with its verdict, and whether it may be executed.

        Raises:
            MigrationRefused: it may not; the job has its old image again.
        """
        from leitstand.execution.lint import lint

        if isinstance(prepared, Withheld):
            return withheld(prepared)
        findings: dict[str, tuple[Finding, ...]] = {}
        for migration in prepared.pending:
            findings[migration.name] = lint(migration)
            show(statements_table(migration, findings[migration.name]))
        seen = prepared.checked.seen
        version = version_after(seen.version, prepared.pending, self._schema.app)
        self._run.journal.append(
            "migration.reviewed",
            version=version,
            migrations={m.name: m.effect.word for m in prepared.pending},
            findings={name: [f.rule for f in found] for name, found in findings.items()},
        )
        if not prepared.pending:
            show(Notice("Nichts steht an: Alle Migrationen des Abbilds sind angewandt.", Tone.GOOD))
        if self._under_way():
            return Reviewed(prepared, ())
        checks = check_statements(
            seen, prepared.pending, version, allow=self._allow, downtime=self._downtime
        )
        show(checks_table(checks, check_text, title="Urteil"))
        failed = [check for check in checks if not check.passed]
        if failed:
            restored = self._take_back(prepared.approved, f"Prüfung {failed[0].id}.")
            raise MigrationRefused(failed[0], restored)
        return Reviewed(prepared, checks)

    def plan(self, reviewed: Reviewed | Withheld) -> Plan | Withheld:
        """Plan the schema migrations; show it."""
        return self._plan(self._schema, reviewed)

    def plan_vectors(self, reviewed: Reviewed | Withheld) -> Plan | Withheld:
        """Plan the stage Vector-Schema-Migrations; show it."""
        return self._plan(self._vectors, reviewed)

    def approve(self, plan: Plan | Withheld) -> Approved | Withheld:
        """Return a plan with an approval of its own.

        Raises:
            PredictionDeparted: no rehearsal had it; before the schema the job gets its old image.
        """
        if isinstance(plan, Withheld):
            return plan
        try:
            return self._run.approve(plan)
        except PredictionDeparted:
            prepared = self._run.earlier_plan(PREPARATION)
            if prepared is not None and plan.runbook == self._schema.plan:
                show(Notice(self._take_back(prepared, "Die Probe sagt anderes vorher.")))
            raise

    def execute(self, approved: Approved | Withheld) -> None:
        """Migrate one stage; show what runs and what holds it up.

        Raises:
            JobFailed: the class names the cause; the run can be resumed.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        self._apply(approved)

    def verify(self, reviewed: Reviewed | Withheld) -> None:
        """Read the database again: schema, indexes, and whether the running code understands it.

        Raises:
            MigrationIncomplete: something planned is not there.
        """
        if isinstance(reviewed, Withheld):
            withheld(reviewed)
            return
        with self._run.step("verify", "Nachprüfen"):
            database, serving = self._observer.database(), self._observer.serving()
        applied = {f"{app}.{name}" for app, names in database.applied.items() for name in names}
        names = [migration.name for migration in reviewed.prepared.pending]
        missing = [name for name in names if name not in applied]
        invalid = [i.name for i in database.health.invalid_indexes if not i.building]
        verdict = "unhealthy" if missing or invalid else "healthy"
        self._run.journal.append("verdict", stage="migrate", verdict=verdict)
        if missing or invalid:
            raise MigrationIncomplete(missing, invalid)
        before = reviewed.prepared.checked.seen.version
        after = schema_version(database.applied.get(self._schema.app, ()))
        show(result_table(before, after, names, serving))

    def show_ways_back(self, reviewed: Reviewed | Withheld) -> None:
        """Show how each migration could be undone."""
        if isinstance(reviewed, Withheld):
            withheld(reviewed)
            return
        show(ways_back_table(reviewed.prepared.pending, self._run.id))

    def _plan(self, stage: Stage, reviewed: Reviewed | Withheld) -> Plan | Withheld:
        if isinstance(reviewed, Withheld):
            return withheld(reviewed)
        earlier = self._run.earlier_plan(stage.plan)
        if earlier is not None:
            show(plan_table(earlier.plan))
            return earlier.plan
        return self._made(
            plan_migration(
                stage,
                reviewed.prepared.pending,
                environment=self._run.environment,
                instance=self._observer.access.instance,
                image=reviewed.prepared.checked.seen.image.by_digest,
                run=self._run.id,
                statement_timeout=self._statement_timeout,
                repair=self._repair,
            )
        )

    def _made(self, plan: Plan) -> Plan:
        self._run.planned(plan)
        show(plan_table(plan))
        return plan

    def _apply(self, approved: Approved) -> None:
        """Apply all actions, each as a step of its own."""
        executor = executor_for(approved, self._run.journal, self._run.connection)
        limits = self._run.environment.jobs["migrate"]
        longest = float(limits.timeout.removesuffix("s")) * (limits.max_retries + 1)
        for action in approved.plan.actions:
            of = longest if action.kind == "run_job" else None
            with self._run.step(action.id, action_title(action), of) as progress:
                executor.apply(action.id, progress.update)

    def _take_back(self, approved: Approved, reason: str) -> str:
        """Give the job its old image; return what holds then.

        Raises:
            RunFailed: that failed.
        """
        executor = executor_for(approved, self._run.journal, self._run.connection)
        restored = "Der Job hat wieder sein altes Abbild."
        ended = take_back(executor, self._run.journal, reason, restored)
        if not isinstance(ended, RolledBack):
            raise ended
        return restored

    def _under_way(self) -> bool:
        """Return whether this run has already begun to migrate."""
        stages = (self._schema, self._vectors)
        return any(self._run.earlier_plan(stage.plan) is not None for stage in stages)
