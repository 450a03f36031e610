"""The migration runbook as its user starts it: exit codes, sentences, schema, saved runs."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg
import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.configuration import load_environment
from leitstand.core.job import ExecutionState
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.kernel_main import PROCESS_NAME
from leitstand.sandbox import control
from tests.fixtures.command import Command, Ended

BIGINT = "documents.0005_page_count_bigint"


def migrate(leitstand: Command, image: str, *arguments: str, apply: bool = True) -> Ended:
    more = ["--apply"] if apply else []
    return leitstand("run", "migrate", "-p", f"image={image}", *arguments, *more)


def connection(leitstand: Command) -> Connection:
    running = control.find(leitstand.home / "sandbox")
    assert running is not None
    return Connection(load_environment("sandbox"), running.grpc)


def job_image(leitstand: Command) -> str:
    made = connection(leitstand)
    return CloudRunJobs(made).job(made.environment.job_name("migrate")).image


def executions(leitstand: Command, run: int = -1) -> list[ExecutionState]:
    """The executions of a run that migrate."""
    made = connection(leitstand)
    found = CloudRunJobs(made).executions(made.environment.job_name("migrate"))
    mark = f"{leitstand.runs[run].name}/migrate"
    return [e for e in found if e.env.get("LEITSTAND_ACTION", "").startswith(mark)]


@contextmanager
def psql(leitstand: Command) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    access = DatabaseAccess(connection(leitstand))
    url = access.administrator_url(access.instance)
    with psycopg.connect(url, application_name="psql", autocommit=True) as session:
        yield session


def applied(leitstand: Command) -> set[str]:
    with psql(leitstand) as session:
        rows = session.execute("SELECT app || '.' || name FROM django_migrations").fetchall()
    return {name for (name,) in rows}


def shown(leitstand: Command, run: int = -1) -> str:
    """What the saved notebook shows, as text."""
    notebook = json.loads((leitstand.runs[run] / "notebook.ipynb").read_text("utf-8"))
    outputs = [o for c in notebook["cells"] for o in c.get("outputs", [])]
    return "\n".join("".join(o.get("data", {}).get("text/plain", "")) for o in outputs)


def actions(leitstand: Command, event: str = "action.outcome", run: int = -1) -> list[str]:
    return [str(e["id"]) for e in leitstand.journal(run) if e["event"] == event]


def eventually(holds: Callable[[], object], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def migrating(leitstand: Command, until: str) -> Iterator["subprocess.Popen[str]"]:
    """Start the migration with the long lock, and wait until its journal holds ``until``."""
    process = leitstand.start(
        "run", "migrate", "-p", "image=web:2.2.0-long-lock", "-p", "allow=locks", "--apply"
    )
    try:
        assert eventually(
            lambda: (
                bool(leitstand.runs) and any(until in json.dumps(e) for e in leitstand.journal())
            )
        )
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


MIGRATES = '"action.operation", "id": "migrate"'


def up(leitstand: Command, image: str = "web:1.0.0", **more: Any) -> None:
    """Start a sandbox whose code and schema are those of an image."""
    if image != "web:1.0.0":
        leitstand.begin_with(image)
    leitstand.configure(**more)
    assert 0 == leitstand("sandbox", "up").code


def test_a_harmless_migration_is_applied_and_its_restore_point_recorded(
    leitstand: Command,
) -> None:
    up(leitstand)
    ended = migrate(leitstand, "web:1.1.0")
    assert (0, "") == (ended.code, ended.problems)
    assert "documents.0002_bookmarks" in applied(leitstand)
    assert ["job", "plan", "migrate"] == actions(leitstand)
    events = leitstand.events()
    assert events.index("restore.point") < len(events) - events[::-1].index("action.operation")
    text = shown(leitstand)
    assert "documents.0002_bookmarks: harmlos" in text
    assert "Schema            1 → 2" in text
    again = migrate(leitstand, "web:1.1.0")
    assert (0, "") == (again.code, again.problems)
    assert ["job", "plan"] == actions(leitstand)
    assert "Nichts steht an: Alle Migrationen des Abbilds sind angewandt." in shown(leitstand)


def test_without_apply_a_run_shows_what_it_would_prepare_and_changes_nothing(
    leitstand: Command,
) -> None:
    up(leitstand)
    before, image = applied(leitstand), job_image(leitstand)
    assert 0 == migrate(leitstand, "web:2.0.0", apply=False).code
    assert [] == actions(leitstand, "action.intent")
    assert "Vorbereitung" in shown(leitstand)
    assert "mindestens Schema 3" in shown(leitstand)
    assert image == job_image(leitstand)
    assert before == applied(leitstand)


def test_an_expanding_migration_and_the_vector_stage_have_an_approval_each(
    leitstand: Command,
) -> None:
    up(leitstand)
    assert 0 == migrate(leitstand, "web:2.0.0").code
    assert {"documents.0003_page_count", "vectors.0003_ivfflat"} <= applied(leitstand)
    assert ["job", "plan", "migrate", "migrate-vectors"] == actions(leitstand)
    assert 3 == leitstand.events().count("approval.given")
    assert 2 == leitstand.events().count("restore.point")


def test_a_schema_that_running_code_does_not_understand_is_refused_unless_its_outage_is_accepted(
    leitstand: Command,
) -> None:
    up(leitstand)
    image = job_image(leitstand)
    refused = migrate(leitstand, "web:2.1.0", "-p", "allow=contracts")
    assert 3 == refused.code
    assert "Der laufende Code bricht mit Schema 4: web-00001-start" in refused.problems
    assert "Der Job hat wieder sein altes Abbild." in refused.problems
    assert image == job_image(leitstand)
    assert "documents.0002_bookmarks" not in applied(leitstand)
    again = leitstand("resume", leitstand.runs[-1].name)
    assert (3, True) == (again.code, "ist beendet" in again.problems)
    done = migrate(leitstand, "web:2.1.0", "-p", "allow=contracts", "-p", "downtime=true")
    assert (0, "") == (done.code, done.problems)
    assert "✗ Code von web" in shown(leitstand)
    assert f"before_run={leitstand.runs[-1].name}" in shown(leitstand)


def test_what_destroys_must_be_allowed_and_is_backed_up_first(leitstand: Command) -> None:
    up(leitstand, "web:2.1.0")
    refused = migrate(leitstand, "web:2.3.0-destroys")
    assert 3 == refused.code
    assert "documents.0006_tidy_up vernichtet Daten" in refused.problems
    assert "starten Sie dann mit -p allow=destroys" in refused.problems
    assert BIGINT not in applied(leitstand)
    done = migrate(leitstand, "web:2.3.0-destroys", "-p", "allow=destroys")
    assert (0, "") == (done.code, done.problems)
    assert ["job", "plan", "backup", "migrate"] == actions(leitstand)
    assert "überschreibt Werte; die alten sind fort" in shown(leitstand)


def test_a_lock_that_is_not_obtained_is_named_and_the_run_goes_on_afterwards(
    leitstand: Command,
) -> None:
    up(leitstand)
    with psql(leitstand) as session, session.transaction():
        session.execute("LOCK TABLE documents IN ACCESS SHARE MODE")
        ended = migrate(leitstand, "web:2.0.0")
    assert 4 == ended.code
    assert "documents.0003_page_count bekam ihre Sperre nicht; sie wartete auf psql" in (
        ended.problems
    )
    assert "documents.0003_page_count" not in applied(leitstand)
    resumed = leitstand("resume", leitstand.runs[0].name)
    assert (0, "") == (resumed.code, resumed.problems)
    assert "vectors.0003_ivfflat" in applied(leitstand)


DISTURBANCES = [
    ("SELECT pg_advisory_lock(19539, 1)", "Eine andere Migration läuft schon: psql"),
    (
        "CREATE UNIQUE INDEX CONCURRENTLY i ON rag.embeddings (tenant_id)",
        "Ein abgebrochener Lauf hat ungültige Indexe hinterlassen: rag.i",
    ),
]


def test_a_red_precondition_ends_the_run_before_there_is_a_plan(leitstand: Command) -> None:
    up(leitstand)
    for disturb, sentence in DISTURBANCES:
        with psql(leitstand) as session:
            with suppress(psycopg.errors.UniqueViolation):  # an invalid index is left
                session.execute(disturb.encode())
            ended = migrate(leitstand, "web:1.1.0")
        assert (3, True) == (ended.code, sentence in ended.problems), ended
        assert "plan.made" not in leitstand.events()


def test_a_half_applied_migration_needs_a_repair(leitstand: Command) -> None:
    up(leitstand)
    with psql(leitstand) as session:
        session.execute(
            "CREATE INDEX embeddings_ivfflat ON rag.embeddings"
            " USING ivfflat (embedding vector_cosine_ops)"
        )
    ended = migrate(leitstand, "web:2.0.0")
    assert 4 == ended.code
    assert "nur halb angewandt; im Weg steht: rag.embeddings_ivfflat" in ended.problems
    assert "-p repair=true" in ended.problems
    repaired = migrate(leitstand, "web:2.0.0", "-p", "repair=true")
    assert (0, "") == (repaired.code, repaired.problems)
    assert "vectors.0003_ivfflat" in applied(leitstand)


@pytest.mark.sweep
def test_a_job_that_times_out_leaves_the_schema_as_it_was(leitstand: Command) -> None:
    limits = {"timeout": "2s", "max_retries": 0}
    up(leitstand, "web:2.1.0", **{f"jobs__migrate__{key}": v for key, v in limits.items()})
    ended = migrate(leitstand, "web:2.2.0-long-lock", "-p", "allow=locks")
    assert 4 == ended.code
    assert "hat ihr Zeitlimit erreicht (1 Versuche, zuletzt documents.0005" in ended.problems
    assert BIGINT not in applied(leitstand)


@pytest.mark.sweep
def test_a_statement_may_be_given_more_time_or_less(leitstand: Command) -> None:
    up(leitstand, "web:2.1.0")
    arguments = ("-p", "allow=locks", "-p", "statement_timeout=1")
    ended = migrate(leitstand, "web:2.2.0-long-lock", *arguments)
    assert 4 == ended.code
    assert f"Eine Anweisung der Migration {BIGINT} dauerte länger als erlaubt." in ended.problems


@pytest.mark.sweep
def test_two_migrations_at_once_do_not_work_on_one_database(leitstand: Command) -> None:
    up(leitstand, "web:2.1.0")
    with migrating(leitstand, MIGRATES) as first:
        second = migrate(leitstand, "web:2.2.0-long-lock", "-p", "allow=locks")
        first.communicate(timeout=60)
    assert (3, True) == (second.code, "Der Job läuft schon: migrate-" in second.problems), second
    assert 0 == first.returncode
    assert BIGINT in applied(leitstand)


def test_a_killed_kernel_leaves_the_job_running_and_resume_waits_for_it(
    leitstand: Command,
) -> None:
    up(leitstand, "web:2.1.0")
    with migrating(leitstand, MIGRATES) as process:
        children = psutil.Process(process.pid).children()
        kernel = next(child for child in children if PROCESS_NAME == child.name())
        kernel.kill()
        _, problems = process.communicate(timeout=60)
    run = leitstand.runs[0].name
    assert 4 == process.returncode
    assert f"leitstand resume {run}" in " ".join(problems.split())
    resumed = leitstand("resume", run)
    assert (0, "") == (resumed.code, resumed.problems)
    assert BIGINT in applied(leitstand)
    assert 1 == len(executions(leitstand))


# Much like a killed kernel, above.
@pytest.mark.sweep
def test_ctrl_c_leaves_the_job_running_and_resume_waits_for_it(leitstand: Command) -> None:
    up(leitstand, "web:2.1.0")
    with migrating(leitstand, MIGRATES) as process:
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=60)
    assert 4 == process.returncode, problems
    assert 0 == leitstand("resume", leitstand.runs[0].name).code
    assert 1 == len(executions(leitstand))
    assert BIGINT in applied(leitstand)


def test_an_image_that_may_not_run_is_refused(leitstand: Command) -> None:
    up(leitstand)
    for image, sentence in (
        ("web:9.9.9", "Das Abbild web:9.9.9 gibt es nicht."),
        ("web:1.3.0-unsigned", "web:1.3.0-unsigned ist nicht signiert."),
    ):
        ended = migrate(leitstand, image)
        assert (3, True) == (ended.code, sentence in ended.problems), ended


def test_a_value_that_is_no_risk_is_refused_before_a_kernel_starts(leitstand: Command) -> None:
    ended = leitstand("run", "migrate", "-p", "allow=everything")
    assert 2 == ended.code
    assert [] == leitstand.runs
