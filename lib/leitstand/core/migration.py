"""Migrations as decisions: what is pending, what it does, and the plans that apply it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.job import JobState, prepared_template
from leitstand.core.plan import Action, Plan
from leitstand.core.release import Image
from leitstand.core.schema import schema_version
from leitstand.core.statements import Effect, Statement, judge_migration
from leitstand.core.workloads import Job

__all__ = [
    "ADVISORY_LOCK",
    "PREPARATION",
    "VECTORS",
    "Finding",
    "Migration",
    "Stage",
    "plan_migration",
    "plan_preparation",
    "read_migrations",
    "version_after",
]

ADVISORY_LOCK = (19539, 1)
"""The advisory lock that the job holds while it migrates: class and number."""

PREPARATION = "migrate/preparation"
VECTORS = "vectors"
"""The app whose migrations are the stage “Vector-Schema-Migrations”."""

_LOCK_TIMEOUT = "1s"

_LOCK_WAIT = {"MIGRATE_LOCK_WAIT": "5"}
"""Seconds: the session of an attempt that was killed holds the lock until the server notices."""


@dataclass(frozen=True)
class Finding:
    """What the linter says of one statement.

    Attributes:
        statement: Position of the statement in its migration, from 0.
        rule: The linter's name of its rule.
        message: The linter's own words.
    """

    statement: int
    rule: str
    message: str


@dataclass(frozen=True)
class Migration:
    """A pending migration.

    Attributes:
        name: App and name, e.g. ``documents.0002_bookmarks``.
        atomic: Whether it runs in one transaction.
        statements: What it executes, each with its verdict.
        sql: Its text as the application would execute it.
    """

    name: str
    atomic: bool
    statements: tuple[Statement, ...]
    sql: str

    @property
    def app(self) -> str:
        """The app that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def effect(self) -> Effect:
        """What it does: the worst of its statements."""
        least = Effect.HARMLESS if self.atomic else Effect.NOT_TRANSACTIONAL
        return max((s.effect for s in self.statements), default=least)

    @property
    def digest(self) -> str:
        """SHA-256 over its SQL, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """One of the two stages, each with a plan, an approval and an execution of its own.

    Attributes:
        plan: Name of its plan.
        app: App whose migrations it applies.
        action: Id of the action that applies them.
        backup: Id of the backup before it.
    """

    plan: str
    app: str
    action: str
    backup: str

    @classmethod
    def schema(cls, app: str) -> "Stage":
        """Return the stage of the schema that code depends on."""
        return cls("migrate/schema", app, "migrate", "backup")

    @classmethod
    def vectors(cls) -> "Stage":
        """Return the stage of the vector store."""
        return cls("migrate/vectors", VECTORS, "migrate-vectors", "backup-vectors")


def read_migrations(
    pending: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]
) -> tuple[Migration, ...]:
    """Return what the job's ``plan`` told, with a verdict for each statement.

    Args:
        pending: In the order of execution: ``migration``, ``atomic`` and ``sql`` of each.
        sizes: Bytes by name of table.
    """
    new: set[str] = set()
    return tuple(
        Migration(
            name=str(entry["migration"]),
            atomic=bool(entry["atomic"]),
            statements=judge_migration(
                str(entry["sql"]), atomic=bool(entry["atomic"]), sizes=sizes, new=new
            ),
            sql=str(entry["sql"]),
        )
        for entry in pending
    )


def version_after(live: int, migrations: Sequence[Migration], app: str) -> int:
    """Return the schema version that holds once these migrations are applied."""
    names = (m.name.partition(".")[2] for m in migrations if m.app == app)
    return max(live, schema_version(names))


def plan_preparation(job: JobState, image: Image, limits: Job, environment: Environment) -> Plan:
    """Return the plan that gives the job the image, and asks it what is pending.

    ``RunJob`` cannot choose the image, and only the image knows its migrations: so the very job
    that will migrate is brought to it first, and only reads.
    The way back gives the job its old image again.
    """
    template = prepared_template(job.template, image.by_digest, limits.timeout, limits.max_retries)
    update = {"template": template, "generation": job.generation}
    return Plan(
        runbook=PREPARATION,
        environment=environment.name,
        target=job.name,
        basis={"image": job.image},
        actions=(
            Action("job", "update_job", job.name, update),
            Action("plan", "plan_job", job.name, {"args": ["plan"], "image": image.by_digest}),
        ),
        way_back=(Action("job-back", "update_job", job.name, {"template": dict(job.template)}),),
        returns_by_itself=False,
    )


def plan_migration(
    stage: Stage,
    pending: Sequence[Migration],
    *,
    environment: Environment,
    instance: str,
    image: str,
    run: str,
    statement_timeout: int,
    repair: bool = False,
) -> Plan:
    """Return the plan of one stage; without actions when nothing is pending.

    A backup comes first when a statement takes something away that only a recovery brings back.
    There is no way back that the run could take itself: migrations are not reversed.

    Args:
        pending: Everything that is pending, in order; only the stage's own is planned.
        instance: Full name of the Cloud SQL instance.
        image: Image by digest that the job must have.
        run: Id of the run; it names the backup.
        statement_timeout: Seconds that one statement of an atomic migration may take.
        repair: Whether indexes that a broken run has left are dropped first; vectors only.
    """
    mine = [migration for migration in pending if migration.app == stage.app]
    repairs = repair and stage.app == VECTORS
    actions = []
    if any(migration.effect >= Effect.CONTRACTS for migration in mine):
        description = {"description": f"leitstand {run} {stage.action}"}
        actions.append(Action(stage.backup, "sql_backup", instance, description))
    if mine or repairs:
        arguments = {
            "args": ["migrate", stage.app, *(["--repair"] if repairs else [])],
            "env": {**_LOCK_WAIT, **_timeouts(mine, statement_timeout)},
            "image": image,
            "restore_point": {"instance": instance, "atomic": all(m.atomic for m in mine)},
        }
        job = environment.job_name("migrate")
        actions.append(Action(stage.action, "run_job", job, arguments))
    return Plan(
        runbook=stage.plan,
        environment=environment.name,
        target=instance,
        basis={"image": image, "migrations": {m.name: m.digest for m in mine}},
        actions=tuple(actions),
        returns_by_itself=False,
    )


def _timeouts(migrations: Sequence[Migration], statement_timeout: int) -> dict[str, str]:
    """Return the timeouts of a stage.

    A statement that waits for its lock blocks all that come after it, so it gives up soon.
    CREATE INDEX CONCURRENTLY blocks nobody, waits for old transactions, and takes its time: a
    timeout would leave an invalid index. A mixture is left to the job, which knows each.
    """
    if all(m.atomic for m in migrations):
        return {
            "MIGRATE_LOCK_TIMEOUT": _LOCK_TIMEOUT,
            "MIGRATE_STATEMENT_TIMEOUT": f"{statement_timeout}s",
        }
    if not any(m.atomic for m in migrations):
        return {"MIGRATE_LOCK_TIMEOUT": "0", "MIGRATE_STATEMENT_TIMEOUT": "0"}
    return {}
