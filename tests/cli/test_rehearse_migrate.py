"""Rehearsals with the database of production: its structure comes along, no row and no secret."""

import base64
import json
from pathlib import Path

import psycopg
import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.configuration import load_environment
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.like import NotRehearsable, Rehearsal, Watch, rehearse_like
from leitstand.notebook.listener import SilentListener
from leitstand.notebook.template import find_template, read_template
from leitstand.project import sandbox_directory
from leitstand.sandbox import control
from tests.fixtures.command import Command

ROW = "Vertrag mit einem echten Kunden"


class Enough(Exception):
    """The sandbox has been looked at; nothing needs to be run in it."""


def clients(leitstand: Command) -> Connection:
    """The clients of production."""
    running = control.find(leitstand.home / "sandbox")
    assert running is not None
    files = leitstand.project / "config" / "environments"
    return Connection(load_environment("sandbox", files), running.grpc, running.rest)


def production(leitstand: Command) -> str:
    """The administrator's address of production's database."""
    access = DatabaseAccess(clients(leitstand))
    return access.administrator_url(access.instance)


def image_of_the_job(leitstand: Command) -> str:
    """What production's migrate job would run."""
    there = clients(leitstand)
    template = CloudRunJobs(there).job(there.environment.job_name("migrate")).template
    return str(template["template"]["containers"][0]["image"])


def lived_in(leitstand: Command) -> None:
    """Let production have what no migration made, and a row."""
    with psycopg.connect(production(leitstand), autocommit=True) as session:
        session.execute("CREATE TABLE by_hand (note text DEFAULT 'leer')")
        session.execute("INSERT INTO by_hand VALUES (%s)", [ROW])
        session.execute("CHECKPOINT")


def payloads(sandbox: Path) -> list[bytes]:
    """The values of all secrets of a sandbox."""
    state = json.loads((sandbox / "state.json").read_text("utf-8"))
    return [base64.b64decode(payload["data"]) for payload in state["secret_payloads"].values()]


def holding(directory: Path, texts: list[bytes]) -> list[str]:
    """The files below a directory that hold one of the texts; backups are copies of others."""
    files = [f for f in directory.rglob("*") if f.is_file() and "backups" not in f.parts]
    contents = ((file.name, file.read_bytes()) for file in files)
    return [name for name, content in contents if any(text in content for text in texts)]


def rehearse(leitstand: Command, runbook: str, watch: Watch, **given: str) -> Rehearsal:
    """Rehearse in this process, which can look at the sandbox before the runbook starts."""
    template = read_template(find_template(runbook, leitstand.project / "runbooks"))
    return rehearse_like(template, given, "sandbox", SilentListener(), watch)


@pytest.fixture
def there(leitstand: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A production that has lived, whose rehearsals run in this process."""
    assert 0 == leitstand("sandbox", "up").code
    lived_in(leitstand)
    for name, value in leitstand.environment.items():
        monkeypatch.setenv(name, value)
    return leitstand


def test_a_migration_is_rehearsed_and_stops_where_somebody_has_migrated_since(
    there: Command,
) -> None:
    hidden = [*payloads(there.home / "sandbox"), ROW.encode()]
    assert holding(there.home / "sandbox" / "sql", [ROW.encode()])
    leaked: list[str] = []

    def look(what: str) -> None:
        if what == "Stand vergleichen":
            leaked.extend(holding(sandbox_directory(), hidden))

    rehearsal = rehearse(there, "migrate", look, image="web:1.1.0")
    assert (0, "") == (rehearsal.result.exit_code, rehearsal.result.message)
    assert [] == leaked
    assert [] == [n for d in ("predictions", "runs") for n in holding(there.home / d, hidden)]
    applied = {plan["runbook"]: plan.get("migrations", {}) for plan in rehearsal.prediction.plans}
    assert ["documents.0002_bookmarks"] == list(applied["migrate/schema"])
    unlike = " ".join(rehearsal.prediction.unlike)
    assert "In der Probe fehlt" not in unlike
    assert "in der Probe sind die Tabellen leer" in unlike

    before = image_of_the_job(there)
    with psycopg.connect(production(there), autocommit=True) as session:
        session.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('documents', '0002_bookmarks', now())"
        )
    stopped = there("run", "migrate", "-p", "image=web:1.1.0", "--apply")
    assert 3 == stopped.code
    assert "Migration documents.0002_bookmarks" in stopped.problems
    done = [event["id"] for event in there.journal() if event["event"] == "action.intent"]
    assert ["job", "plan", "job-back"] == done
    assert "run.rolled_back" in there.events()
    assert before == image_of_the_job(there)
    again = there("run", "migrate", "-p", "image=web:1.1.0", "--apply")
    assert (3, True) == (again.code, "Migration documents.0002_bookmarks" in again.problems)
    assert before == image_of_the_job(there)


def test_another_image_of_the_same_name_is_refused_before_a_sandbox_starts(there: Command) -> None:
    connection = clients(there)
    host, project, repository = connection.environment.artifact_registry.repository.split("/")
    location = host.removesuffix("-docker.pkg.dev")
    web = f"projects/{project}/locations/{location}/repositories/{repository}/packages/web"
    older = connection.registry.get_tag(request={"name": f"{web}/tags/1.0.0"}).version
    moved = {"name": f"{web}/tags/1.1.0", "version": older}
    connection.registry.update_tag(request={"tag": moved, "update_mask": {"paths": ["version"]}})
    begun: list[str] = []
    with pytest.raises(NotRehearsable) as refused:
        rehearse(there, "migrate", begun.append, image="web:1.1.0")
    assert "Nur das Abbild web:1.1.0 kennt seine Migrationen" in refused.value.message
    assert [] == begun


def test_an_image_that_production_has_not_is_left_to_the_run_to_find(there: Command) -> None:
    def look(_: str) -> None:
        raise Enough

    with pytest.raises(Enough):
        rehearse(there, "migrate", look, image="web:9.9.9")


def test_the_address_of_the_database_stays_where_it_is_when_its_rotation_is_rehearsed(
    there: Command,
) -> None:
    hidden = payloads(there.home / "sandbox")
    leaked: list[str] = []

    def look(what: str) -> None:
        if what == "Stand vergleichen":
            leaked.extend(holding(sandbox_directory(), hidden))
            assert payloads(sandbox_directory())
            raise Enough

    with pytest.raises(Enough):
        rehearse(there, "rotate_secret", look, secret="database-url")
    assert [] == leaked
