"""Jobs run against a real sandbox: real tasks, a real PostgreSQL, real locks."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import psycopg
import pytest

from leitstand.cloud.errors import Conflict
from leitstand.core.statements import Effect
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import ActionFailed
from leitstand.execution.history import History
from leitstand.execution.job_outcomes import (
    JobBusy,
    JobKilled,
    JobStillRunning,
    LockNotObtained,
    MigrationHalfApplied,
    MigrationLocked,
    StatementTooLong,
)
from leitstand.sandbox.fault_kinds import FaultKind
from tests.fixtures.migrating import SCHEMA, VECTORS, Migrating
from tests.fixtures.world import World

BOOKMARKS = "documents.0002_bookmarks"


@contextmanager
def database(world: World) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A session of somebody else, called psql."""
    access = DatabaseAccess(world.connection)
    url = access.administrator_url(access.instance)
    with psycopg.connect(url, application_name="psql") as connection:
        yield connection


def events(world: World, name: str) -> list[dict[str, object]]:
    return [event for event in world.journal if event["event"] == name]


def tasks_of(world: World) -> list[psutil.Process]:
    """Processes of the tasks that run just now."""
    supervisor = psutil.Process(world.sandbox.pid)
    found = []
    for process in supervisor.children(recursive=True):
        try:
            # A fork has a name of its own, a container that was started by hand its variables.
            forked = process.name().startswith("migrate")
            if forked or "CLOUD_RUN_EXECUTION" in process.environ():
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(holds: Callable[[], object], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_the_job_is_brought_to_the_image_and_tells_what_is_pending(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.0.0")
    assert [BOOKMARKS, "documents.0003_page_count", "vectors.0003_ivfflat"] == [
        migration.name for migration in pending
    ]
    assert [Effect.HARMLESS, Effect.LOCKS, Effect.NOT_TRANSACTIONAL] == [m.effect for m in pending]
    assert "@sha256:" in migrating.jobs.job(migrating.job).image
    assert "documents.0001_initial" in migrating.applied()
    assert BOOKMARKS not in migrating.applied()


def test_a_migration_leaves_a_restore_point_before_it_and_its_evidence(
    migrating: Migrating,
) -> None:
    evidence = migrating.migrate(SCHEMA, migrating.prepare("web:1.1.0"))
    assert [BOOKMARKS] == evidence["applied"]
    assert BOOKMARKS in migrating.applied()
    (point,) = events(migrating.world, "restore.point")
    assert ("migrate", {"documents": 1, "vectors": 2}) == (point["before"], point["versions"])
    kinds = [str(event["event"]) for event in migrating.world.journal]
    intent = max(i for i, kind in enumerate(kinds) if kind == "action.intent")
    assert ["action.intent", "restore.point", "action.operation"] == kinds[intent : intent + 3]


def test_the_vector_stage_builds_its_index_with_timeouts_of_its_own(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.0.0")
    migrating.migrate(SCHEMA, pending)
    evidence = migrating.migrate(VECTORS, pending)
    assert ["vectors.0003_ivfflat"] == evidence["applied"]
    (schema,) = migrating.executions("migrate", "documents")
    (vectors,) = migrating.executions("migrate", "vectors")
    names = ("MIGRATE_LOCK_TIMEOUT", "MIGRATE_STATEMENT_TIMEOUT")
    assert [("1s", "5s"), ("0", "0")] == [tuple(e.env[n] for n in names) for e in (schema, vectors)]


# What changes something is refused and lost; of mere reads one of both is quick.
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("RunJob", "lost"),
        ("RunJob", "fail"),
        ("UpdateJob", "lost"),
        ("GetExecution", "fail"),
        *(
            pytest.param(method, kind, marks=pytest.mark.sweep)
            for method, kind in (
                ("UpdateJob", "fail"),
                ("GetExecution", "lost"),
                ("ListLogEntries", "lost"),
                ("ListLogEntries", "fail"),
            )
        ),
    ],
)
def test_an_answer_that_gets_lost_starts_no_second_execution(
    migrating: Migrating, method: str, kind: FaultKind
) -> None:
    migrating.world.sandbox.add_fault(method, kind, "UNAVAILABLE")
    pending = migrating.prepare("web:1.1.0")
    migrating.world.sandbox.add_fault(method, kind, "UNAVAILABLE")
    assert [BOOKMARKS] == migrating.migrate(SCHEMA, pending)["applied"]
    assert 1 == len(migrating.executions("plan"))
    assert 1 == len(migrating.executions("migrate"))
    assert 1 == len(events(migrating.world, "restore.point"))


def test_a_job_that_was_changed_since_the_plan_is_left_alone(migrating: Migrating) -> None:
    job = migrating.jobs.job(migrating.job)
    template = {**job.template, "task_count": 2}
    plan_made = migrating.jobs.job(migrating.job).generation
    migrating.jobs.start_update(migrating.job, template)
    assert eventually(lambda: migrating.jobs.job(migrating.job).generation > plan_made)
    with pytest.raises(Conflict):
        migrating.jobs.start_update(migrating.job, job.template, plan_made)


def test_a_job_with_another_image_than_the_plan_does_not_run(migrating: Migrating) -> None:
    pending = migrating.prepare("web:1.1.0")
    approved = migrating.approve(migrating.plan(SCHEMA, pending))
    template = dict(migrating.jobs.job(migrating.job).template)
    first = template["template"]["containers"][0]
    repository = migrating.world.environment.artifact_registry.repository
    first["image"] = f"{repository}/web:2.3.0-destroys"
    migrating.jobs.start_update(migrating.job, template)
    with pytest.raises(ActionFailed, match="hat ein anderes Abbild als der Plan"):
        migrating.executor(approved).apply_all()
    assert [] == migrating.executions("migrate")


def test_a_lock_that_is_not_obtained_is_named_with_its_holder_and_can_be_tried_again(
    migrating: Migrating,
) -> None:
    pending = migrating.prepare("web:2.0.0")
    seen: list[str] = []
    with database(migrating.world) as session:
        session.execute("LOCK TABLE documents IN ACCESS SHARE MODE")
        with pytest.raises(LockNotObtained, match=r"page_count bekam ihre Sperre nicht; .*psql"):
            migrating.migrate(SCHEMA, pending, seen.append)
    assert any("page_count läuft seit" in text for text in seen)
    assert any("wartet auf psql" in text for text in seen)
    assert BOOKMARKS in migrating.applied()
    assert ["documents.0003_page_count"] == migrating.migrate(SCHEMA, pending)["applied"]
    points = events(migrating.world, "restore.point")
    assert [1, 2] == [dict(point["versions"])["documents"] for point in points]  # type: ignore[call-overload]


def test_another_migration_under_way_is_named(migrating: Migrating) -> None:
    pending = migrating.prepare("web:1.1.0")
    with database(migrating.world) as session:
        session.execute("SELECT pg_advisory_lock(19539, 1)")
        with pytest.raises(MigrationLocked, match="Eine andere Migration läuft schon: psql"):
            migrating.migrate(SCHEMA, pending)
    assert [BOOKMARKS] == migrating.migrate(SCHEMA, pending)["applied"]


def test_an_execution_of_somebody_else_is_waited_for_by_hand(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.0.0")
    job = migrating.jobs.job(migrating.job)
    with database(migrating.world) as session:
        session.execute("LOCK TABLE documents IN ACCESS SHARE MODE")
        migrating.jobs.start_execution(job.name, job.etag, ["migrate", "documents"], {})
        with pytest.raises(JobBusy, match="läuft noch; eine zweite startet nicht"):
            migrating.migrate(SCHEMA, pending)
    assert [] == migrating.executions("migrate")


def test_a_statement_that_takes_too_long_is_rolled_back(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.2.0-long-lock")
    with pytest.raises(StatementTooLong, match="bigint dauerte länger als erlaubt"):
        migrating.migrate(SCHEMA, pending, statement_timeout=1)
    assert "documents.0005_page_count_bigint" not in migrating.applied()
    backup = History.read(migrating.world.journal).action("backup")
    assert {"status": "SUCCESSFUL"} == backup.evidence


def test_a_killed_task_is_retried_by_cloud_run_and_the_migration_is_whole(
    migrating: Migrating,
) -> None:
    pending = migrating.prepare("web:2.2.0-long-lock")
    killed: list[int] = []

    def kill_once(detail: str) -> None:
        if "bigint läuft" in detail and not killed:
            killed.append(tasks_of(migrating.world)[0].pid)
            os.killpg(os.getpgid(killed[0]), signal.SIGKILL)

    evidence = migrating.migrate(SCHEMA, pending, kill_once)
    assert 1 == evidence["retried"]
    assert "documents.0005_page_count_bigint" in migrating.applied()


def test_a_task_that_is_killed_every_time_says_so(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.2.0-long-lock")

    def kill(detail: str) -> None:
        if "bigint läuft" in detail:
            for process in tasks_of(migrating.world):
                process.kill()

    with pytest.raises(JobKilled, match=r"von außen beendet \(2 Versuche, Signal 9\)"):
        migrating.migrate(SCHEMA, pending, kill)
    assert "documents.0005_page_count_bigint" not in migrating.applied()


def test_an_index_that_was_built_by_half_needs_a_repair(migrating: Migrating) -> None:
    pending = migrating.prepare("web:2.0.0")
    migrating.migrate(SCHEMA, pending)

    killed: list[int] = []

    def kill_once(detail: str) -> None:
        if "wartet auf psql" in detail and not killed:
            killed.append(tasks_of(migrating.world)[0].pid)
            os.killpg(os.getpgid(killed[0]), signal.SIGKILL)

    with database(migrating.world) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT count(*) FROM rag.embeddings")
        with pytest.raises(MigrationHalfApplied, match=r"rag\.embeddings_ivfflat") as caught:
            migrating.migrate(VECTORS, pending, kill_once)
    assert "-p repair=true" in caught.value.advice
    plan = migrating.plan(VECTORS, pending, repair=True)
    migrating.executor(migrating.approve(plan)).apply_all()
    assert "vectors.0003_ivfflat" in migrating.applied()


def test_at_the_deadline_the_execution_goes_on_and_is_found_again(
    migrating: Migrating, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leitstand.execution import job_runs

    pending = migrating.prepare("web:1.1.0")
    with database(migrating.world) as session:
        session.execute("LOCK TABLE documents IN ROW EXCLUSIVE MODE")
        monkeypatch.setattr(job_runs, "_MARGIN", -1799.0)
        with pytest.raises(JobStillRunning, match="ist nach 1 s nicht beendet"):
            migrating.migrate(SCHEMA, pending)
        monkeypatch.undo()
        releasing = threading.Timer(0.3, session.rollback)
        releasing.start()
        evidence = migrating.migrate(SCHEMA, pending)
        releasing.join()
    assert [BOOKMARKS] == evidence["applied"]
    assert 1 == len(migrating.executions("migrate"))
