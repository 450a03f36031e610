"""The rotation runbook as its user starts it: nothing is lost, nothing is shown, nothing twice."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import yaml

from leitstand.cloud.secrets import Secrets
from leitstand.notebook.rotate_secret_wording import RotationDue
from tests.fixtures.command import Command, Ended
from tests.fixtures.locks import locks_at
from tests.runbooks.test_rollback import PROJECT, Site

SECRETS = f"projects/{PROJECT}/secrets"


def rotate(leitstand: Command, secret: str, *arguments: str) -> Ended:
    return leitstand("run", "rotate_secret", "-p", f"secret={secret}", *arguments)


def url(site: Site, version: int) -> str:
    return Secrets(site.connection).value(f"{SECRETS}/database-url", str(version))


def states(site: Site, secret: str) -> list[str]:
    found = Secrets(site.connection).secret(f"{SECRETS}/{secret}")
    return [version.state for version in reversed(found.versions)]


def say_in_the_file(leitstand: Command, secret: str, version: str) -> None:
    """Let the environment file name another version, as the runbook asks for."""
    path = leitstand.project / "config/environments/sandbox.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    web = data["services"]["web"]["template"]["containers"][0]["env"]
    base = yaml.safe_load((path.parent / "base.yaml").read_text("utf-8"))
    migrate = data["jobs"]["migrate"].setdefault("env", base["jobs"]["migrate"]["env"])
    for variable in (*web, *migrate):
        reference = variable.get("value_source", {}).get("secret_key_ref", {})
        if reference.get("secret") == secret:
            reference["version"] = version
    path.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")


@contextmanager
def writing(site: Site) -> Iterator[list[int]]:
    """Let the application write one document after the other; give the statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            statuses.append(site.write("unter Last"))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_the_database_password_changes_under_load_and_the_old_one_goes_later(
    leitstand: Command,
) -> None:
    site = Site(leitstand)
    assert 201 == site.write("vorher")
    with writing(site) as statuses:
        ended = rotate(leitstand, "database-url", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert {201} == set(statuses)
    assert len(statuses) > 10
    with psycopg.connect(url(site, 2)) as connection:
        who = connection.execute("SELECT session_user, current_user").fetchone()
    assert ("app_b", "app") == who
    assert ["ENABLED", "ENABLED"] == states(site, "database-url")
    shown = [
        (leitstand.runs[-1] / n).read_text("utf-8") for n in ("journal.jsonl", "notebook.ipynb")
    ]
    for version in (1, 2):
        password = Secrets(site.connection).value(f"{SECRETS}/database-app-password", str(version))
        assert not any(password in text or "postgresql://" in text for text in shown)

    say_in_the_file(leitstand, "database-url", "2")
    old = url(site, 1)
    later = rotate(leitstand, "database-app-password", "-p", "keep_hours=0", "--apply")
    assert (0, "") == (later.code, later.problems)
    assert ["DISABLED", "ENABLED"] == states(site, "database-url")
    assert ["DISABLED", "ENABLED"] == states(site, "database-app-password")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(old)
    assert 201 == site.write("danach")


def check_resumes(leitstand: Command, crash_after: int) -> None:
    site = Site(leitstand)
    leitstand.extra = {"LEITSTAND_CRASH_AFTER": str(crash_after)}
    rotate(leitstand, "database-url", "--apply")
    leitstand.extra = {}
    resumed = leitstand("resume", leitstand.runs[0].name)
    assert (0, "") == (resumed.code, resumed.problems)
    assert ["ENABLED", "ENABLED"] == states(site, "database-url")
    assert ["ENABLED", "ENABLED"] == states(site, "database-app-password")
    assert 201 == site.write("danach")


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(8, 46))
def test_a_rotation_killed_after_any_event_is_finished_by_resume(
    leitstand: Command, crash_after: int
) -> None:
    check_resumes(leitstand, crash_after)


def test_what_cannot_be_rotated_now_is_refused_and_nothing_is_changed(leitstand: Command) -> None:
    leitstand.without_database()
    web = f"projects/{PROJECT}/locations/europe-west3/services/web"
    locks = locks_at(leitstand.home, "20261126-release-ab12")
    locks.acquire([web])
    held = rotate(leitstand, "django-secret-key", "--apply")
    locks.release()
    assert 3 == held.code
    assert "Der Lauf 20261126-release-ab12 arbeitet gerade an web" in held.problems
    waiting = rotate(leitstand, "django-secret-key", "-p", "source=pending", "--apply")
    assert 3 == waiting.code
    assert "Eine neue Version wartet" in waiting.problems
    unknown = rotate(leitstand, "gibt-es-nicht", "--apply")
    assert 2 == unknown.code
    assert "steht nicht in der Umgebungsdatei" in unknown.problems
    assert not [e for run in range(3) for e in leitstand.events(run) if e.startswith("action.")]


def test_secrets_that_are_due_are_a_finding() -> None:
    found = RotationDue(["redis-url", "database-url"])
    assert (6, "Fällig für die Rotation: redis-url, database-url.") == (
        found.exit_code,
        found.message,
    )
