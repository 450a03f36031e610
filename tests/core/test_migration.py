"""Migrations as decisions: verdicts, plans, and what must hold before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leitstand.configuration import load_environment
from leitstand.core.cut_over import pinned_version
from leitstand.core.database_state import (
    ArchiverState,
    Block,
    DatabaseHealth,
    InvalidIndex,
    LockHolder,
    OpenTransaction,
    PreparedTransaction,
    Session,
    VectorExtension,
)
from leitstand.core.job import JobState, prepared_template
from leitstand.core.migration import (
    Migration,
    Stage,
    plan_migration,
    plan_preparation,
    read_migrations,
    version_after,
)
from leitstand.core.migration_checks import (
    DatabaseReadings,
    MigrationObservation,
    check_preconditions,
    check_statements,
)
from leitstand.core.plan import Plan
from leitstand.core.recovery import RecoveryWindow
from leitstand.core.recovery_types import TableName
from leitstand.core.release import Image
from leitstand.core.schema import SchemaRange
from leitstand.core.service import RevisionState
from leitstand.core.statements import Effect

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ENVIRONMENT = load_environment("sandbox")
INSTANCE = "projects/leitstand-sandbox/instances/main"
SCHEMA, VECTORS = Stage.schema("documents"), Stage.vectors()
TEMPLATE: dict[str, Any] = {
    "task_count": 1,
    "template": {
        "containers": [
            {
                "image": "r/web:1.0.0",
                "env": [
                    {
                        "name": "DATABASE_URL",
                        "value_source": {
                            "secret_key_ref": {"secret": "database-url", "version": "3"}
                        },
                    }
                ],
            }
        ],
        "timeout": "600s",
        "max_retries": 3,
    },
}
JOB = JobState(ENVIRONMENT.job_name("migrate"), "etag", 4, TEMPLATE)
IMAGE = Image("web:2.0.0", "r", "sha256:abc", True, ("1.0.0", "2.0.0"), SchemaRange(3, 3))
SESSION = Session(7, "psql", "app", NOW, 3.0)
HEALTH = DatabaseHealth(
    "16.14", 1 << 20, False, (), ArchiverState(True, "1", NOW, 0, None, "2"), (),
    VectorExtension("0.8.5", "0.8.5"),
)  # fmt: skip
WEB = RevisionState(
    "web-1", "r/web@sha256:old", True,
    template={"annotations": {"leitstand.dev/schema-min": "1", "leitstand.dev/schema-max": "3"}},
)  # fmt: skip
GOOD = MigrationObservation(
    image=IMAGE,
    job=JOB,
    running=(),
    job_instance=True,
    serving={"web": (WEB,)},
    version=2,
    database=DatabaseReadings({"documents": ("0001_initial", "0002_bookmarks")}, HEALTH),
    settings={
        "backup_configuration": {
            "enabled": True,
            "point_in_time_recovery_enabled": True,
            "transaction_log_retention_days": 7,
        },
        "storage_auto_resize": True,
    },
    window=RecoveryWindow(NOW - timedelta(days=7), NOW - timedelta(minutes=2)),
    at=NOW,
)


def migrations(*entries: tuple[str, str], atomic: bool = True) -> tuple[Migration, ...]:
    pending = [{"migration": name, "atomic": atomic, "sql": sql} for name, sql in entries]
    return read_migrations(pending, {"documents": 1000})


EXPANDING = migrations(("documents.0003_n", "ALTER TABLE documents ADD COLUMN n int DEFAULT 0"))
CONTRACTING = migrations(("documents.0004_d", "ALTER TABLE documents DROP COLUMN n"))
INDEX = migrations(
    ("vectors.0003_i", "CREATE INDEX CONCURRENTLY i ON rag.embeddings (v)"), atomic=False
)


def plan(stage: Stage, pending: tuple[Migration, ...], **more: Any) -> Plan:
    return plan_migration(
        stage, pending, environment=ENVIRONMENT, instance=INSTANCE, image="r/web@sha256:abc",
        run="run-1", **{"statement_timeout": 5, **more},
    )  # fmt: skip


def failed(seen: MigrationObservation, *, signature: bool = True, repair: bool = False) -> set[str]:
    checks = check_preconditions(seen, 7, require_signature=signature, repair=repair)
    return {check.id for check in checks if not check.passed}


def with_database(**changes: Any) -> MigrationObservation:
    return replace(GOOD, database=replace(GOOD.database, **changes))


def test_a_good_observation_passes_every_precondition() -> None:
    assert set() == failed(GOOD)


INVALID = InvalidIndex("embeddings_ivfflat", TableName("rag", "embeddings"), "ivfflat", False)
BACKUP: dict[str, Any] = dict(GOOD.settings["backup_configuration"])

BAD: dict[str, tuple[str, MigrationObservation]] = {
    "no such image": ("image_exists", replace(GOOD, image=replace(IMAGE, digest=""))),
    "not signed": ("image_signed", replace(GOOD, image=replace(IMAGE, signed=False))),
    "the job runs": ("job_idle", replace(GOOD, running=("migrate-abc",))),
    "the job is elsewhere": ("job_uses_instance", replace(GOOD, job_instance=False)),
    "a migration runs": ("lock_free", with_database(holders=(LockHolder(7, "x", "app", NOW),))),
    "no PITR": (
        "recovery_enabled",
        replace(
            GOOD,
            settings={
                **GOOD.settings,
                "backup_configuration": {**BACKUP, "point_in_time_recovery_enabled": False},
            },
        ),
    ),
    "no settings": ("recovery_enabled", replace(GOOD, settings={"storage_auto_resize": True})),
    "too few days": (
        "recovery_enabled",
        replace(
            GOOD,
            settings={
                **GOOD.settings,
                "backup_configuration": {**BACKUP, "transaction_log_retention_days": 6},
            },
        ),
    ),
    "an old window": (
        "window_recent",
        replace(GOOD, window=RecoveryWindow(NOW - timedelta(days=7), NOW - timedelta(minutes=11))),
    ),
    "archiving fails": (
        "log_archived",
        with_database(
            health=replace(
                HEALTH, archiver=ArchiverState(True, "1", NOW, 3, NOW + timedelta(seconds=1), "2")
            )
        ),
    ),
    "no archiving": (
        "log_archived",
        with_database(health=replace(HEALTH, archiver=ArchiverState(False, "", None, 0, None, ""))),
    ),
    "a full disk": (
        "space",
        replace(
            with_database(health=replace(HEALTH, size_bytes=6 << 30)),
            settings={**GOOD.settings, "storage_auto_resize": False, "data_disk_size_gb": "10"},
        ),
    ),
    "a long transaction": (
        "no_long_transaction",
        with_database(long=(OpenTransaction(SESSION, "idle in transaction", NOW, 90.0),)),
    ),
    "a prepared transaction": (
        "no_long_transaction",
        with_database(prepared=(PreparedTransaction("gid", "app", NOW, 90.0),)),
    ),
    "a jam": (
        "nobody_waits",
        with_database(blocks=(Block(SESSION, SESSION, "AccessExclusiveLock", "documents"),)),
    ),
    "an invalid index": (
        "indexes_valid",
        with_database(health=replace(HEALTH, invalid_indexes=(INVALID,))),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_each_precondition_fails_alone(case: str) -> None:
    check, seen = BAD[case]
    assert {check} == failed(seen)


def test_a_signature_is_asked_for_only_where_it_is_required() -> None:
    assert set() == failed(BAD["not signed"][1], signature=False)


def test_a_repair_accepts_what_it_is_there_for_and_an_index_being_built_is_no_leftover() -> None:
    assert set() == failed(BAD["an invalid index"][1], repair=True)
    building = replace(INVALID, building=True)
    seen = with_database(health=replace(HEALTH, invalid_indexes=(building,)))
    assert set() == failed(seen)


def judged(
    pending: tuple[Migration, ...],
    seen: MigrationObservation = GOOD,
    allow: Effect = Effect.NOT_TRANSACTIONAL,
    *,
    downtime: bool = False,
) -> set[str]:
    version = version_after(seen.version, pending, "documents")
    checks = check_statements(seen, pending, version, allow=allow, downtime=downtime)
    return {check.id for check in checks if not check.passed}


def test_an_expanding_migration_that_running_code_understands_may_be_applied() -> None:
    assert set() == judged((*EXPANDING, *INDEX))


def test_a_schema_that_running_code_does_not_understand_is_refused() -> None:
    code = replace(GOOD, image=replace(IMAGE, schema=SchemaRange(4, 6)))
    assert {"serving_understands"} == judged(CONTRACTING, code, Effect.CONTRACTS)
    assert set() == judged(CONTRACTING, code, Effect.CONTRACTS, downtime=True)


def test_one_of_several_serving_revisions_is_enough_to_refuse() -> None:
    both = replace(GOOD, serving={"web": (WEB, replace(WEB, name="web-2", template={}))})
    assert {"serving_understands"} == judged(EXPANDING, both)


def test_an_image_that_does_not_understand_its_own_schema_is_refused() -> None:
    assert {"image_understands"} == judged(
        EXPANDING, replace(GOOD, image=replace(IMAGE, schema=SchemaRange(4, 6)))
    )


@pytest.mark.parametrize("schema", [SchemaRange(7, 9), None])
def test_where_the_schema_stays_nobody_is_asked_whether_it_fits(
    schema: SchemaRange | None,
) -> None:
    other = replace(GOOD, version=9, image=replace(IMAGE, schema=schema))
    assert set() == judged(INDEX, other)
    assert set() == judged((), other)


@pytest.mark.parametrize(
    ("allow", "refused"),
    [
        (Effect.NOT_TRANSACTIONAL, {"effect_allowed"}),
        (Effect.LOCKS, {"effect_allowed"}),
        (Effect.CONTRACTS, set()),
        (Effect.DESTROYS, set()),
    ],
)
def test_an_effect_must_be_allowed_by_name(allow: Effect, refused: set[str]) -> None:
    code = replace(GOOD, image=replace(IMAGE, schema=SchemaRange(4, 6)))
    assert refused == judged(CONTRACTING, code, allow, downtime=True)


def test_the_preparation_changes_the_image_and_the_limits_and_nothing_else() -> None:
    limits = ENVIRONMENT.jobs["migrate"]
    made = plan_preparation(JOB, IMAGE, limits, ENVIRONMENT)
    update, ask = made.actions
    wanted = prepared_template(TEMPLATE, "r/web@sha256:abc", "900s", 1)
    assert {"template": wanted, "generation": 4} == update.arguments
    assert {"args": ["plan"], "image": "r/web@sha256:abc"} == ask.arguments
    assert TEMPLATE == made.way_back[0].arguments["template"]
    assert "3" == pinned_version(wanted["template"], "database-url")
    assert (600.0 * 4, 900.0 * 2) == (JOB.longest, replace(JOB, template=wanted).longest)
    assert not made.returns_by_itself


def test_a_harmless_migration_needs_no_backup() -> None:
    made = plan(SCHEMA, (*EXPANDING, *INDEX))
    assert ["migrate"] == [action.id for action in made.actions]
    assert ["migrate", "documents"] == made.actions[0].arguments["args"]
    assert {"documents.0003_n"} == set(made.basis["migrations"])
    assert (JOB.name, INSTANCE) == (made.actions[0].target, made.target)


def test_what_takes_something_away_is_backed_up_first() -> None:
    made = plan(SCHEMA, (*EXPANDING, *CONTRACTING))
    assert ["backup", "migrate"] == [action.id for action in made.actions]
    assert "leitstand run-1 migrate" == made.actions[0].arguments["description"]


def test_the_vector_stage_has_a_plan_and_timeouts_of_its_own() -> None:
    made = plan(VECTORS, (*EXPANDING, *INDEX))
    (action,) = made.actions
    assert ("migrate/vectors", "migrate-vectors") == (made.runbook, action.id)
    env = action.arguments["env"]
    assert ("0", "0") == (env["MIGRATE_LOCK_TIMEOUT"], env["MIGRATE_STATEMENT_TIMEOUT"])
    assert not action.arguments["restore_point"]["atomic"]


def test_a_stage_with_both_kinds_leaves_the_timeouts_to_the_job() -> None:
    mixed = migrations(("documents.0005_i", "CREATE INDEX CONCURRENTLY i ON d (n)"), atomic=False)
    env = plan(SCHEMA, (*EXPANDING, *mixed)).actions[0].arguments["env"]
    assert {"MIGRATE_LOCK_WAIT"} == set(env)


@pytest.mark.parametrize("stage", [SCHEMA, VECTORS])
def test_nothing_pending_is_a_plan_without_actions(stage: Stage) -> None:
    assert () == plan(stage, ()).actions


def test_a_repair_runs_for_the_vectors_alone_even_when_nothing_is_pending() -> None:
    (action,) = plan(VECTORS, (), repair=True).actions
    assert ["migrate", "vectors", "--repair"] == action.arguments["args"]
    assert () == plan(SCHEMA, (), repair=True).actions


def test_other_sql_is_another_plan() -> None:
    other = migrations(("documents.0003_n", "ALTER TABLE documents ADD COLUMN n int DEFAULT 1"))
    assert plan(SCHEMA, EXPANDING).digest != plan(SCHEMA, other).digest


def test_a_migration_is_as_bad_as_its_worst_statement() -> None:
    (both,) = migrations(("documents.0009_x", "SELECT 1; DELETE FROM documents"))
    assert (Effect.DESTROYS, "documents") == (both.effect, both.app)
    (empty,) = migrations(("vectors.0009_x", ""), atomic=False)
    assert Effect.NOT_TRANSACTIONAL == empty.effect
