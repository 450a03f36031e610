"""The sample application's migrations on a real PostgreSQL, run as a job runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from leitstand.sandbox.images.catalogue import Catalogue
from tests.fixtures.postgres import Cluster

COMMAND = [sys.executable, "-P", "-m", "leitstand.sandbox.images.app"]
IMAGES = {image.tag: image for image in Catalogue.load().images() if image.package == "web"}
NEWEST = "2.3.0-destroys"


@dataclass(frozen=True)
class Result:
    code: int
    lines: list[dict[str, Any]]
    text: str

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    def migrated(self) -> list[str]:
        return [line["migration"] for line in self.events("migration.done")]


def environment(tag: str, url: str, **more: str) -> dict[str, str]:
    base = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1", "APP_VERSION": tag}
    small = {"APP_VECTOR_DIMENSIONS": "8", "APP_LONG_LOCK_SECONDS": "0.2"}
    return {**base, **IMAGES[tag].behaviour, **small, "DATABASE_URL": url, **more}


def start(tag: str, url: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        env=environment(tag, url, **more),
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> Result:
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read()
        errors = process.stderr.read()
        code = process.wait(60)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return Result(code, lines, output + errors)


def run(tag: str, url: str, *arguments: str, **more: str) -> Result:
    return finish(start(tag, url, *arguments, **more))


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> str:
    """Name of a database as 1.0.0 leaves it, with rows; to be copied."""
    name = cluster.database()
    url = cluster.url(name)
    assert run("1.0.0", url, "migrate").code == 0
    assert run("1.0.0", url, "load_sample", "--tenants", "2", "--documents", "60").code == 0
    return name


@pytest.fixture
def url(cluster: Cluster, first: str) -> str:
    return cluster.url(cluster.copy(first))


@pytest.fixture(scope="module")
def newest(cluster: Cluster, first: str) -> str:
    """Address of a database with every migration."""
    address = cluster.url(cluster.copy(first))
    assert run(NEWEST, address, "migrate").code == 0
    return address


def test_every_image_sees_the_migrations_of_its_own_version_only(cluster: Cluster) -> None:
    url = cluster.url(cluster.database())

    seen = {tag: run(tag, url, "plan").events("plan.done")[0]["pending"] for tag in IMAGES}

    assert seen["1.0.0"] == [
        "documents.0001_initial",
        "vectors.0001_extension",
        "vectors.0002_embeddings",
    ]
    newest = {tag: [name for name in names if "documents" in name][-1] for tag, names in
              seen.items()}  # fmt: skip
    assert newest["1.1.0"] == newest["1.4.0-smoke"] == "documents.0002_bookmarks"
    assert newest["2.0.0"] == "documents.0003_page_count"
    assert newest["2.1.0"] == "documents.0004_drop_pages"
    assert newest["2.2.0-long-lock"] == "documents.0005_page_count_bigint"
    assert newest["2.3.0-destroys"] == "documents.0006_tidy_up"
    assert "vectors.0003_ivfflat" in seen["2.0.0"]
    assert "vectors.0003_ivfflat" not in seen["1.1.0"]


@pytest.mark.parametrize("tag", ["1.0.0", "1.1.0", "2.0.0", "2.1.0", "2.2.0-long-lock", NEWEST])
def test_the_models_of_every_version_are_those_of_its_migrations(tag: str, newest: str) -> None:
    result = run(tag, newest, "makemigrations", "--check", "--dry-run")

    assert result.code == 0, result.text


def test_a_migration_writes_a_line_for_every_step(url: str) -> None:
    result = run("2.0.0", url, "migrate", "documents", CLOUD_RUN_EXECUTION="migrate-abcde")

    assert result.code == 0
    assert ["documents.0002_bookmarks", "documents.0003_page_count"] == result.migrated()
    started = result.events("migration.started")[0]
    assert (started["lock_timeout"], started["statement_timeout"]) == ("1s", "5s")
    assert all(line["seconds"] >= 0 for line in result.events("migration.done"))
    (begun,) = result.events("migrate.started")
    assert (begun["stage"], begun["execution"]) == ("documents", "migrate-abcde")
    (done,) = result.events("migrate.done")
    assert done["applied"] == 2
    assert {"severity", "message", "event"} <= set(started)


def test_a_migration_that_is_applied_already_does_nothing_and_succeeds(url: str) -> None:
    run("2.0.0", url, "migrate")

    again = run("2.0.0", url, "migrate")

    assert again.code == 0
    assert [] == again.migrated()
    assert again.events("migrate.done")[0]["applied"] == 0


def test_an_older_image_leaves_a_newer_schema_alone(newest: str) -> None:
    result = run("1.1.0", newest, "migrate")

    assert result.code == 0
    assert [] == result.migrated()
    assert ask(newest, "SELECT count(*) FROM django_migrations WHERE app = 'documents'") == [(6,)]


def test_expanding_keeps_what_older_code_writes(url: str) -> None:
    run("2.0.0", url, "migrate", "documents")

    before = ask(url, "SELECT count(*) FROM documents WHERE page_count <> pages")
    tenant = ask(url, "SELECT id FROM tenants LIMIT 1")[0][0]
    insert = "INSERT INTO documents (title, body, pages, tenant_id) VALUES ('alt', '', 7, '{}')"
    ask(url, f"{insert.format(tenant)} RETURNING id")

    assert before == [(0,)]
    assert ask(url, "SELECT pages, page_count FROM documents WHERE title = 'alt'") == [(7, 0)]
    run("2.1.0", url, "migrate", "documents")
    assert ask(url, "SELECT page_count FROM documents WHERE title = 'alt'") == [(7,)]


def test_the_last_migration_destroys_rows_and_texts(url: str) -> None:
    run("2.2.0-long-lock", url, "migrate")
    short = ask(url, "SELECT count(*) FROM documents WHERE page_count < 20")[0][0]
    before = ask(url, "SELECT count(*) FROM documents")[0][0]

    run(NEWEST, url, "migrate", "documents")

    assert short > 0
    assert ask(url, "SELECT count(*) FROM documents") == [(before - short,)]
    assert ask(url, "SELECT count(*) FROM rag.embeddings") == [(before - short,)]
    assert ask(url, "SELECT count(*) FROM documents WHERE length(body) > 20") == [(0,)]
    back = run(NEWEST, url, "migrate", "documents", "0005")
    assert back.code != 0


def test_a_statement_that_takes_too_long_fails_with_its_state_and_changes_nothing(
    url: str,
) -> None:
    run("2.1.0", url, "migrate")

    result = run(
        "2.2.0-long-lock", url, "migrate", "documents",
        APP_LONG_LOCK_SECONDS="30", MIGRATE_STATEMENT_TIMEOUT="300ms",
    )  # fmt: skip

    assert result.code == 1
    (failed,) = result.events("migration.failed")
    assert (failed["sqlstate"], failed["migration"]) == (
        "57014",
        "documents.0005_page_count_bigint",
    )
    types = "SELECT data_type FROM information_schema.columns WHERE column_name = 'page_count'"
    assert ask(url, types) == [("integer",)]


def test_a_table_that_somebody_holds_is_tried_again_and_then_given_up(url: str) -> None:
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM documents")
        result = run("2.0.0", url, "migrate", "documents", MIGRATE_LOCK_TIMEOUT="100ms",
                     MIGRATE_LOCK_ATTEMPTS="2")  # fmt: skip

    assert result.code == 1
    failed = result.events("migration.failed")
    assert [("55P03", True), ("55P03", False)] == [(f["sqlstate"], f["again"]) for f in failed]
    assert "documents.0002_bookmarks" not in result.migrated() or len(result.migrated()) == 1


def test_a_table_that_gets_free_in_time_is_migrated(url: str) -> None:
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM documents")
        process = start("2.0.0", url, "migrate", "documents", MIGRATE_LOCK_TIMEOUT="200ms")
        assert process.stdout is not None
        while "migration.failed" not in process.stdout.readline():
            pass
        reader.rollback()
        result = finish(process)

    assert result.code == 0
    assert "documents.0003_page_count" in result.migrated()


def test_two_migrations_at_once_are_refused_with_a_code_of_their_own(url: str) -> None:
    run("2.1.0", url, "migrate")
    slow = start("2.2.0-long-lock", url, "migrate", APP_LONG_LOCK_SECONDS="2",
                 CLOUD_RUN_EXECUTION="migrate-first")  # fmt: skip
    assert slow.stdout is not None
    while "migration.started" not in slow.stdout.readline():
        pass
    second = run("2.2.0-long-lock", url, "migrate", CLOUD_RUN_EXECUTION="migrate-second")
    waiting = run("2.2.0-long-lock", url, "migrate", MIGRATE_LOCK_WAIT="10")

    assert second.code == 75
    (line,) = second.events("migrate.locked")
    assert line["holder"] == "migrate-first"
    assert "migrate-first" in line["message"]
    assert waiting.code == 0
    assert [] == waiting.migrated()
    assert finish(slow).code == 0


def test_a_killed_migration_leaves_no_lock_and_no_change(url: str) -> None:
    run("2.1.0", url, "migrate")
    slow = start("2.2.0-long-lock", url, "migrate", APP_LONG_LOCK_SECONDS="60",
                 MIGRATE_STATEMENT_TIMEOUT="0")  # fmt: skip
    assert slow.stdout is not None
    while "migration.started" not in slow.stdout.readline():
        pass
    slow.kill()
    finish(slow)

    again = run("2.2.0-long-lock", url, "migrate", MIGRATE_LOCK_WAIT="5")

    assert again.code == 0
    assert ["documents.0005_page_count_bigint"] == again.migrated()


def test_sigterm_cancels_the_statement_and_never_counts_as_success(url: str) -> None:
    run("2.1.0", url, "migrate")
    slow = start("2.2.0-long-lock", url, "migrate", APP_LONG_LOCK_SECONDS="60",
                 MIGRATE_STATEMENT_TIMEOUT="0")  # fmt: skip
    assert slow.stdout is not None
    while "migration.started" not in slow.stdout.readline():
        pass
    slow.terminate()
    result = finish(slow)

    assert result.code == 143
    assert result.events("migration.interrupted")
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert ask(url, locks) == [(0,)]


def test_an_index_that_was_built_by_half_is_refused_until_it_is_repaired(url: str) -> None:
    run("2.0.0", url, "migrate", "documents")
    with psycopg.connect(url) as reader:
        # CREATE INDEX CONCURRENTLY waits for every transaction with an older snapshot.
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM rag.embeddings")
        building = start("2.0.0", url, "migrate", "vectors")
        assert building.stdout is not None
        while "migration.started" not in building.stdout.readline():
            pass
        waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'"
        while ask(url, waits) == [(0,)]:
            pass
        building.kill()
        finish(building)
        while ask(url, "SELECT count(*) FROM pg_stat_progress_create_index") != [(0,)]:
            pass
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"

    refused = run("2.0.0", url, "migrate", "vectors", MIGRATE_LOCK_WAIT="5")
    left = ask(url, invalid)
    repaired = run("2.0.0", url, "migrate", "vectors", "--repair")

    assert left == [("rag.embeddings_ivfflat",)]
    assert refused.code == 65
    assert refused.events("migrate.half_applied")[0]["indexes"] == ["rag.embeddings_ivfflat"]
    assert repaired.code == 0
    assert repaired.events("migrate.repaired")[0]["index"] == "rag.embeddings_ivfflat"
    assert ["vectors.0003_ivfflat"] == repaired.migrated()
    assert ask(url, invalid) == []


def test_an_index_that_was_built_and_not_noted_is_refused_until_it_is_repaired(url: str) -> None:
    index = "CREATE INDEX embeddings_ivfflat ON rag.embeddings (document_id)"
    with psycopg.connect(url) as connection:
        connection.execute(index)

    refused = run("2.0.0", url, "migrate", "vectors")
    documents = run("2.0.0", url, "migrate", "documents")
    repaired = run("2.0.0", url, "migrate", "vectors", "--repair")
    again = run("2.0.0", url, "migrate", "vectors", "--repair")

    assert (refused.code, documents.code, repaired.code, again.code) == (65, 0, 0, 0)
    assert ["vectors.0003_ivfflat"] == repaired.migrated()
    assert [] == again.events("migrate.repaired")


def test_the_vector_stage_has_no_timeouts_unless_they_are_set(url: str) -> None:
    free = run("2.1.0", url, "migrate", "vectors", "0003")
    bound = run("2.1.0", url, "migrate", "vectors", MIGRATE_STATEMENT_TIMEOUT="20s",
                MIGRATE_LOCK_TIMEOUT="2s", MIGRATE_MAINTENANCE_WORK_MEM="64MB")  # fmt: skip

    started = [*free.events("migration.started"), *bound.events("migration.started")]
    assert [False, False] == [line["atomic"] for line in started]
    timeouts = [(line["lock_timeout"], line["statement_timeout"]) for line in started]
    assert [("0", "0"), ("2s", "20s")] == timeouts


def test_both_vector_indexes_are_valid_afterwards(newest: str) -> None:
    rows = ask(newest, "SELECT indexrelid::regclass::text, indisvalid FROM pg_index "
                       "WHERE indexrelid::regclass::text LIKE 'rag.embeddings_%f%' "
                       "OR indexrelid::regclass::text LIKE '%hnsw' ORDER BY 1")  # fmt: skip

    assert ("rag.embeddings_hnsw", True) in rows
    assert ("rag.embeddings_ivfflat", True) in rows


def test_the_plan_tells_the_sql_without_running_it(url: str) -> None:
    result = run("2.1.0", url, "plan", "documents")

    planned = {line["migration"]: line for line in result.events("plan.migration")}
    assert 'DROP COLUMN "pages"' in planned["documents.0004_drop_pages"]["sql"]
    assert planned["documents.0004_drop_pages"]["atomic"]
    assert ask(url, "SELECT max(name) FROM django_migrations WHERE app = 'documents'") == [
        ("0001_initial",)
    ]
    assert result.events("plan.done")[0]["schema"]["documents"] == 1


def test_django_s_own_commands_work(url: str) -> None:
    shown = run("2.0.0", url, "showmigrations", "--plan")
    planned = run("2.0.0", url, "migrate", "--plan")
    sql = run("2.0.0", url, "sqlmigrate", "vectors", "0003")

    assert "[X]  documents.0001_initial" in shown.text
    assert "documents.0003_page_count" in planned.text
    assert "CREATE INDEX CONCURRENTLY embeddings_ivfflat" in sql.text


@pytest.mark.parametrize(
    ("url", "code", "event"),
    [
        ("postgresql://a:geheim@127.0.0.1:1/app", 69, "migrate.unreachable"),
        ("nonsense-geheim", 2, "migrate.refused"),
        ("", 2, "migrate.refused"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_from_a_failed_migration(
    url: str, code: int, event: str
) -> None:
    result = run("1.0.0", url, "migrate")

    assert code == result.code
    assert result.events(event)
    assert "geheim" not in result.text


def test_an_unknown_command_or_migration_is_refused(url: str) -> None:
    assert run("1.0.0", url, "migrate", "documents", "0009").code == 2
    assert run("1.0.0", url, "does-not-exist").code == 2
