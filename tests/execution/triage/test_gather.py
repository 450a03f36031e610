"""Signals of a real sandbox: all of them, and what is left when sources refuse, break or hang."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from leitstand.audit.journal import Journal
from leitstand.core.triage.signals import (
    CertificateSignal,
    Change,
    GatewaySignal,
    Missing,
    QueueSignal,
    Signals,
    Silence,
)
from leitstand.core.triage.store_signals import (
    DatabaseSignal,
    IsolationSignal,
    RedisSignal,
    StorageSignal,
    VectorSignal,
)
from leitstand.execution.triage.reasons import NoSessionLeft
from leitstand.sandbox.fault_kinds import FaultKind
from leitstand.sandbox.images.app.background import celery_app
from leitstand.sandbox.load import Load
from tests.execution.triage.world import Place, place
from tests.sandbox.images.processes import PASSWORD, url_of

BY_LOGIN = {"database", "vectors", "isolation"}
DATABASE = {"storage", *BY_LOGIN}
TRAFFIC = {"traffic", "baseline", "series", "gateway"}
BRIEF = 10.0
"""Seconds in which the sources that do not hang tell something on a busy machine, too."""
LOADED = 10.0
"""What hangs does so for ever: seconds beyond the deadline that a busy machine may take."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("triage")) as made:
        yield made


@pytest.fixture
def here(shared: Place) -> Iterator[Place]:
    yield shared
    shared.sandbox.clear_faults()


def late(signals: Signals) -> set[str]:
    return {name for name, missing in signals.missing.items() if missing.tells is Silence.LATE}


def test_every_source_tells_something(here: Place) -> None:
    celery_app(url_of(here.redis)).send_task("heartbeat")
    with Load(here.sandbox.public, 60, 4):
        time.sleep(2.2)
        signals = here.gather()
    assert {} == signals.missing
    services, traffic, queue = signals.services, signals.traffic, signals.queue
    assert isinstance(services, dict)
    assert isinstance(traffic, dict)
    assert isinstance(queue, QueueSignal)
    web = services["web"]
    assert (True, "web-00001-start", 100) == (
        web.ready, web.revisions[0].name, web.revisions[0].percent
    )  # fmt: skip
    assert "1" == web.revisions[0].secrets["database-url"]
    assert not services["worker"].ready
    sample = traffic["web"]["web-00001-start"]
    assert 20 <= sample.requests
    assert sample.latency_p95_ms
    assert ("celery", 1) == (queue.name, queue.length)
    assert {} == signals.baseline
    assert isinstance(signals.series, dict)
    assert sample.requests == sum(r.requests for r in signals.series["web"])
    assert isinstance(signals.redis, RedisSignal)
    assert isinstance(signals.gateway, GatewaySignal)
    assert VectorSignal(()) == signals.vectors
    assert signals.secrets
    waiting = {"app.example": "PROVISIONING"}
    assert (CertificateSignal("main", "PROVISIONING", None, waiting),) == signals.certificates
    assert isinstance(signals.operations, tuple)
    assert {"revision", "secret"} <= {change.kind for change in signals.operations}


def test_the_database_tells_its_sessions_schema_and_open_tables(here: Place) -> None:
    with psycopg.connect(here.administrator_url()):
        signals = here.gather()
    found = signals.database
    assert isinstance(found, DatabaseSignal)
    assert 1 <= found.connections < found.max_connections
    assert found.schema_version
    assert found.health.archiver.enabled
    assert isinstance(signals.isolation, IsolationSignal)
    assert "public.documents" in signals.isolation.open_tables


def test_the_disk_counts_what_files_claim(here: Place) -> None:
    before = here.gather().storage
    directory = here.sandbox.directory / "sql" / here.environment.project / "main"
    ballast = directory / "ballast"
    with ballast.open("wb") as file:
        file.truncate(9 * 1024**3)
    try:
        time.sleep(1.1)
        after = here.gather().storage
    finally:
        ballast.unlink()
    assert isinstance(before, StorageSignal)
    assert isinstance(after, StorageSignal)
    assert 10 * 1024**3 == after.size_bytes
    assert before.used_bytes < 1024**3 < 9 * 1024**3 < after.used_bytes


def test_error_lines_are_grouped(here: Place) -> None:
    resource = {
        "type": "cloud_run_revision",
        "labels": {"service_name": "web", "revision_name": "web-00001-start"},
    }
    name = f"projects/{here.environment.project}/logs/run.googleapis.com%2Fstdout"
    entries: Any = [
        {"severity": severity, "json_payload": {"message": "Fehler", "error": f"row {n}"}}
        for n, severity in enumerate(("ERROR", "CRITICAL", "WARNING"))
    ]
    here.connection.logs.write_log_entries(
        log_name=name, resource=resource, labels={}, entries=entries
    )
    (found,) = [g for g in here.gather().errors if g.pattern.startswith("Fehler")]  # type: ignore[union-attr]  # or the test is to fail
    assert ("Fehler: row <Zahl>", 2, {"web-00001-start": 2}) == (
        found.pattern, found.count, found.revisions
    )  # fmt: skip


def test_earlier_runs_and_what_they_changed_are_told(here: Place) -> None:
    directory = here.home / "runs" / "20261126-release"
    directory.mkdir(parents=True)
    journal = Journal(directory / "journal.jsonl")
    journal.append("run.started", runbook="release", env="sandbox", operator="anna")
    target = here.environment.service_name("web")
    journal.append("action.intent", id="a", kind="run.traffic", target=target, arguments={})
    done = journal.append("action.outcome", id="a", status="done")
    journal.append("run.completed", exit_code=0)
    at = datetime.fromisoformat(str(done["at"]))
    text = "Das Runbook release hat daran gearbeitet; der Lauf ist abgeschlossen."
    assert (Change(at, "run", "web", text, "20261126-release"),) == here.gather().runs


def test_no_secret_is_told(here: Place) -> None:
    url = here.administrator_url()
    password = re.findall(r":([^:@/]+)@", url)[0]
    here.sandbox.add_fault("AccessSecretVersion", "fail", "INTERNAL", times=0)
    broken = repr(here.gather())
    here.sandbox.clear_faults()
    for told in (broken, repr(here.gather())):
        assert password not in told
        assert PASSWORD not in told


FAULTS: dict[str, tuple[str, FaultKind, str, set[str]]] = {
    "Cloud Run denies": ("ListServices", "fail", "PERMISSION_DENIED", {"services"}),
    "Monitoring denies": ("ListTimeSeries", "fail", "PERMISSION_DENIED", TRAFFIC),
    "Logging is unavailable": ("ListLogEntries", "fail", "UNAVAILABLE", {"errors"}),
    "Secret Manager denies lists": ("ListSecrets", "fail", "PERMISSION_DENIED", {"secrets"}),
    "Secret Manager denies values": (
        "AccessSecretVersion", "fail", "PERMISSION_DENIED", BY_LOGIN | {"redis", "queue"}
    ),
    "Cloud SQL denies": ("SqlInstancesService/List", "fail", "PERMISSION_DENIED", {"storage"}),
    "certificates are denied": (
        "sslCertificates/list", "fail", "PERMISSION_DENIED", {"certificates"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_source_that_refuses_is_missing_and_the_others_are_not(here: Place, name: str) -> None:
    method, kind, code, expected = FAULTS[name]
    here.sandbox.add_fault(method, kind, code, times=0)
    missing = here.gather().missing
    assert expected == set(missing)
    assert not any(reason.tells is Silence.LATE for reason in missing.values())
    assert all(reason.reason.endswith(".") for reason in missing.values())


HANGING = {
    "Monitoring": ("ListTimeSeries", TRAFFIC),
    "certificates": ("sslCertificates/list", {"certificates"}),
}


@pytest.mark.parametrize("name", HANGING)
def test_a_source_that_hangs_is_late_and_the_others_are_not(here: Place, name: str) -> None:
    method, expected = HANGING[name]
    here.sandbox.add_fault(method, "hang", times=0)
    signals, seconds = here.timed(BRIEF)
    assert expected == late(signals) == set(signals.missing)
    assert seconds <= BRIEF + LOADED


def test_nobody_waits_when_everything_hangs(here: Place) -> None:
    here.sandbox.add_fault("*", "hang", times=0)
    signals, seconds = here.timed(0.5)
    asked = set(vars(signals)) - {"at", "since", "runs"}
    assert asked == late(signals)
    assert seconds < 0.5 + LOADED


def test_a_locked_registry_keeps_nothing_but_isolation_back(here: Place) -> None:
    with psycopg.connect(here.administrator_url()) as locker:
        locker.execute("SET ROLE app")
        locker.execute("LOCK TABLE public.tenants IN ACCESS EXCLUSIVE MODE")
        signals, seconds = here.timed(BRIEF)
        locker.rollback()
    assert {"isolation"} == set(signals.missing)
    assert seconds <= BRIEF + LOADED


def test_a_database_without_a_free_session_says_so(here: Place) -> None:
    url = here.administrator_url()
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(url))
        signals = here.gather()
    assert Missing(NoSessionLeft().message, Silence.FULL) == signals.database
    assert BY_LOGIN == set(signals.missing)


def test_a_disabled_secret_is_no_answer_but_a_reason(here: Place) -> None:
    client = here.connection.secrets
    name = f"{here.secret('redis-url')}/versions/1"
    client.disable_secret_version(name=name)
    try:
        signals = here.gather()
    finally:
        client.enable_secret_version(name=name)
    assert {"redis", "queue"} == set(signals.missing)
    states = {s.name: s.states for s in signals.secrets}  # type: ignore[union-attr]  # as above
    assert {"1": "DISABLED"} == states["redis-url"]


def test_two_incidents_may_look_at_once(here: Place) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: here.gather(), range(2))
    assert {} == one.missing == other.missing
    for name in ("services", "secrets", "certificates", "isolation", "operations", "runs"):
        assert getattr(one, name) == getattr(other, name)


_PROGRAM = """
import socket, sys, time
from datetime import UTC, datetime
from pathlib import Path
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.execution.triage import gather
with socket.create_server(("127.0.0.1", 0)) as silent:
    address = f"127.0.0.1:{silent.getsockname()[1]}"
    connection = Connection(load_environment("sandbox"), address, f"http://{address}")
    begin = time.monotonic()
    signals = gather(
        connection, since=datetime.now(UTC), deadline=1.0, state_directory=Path(sys.argv[1])
    )
    print(len(signals.missing), time.monotonic() - begin)
"""


def test_a_process_ends_although_its_sources_hang(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        capture_output=True, text=True, timeout=10, check=True, env={**os.environ},
    )  # fmt: skip
    missing, seconds = ended.stdout.split()
    assert "15" == missing
    assert float(seconds) < 1.0 + LOADED


def test_an_environment_without_a_database_has_none_of_its_signals(here: Place) -> None:
    environment = here.environment.model_copy(update={"database": None})
    signals = replace(here, environment=environment).gather()
    assert DATABASE == set(signals.missing)
    assert "Eine Datenbank gehört nicht zu dieser Umgebung." == signals.missing["database"].reason
    assert UTC == signals.at.tzinfo
