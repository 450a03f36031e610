"""The rollback runbook as its user starts it: the right way back, and no other."""

import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from google.cloud import sqladmin_v1

from leitstand.cloud.connection import Connection
from leitstand.cloud.secrets import Secrets
from leitstand.configuration import load_environment
from leitstand.core.recovery import clone_name
from leitstand.sandbox import control
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from tests.fixtures.command import Command, Ended
from tests.runbooks.test_release import STABLE, eventually, nothing_left

PROJECT = "leitstand-sandbox"


class Site:
    """The sandbox of a command: its application, its databases, its secrets."""

    def __init__(self, leitstand: Command) -> None:
        self.leitstand = leitstand
        assert 0 == leitstand("sandbox", "up").code

    @property
    def sandbox(self) -> control.Sandbox:
        found = control.find(self.leitstand.home / "sandbox")
        assert found is not None
        return found

    @property
    def connection(self) -> Connection:
        return Connection(load_environment("sandbox"), self.sandbox.grpc)

    def now(self) -> datetime:
        """A time between everything that was written and everything that will be."""
        time.sleep(0.05)
        moment = datetime.now(UTC)
        time.sleep(0.05)
        return moment

    def write(self, titel: str) -> int:
        """Let the application write a document; return the status."""
        body = json.dumps({"titel": titel, "text": titel}).encode()
        headers = {
            "Host": load_environment("sandbox").load_balancer.domain,
            "X-Tenant": str(tenant_id(1)),
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(
            f"{self.sandbox.public}/api/documents", data=body, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def url(self, secret: str = "database-url") -> str:
        secrets = Secrets(self.connection)
        name = f"projects/{PROJECT}/secrets/{secret}"
        return secrets.value(name, str(secrets.newest_version(name)))

    def versions(self) -> int:
        return Secrets(self.connection).newest_version(f"projects/{PROJECT}/secrets/database-url")

    def titles(self, url: str) -> set[str]:
        with psycopg.connect(url) as connection:
            connection.execute("SET app.migration = 'on'")  # the owner sees all rows with it only
            return {str(row[0]) for row in connection.execute("SELECT title FROM documents")}

    def instances(self) -> set[str]:
        request = sqladmin_v1.SqlInstancesListRequest(project=PROJECT)
        return {found.name for found in self.connection.sql_instances.list(request=request).items}

    def rollback(self, *arguments: str) -> Ended:
        return self.leitstand("run", "rollback", *arguments)


@pytest.fixture
def site(leitstand: Command) -> Site:
    return Site(leitstand)


def test_the_application_moves_to_the_state_before_and_the_rest_is_rescued(site: Site) -> None:
    assert 201 == site.write("vorher")
    target, old = site.now(), site.url()
    assert 201 == site.write("nachher")
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert "vorher" in site.titles(site.url())
    assert "nachher" not in site.titles(site.url())
    assert 201 == site.write("danach")
    assert "danach" in site.titles(site.url())
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(old)
    rescue = site.leitstand.runs[-1] / "rescue"
    assert 0o700 == rescue.stat().st_mode & 0o777
    assert "nachher" in "".join(p.read_text("utf-8") for p in rescue.glob("*.csv"))
    (checked,) = [e for e in site.leitstand.journal() if e["event"] == "clone.checked"]
    assert {"public.documents": [1, 0, 0]} == checked["loss"]
    journal = (site.leitstand.runs[-1] / "journal.jsonl").read_text("utf-8")
    notebook = (site.leitstand.runs[-1] / "notebook.ipynb").read_text("utf-8")
    assert "postgresql://" not in journal + notebook


def test_a_contracting_migration_is_undone_just_before_its_run(site: Site) -> None:
    leitstand = site.leitstand
    assert 201 == site.write("vorher")
    breaking = ["-p", "image=web:2.1.0", "-p", "allow=contracts", "-p", "downtime=true"]
    migrated = leitstand("run", "migrate", *breaking, "--apply")
    assert (0, "") == (migrated.code, migrated.problems)
    run = leitstand.runs[-1].name
    assert site.write("auf dem neuen Schema") >= 500
    alone = site.rollback("--apply")
    assert 3 == alone.code
    ended = site.rollback("-p", f"before_run={run}", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert 201 == site.write("danach")
    assert "vorher" in site.titles(site.url())
    assert {"main"} < site.instances()


@pytest.mark.sweep
def test_a_second_rollback_starts_from_the_instance_that_is_in_use(site: Site) -> None:
    first = site.rollback("-p", f"target={site.now().isoformat()}", "--apply")
    assert (0, "") == (first.code, first.problems)
    assert 201 == site.write("auf dem Klon")
    target = site.now()
    assert 201 == site.write("wieder zu viel")
    second = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (0, "") == (second.code, second.problems)
    titles = site.titles(site.url())
    assert "auf dem Klon" in titles
    assert "wieder zu viel" not in titles
    assert 3 == len(site.instances())


def test_traffic_alone_goes_back_while_the_older_code_understands_the_schema(site: Site) -> None:
    assert 0 == site.leitstand.release("web:1.1.0", "--apply").code
    assert STABLE not in site.leitstand.serving()
    ended = site.rollback("--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert {STABLE: 100} == site.leitstand.serving()
    assert {"main"} == site.instances()


REFUSED = [
    ("2026-11-24T07:00:00", 2, "target"),
    ("2099-01-01T00:00:00+00:00", 3, "lässt sich nicht"),
    ("2020-01-01T00:00:00+01:00", 3, "Möglich ist"),
]


def test_without_apply_or_with_a_time_that_cannot_be_recovered_nothing_is_made(site: Site) -> None:
    for target, code, sentence in REFUSED:
        ended = site.rollback("-p", f"target={target}", "--apply")
        assert (code, True) == (ended.code, sentence in ended.problems), ended
        assert {"main"} == site.instances()
    ended = site.rollback("-p", f"target={site.now().isoformat()}")
    assert 0 == ended.code
    assert {"main"} == site.instances()
    assert not [e for e in site.leitstand.events() if e.startswith("action.")]


def test_a_hole_in_the_archive_is_reported_and_the_application_stays(site: Site) -> None:
    archive = site.leitstand.home / "sandbox" / "sql" / PROJECT / "main" / "archive"
    assert 201 == site.write("vorher")
    _fill_segments(site)
    target = site.now()
    assert 201 == site.write("nachher")
    segments = sorted(path for path in archive.iterdir() if len(path.name) == 24)
    segments[len(segments) // 2].unlink()
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (3, True) == (ended.code, "lässt sich nicht wiederherstellen" in ended.problems), ended
    assert {"main"} == site.instances()
    assert 201 == site.write("weiter")
    assert {STABLE: 100} == site.leitstand.serving()


def _fill_segments(site: Site) -> None:
    """Write several megabytes, so that the archive has more than one whole segment."""
    with psycopg.connect(site.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE filling AS SELECT g, repeat('x', 500) AS t"
                           " FROM generate_series(1, 12000) AS g")  # fmt: skip
    time.sleep(1)


@pytest.mark.sweep
def test_a_full_disk_during_the_clone_leaves_the_application_alone(site: Site) -> None:
    target = site.now()
    assert 0 == site.leitstand("sandbox", "break", "Clone", "--kind", "disk_full").code
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (4, True) == (ended.code, "Der Klon ist fehlgeschlagen" in ended.problems), ended
    assert 201 == site.write("weiter")
    resumed = site.leitstand("resume", site.leitstand.runs[-1].name)
    assert (0, "") == (resumed.code, resumed.problems)
    assert 201 == site.write("danach")


def test_a_clone_that_does_not_prove_itself_moves_nothing(site: Site) -> None:
    with psycopg.connect(site.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE doubles AS SELECT 1 AS n FROM generate_series(1, 2)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY doubles_n ON doubles (n)")
        target = site.now()
        connection.execute("DROP INDEX doubles_n")
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert 3 == ended.code, ended
    assert "Der Klon ist nicht brauchbar: „Alle Indexe sind gültig“" in ended.problems
    assert 201 == site.write("weiter")
    assert 1 == site.versions()
    assert {STABLE: 100} == site.leitstand.serving()


@pytest.mark.sweep
def test_a_time_before_the_database_had_its_users_gives_an_unreadable_clone(site: Site) -> None:
    window = site.connection.sql_instances.get_latest_recovery_time(
        request=sqladmin_v1.SqlInstancesGetLatestRecoveryTimeRequest(
            project=PROJECT, instance="main"
        )
    )
    early = window.earliest_recovery_time + timedelta(milliseconds=1)
    ended = site.rollback("-p", f"target={early.isoformat()}", "--apply")
    assert (3, True) == (ended.code, "Der Klon lässt sich nicht lesen" in ended.problems), ended
    assert 201 == site.write("weiter")


@pytest.mark.sweep
def test_a_name_that_is_taken_gives_the_clone_another_one(site: Site) -> None:
    target = site.now()
    taken = clone_name("main", target, frozenset())
    context = sqladmin_v1.CloneContext(destination_instance_name=taken, point_in_time=target)
    body = sqladmin_v1.InstancesCloneRequest(clone_context=context)
    request = sqladmin_v1.SqlInstancesCloneRequest(project=PROJECT, instance="main", body=body)
    site.connection.sql_instances.clone(request=request)
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert {"main", taken, f"{taken}-2"} == site.instances()


@pytest.mark.sweep
def test_an_operation_in_progress_is_waited_for(site: Site) -> None:
    target = site.now()
    busy = site.connection
    request = sqladmin_v1.SqlBackupRunsInsertRequest(
        project=PROJECT, instance="main", body=sqladmin_v1.BackupRun(description="andere")
    )
    busy.sql_backups.insert(request=request)
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (0, "") == (ended.code, ended.problems)


def test_a_secret_version_that_does_not_resolve_is_named_before_anything_happens(
    site: Site,
) -> None:
    name = f"projects/{PROJECT}/secrets/database-url/versions/1"
    site.connection.secrets.disable_secret_version(request={"name": name})
    ended = site.rollback("-p", f"target={site.now().isoformat()}", "--apply")
    assert 4 == ended.code
    assert "Version 1 von database-url" in ended.problems
    assert {"main"} == site.instances()


def test_a_cut_over_that_fails_half_way_leads_back_to_the_old_instance(site: Site) -> None:
    assert 201 == site.write("vorher")
    target = site.now()
    assert 201 == site.write("nachher")
    broken = site.leitstand(
        "sandbox", "break", "AddSecretVersion", "--code", "PERMISSION_DENIED", "--times", "5"
    )
    assert 0 == broken.code
    ended = site.rollback("-p", f"target={target.isoformat()}", "--apply")
    assert (5, True) == (
        ended.code,
        "Die Anwendung arbeitet wieder auf der alten Instanz." in ended.problems,
    ), ended
    assert eventually(lambda: 201 == site.write("weiter"))
    assert {"vorher", "nachher", "weiter"} <= site.titles(site.url())
    assert {STABLE: 100} == site.leitstand.serving()


@pytest.mark.sweep
def test_two_engineers_do_not_roll_back_at_once(site: Site) -> None:
    target = site.now().isoformat()
    assert 0 == site.leitstand("sandbox", "break", "Clone", "--kind", "slow", "--seconds", "6").code
    first = site.leitstand.start("run", "rollback", "-p", f"target={target}", "--apply")
    assert eventually(
        lambda: bool(site.leitstand.runs) and "approval.given" in site.leitstand.events(0), 30
    )
    second = site.rollback("-p", f"target={target}", "--apply")
    _, problems = first.communicate(timeout=60)
    assert (3, True) == (second.code, "arbeitet gerade" in second.problems), second
    assert 0 == first.returncode, problems
    assert 2 == len(site.instances())


def crash_and_resume(site: Site, crash_after: int) -> None:
    """Kill the run after an event, resume it, and compare with a run that was not killed."""
    assert 201 == site.write("vorher")
    target = site.now()
    assert 201 == site.write("nachher")
    site.leitstand.extra = {"LEITSTAND_CRASH_AFTER": str(crash_after)}
    site.rollback("-p", f"target={target.isoformat()}", "--apply")
    site.leitstand.extra = {}
    run = site.leitstand.runs[0]
    ended = next((e for e in site.leitstand.events(0) if e == "run.completed"), "")
    if not ended:
        resumed = site.leitstand("resume", run.name)
        assert (0, "") == (resumed.code, resumed.problems)
    assert 2 == len(site.instances())
    assert 2 == site.versions()
    assert "vorher" in site.titles(site.url())
    assert "nachher" not in site.titles(site.url())
    assert 201 == site.write("danach")
    outcomes: list[Any] = [
        e["id"] for e in site.leitstand.journal(0)
        if e["event"] == "action.outcome" and e["status"] != "failed"
    ]  # fmt: skip
    assert len(outcomes) == len(set(outcomes))
    assert (run / "rescue" / "manifest.json").is_file()


@pytest.mark.parametrize("crash_after", [34])
def test_a_killed_rollback_is_finished_by_resume(site: Site, crash_after: int) -> None:
    crash_and_resume(site, crash_after)


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(1, 90))
def test_a_rollback_killed_after_any_event_is_finished_by_resume(
    site: Site, crash_after: int
) -> None:
    crash_and_resume(site, crash_after)
    assert 0 == site.leitstand("sandbox", "down").code
    assert nothing_left(site.leitstand)
