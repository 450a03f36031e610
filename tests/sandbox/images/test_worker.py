"""The worker: a real Celery worker over a real Redis."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from leitstand.sandbox.images.app.background import celery_app
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from leitstand.sandbox.images.catalogue import Catalogue
from tests.fixtures.postgres import Cluster
from tests.sandbox import running
from tests.sandbox.images.processes import (
    APP,
    PASSWORD,
    Container,
    container,
    redis_server,
    url_of,
    wait_until,
)

WORKER = (APP, "celery", "worker")


@pytest.fixture(scope="module")
def worker(redis_of_module: Redis) -> Iterator[Container]:
    url = url_of(redis_of_module)
    with container(*WORKER, REDIS_URL=url, K_REVISION="worker-00001-abc") as started:
        started.becomes(200)
        yield started


def test_a_worker_that_is_ready_does_what_lies_in_the_queue(
    worker: Container, redis_of_module: Redis
) -> None:
    _, health = worker.request("/healthz")
    celery_app(url_of(redis_of_module)).send_task("send_mail", args=["Grüß Gott"])
    wait_until(lambda: worker.events("send_mail.done"))

    assert ("worker", "worker-00001-abc") == (health["role"], health["revision"])
    assert "Grüß Gott" == worker.events("send_mail.done")[0]["subject"]
    assert [] == worker.errors
    assert PASSWORD not in "".join(worker.lines)


def test_a_task_that_fails_is_logged_as_an_error_and_ends_nothing(
    worker: Container, redis_of_module: Redis
) -> None:
    app = celery_app(url_of(redis_of_module))
    app.send_task("slow", args=["lange"])
    app.send_task("heartbeat")
    wait_until(lambda: worker.events("heartbeat.done"))

    (error,) = [line for line in worker.documents() if line["severity"] == "ERROR"]
    assert "TypeError" in error["stack_trace"]


def test_a_worker_ends_with_its_standard_input(worker: Container) -> None:
    assert worker.process.stdin is not None
    worker.process.stdin.close()

    assert 0 == worker.wait()


def test_sigterm_lets_the_worker_finish_the_task_in_hand_and_leaves_the_others_in_the_queue(
    redis: Redis,
) -> None:
    with container(APP, "celery", "-A", "app", "worker", REDIS_URL=url_of(redis)) as worker:
        app = celery_app(url_of(redis))
        for _ in range(2):
            app.send_task("slow", args=[0.4])
        wait_until(lambda: worker.events("slow.started"))
        waiting = redis.llen("celery")
        code = worker.end()

    assert 0 == code
    assert 1 == waiting == redis.llen("celery")
    assert 1 == len(worker.events("slow.started")) == len(worker.events("slow.done"))


def test_a_worker_is_not_healthy_without_its_broker(tmp_path: Path) -> None:
    with redis_server(tmp_path) as own, container(*WORKER, REDIS_URL=url_of(own)) as worker:
        worker.becomes(200)
        own.shutdown(nosave=True)
        worker.becomes(503)


def test_a_worker_with_a_wrong_password_never_gets_ready(redis: Redis) -> None:
    url = url_of(redis).replace(PASSWORD, "falsch")
    with container(*WORKER, REDIS_URL=url) as worker:
        wait_until(lambda: any(line["severity"] != "INFO" for line in worker.documents()))
        assert 200 != worker.status()

    assert "falsch" not in "".join(worker.lines + worker.errors)


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_redis_url_it_says_so_and_ends(command: str) -> None:
    with container(APP, "celery", command) as ended:
        assert 2 == ended.wait()

    (line,) = ended.documents()
    assert ("CRITICAL", command) == (line["severity"], line["command"])
    assert "REDIS_URL" in line["message"]


@pytest.mark.parametrize("arguments", [[], ["flower"], ["worker", "--pool", "prefork"]])
def test_what_the_sample_does_not_have_is_refused(arguments: list[str]) -> None:
    with container(APP, "celery", *arguments, REDIS_URL="redis://127.0.0.1:1/0") as ended:
        assert 2 == ended.wait()

    (line,) = ended.documents()
    assert "CRITICAL" == line["severity"]


def test_a_taken_port_has_an_exit_code_of_its_own() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with container(*WORKER, PORT=port, REDIS_URL="redis://127.0.0.1:1/0") as ended:
            assert 71 == ended.wait()


def test_a_crashing_image_crashes_as_a_worker_too() -> None:
    with container(*WORKER, APP_EXIT_AT_START="1", REDIS_URL="redis://127.0.0.1:1/0") as ended:
        assert 1 == ended.wait()


def test_a_document_that_web_takes_in_is_embedded_by_the_worker(
    redis: Redis, cluster: Cluster
) -> None:
    database = cluster.database()
    environment = {
        **Catalogue.load().resolve(f"{running.IMAGE}:2.0.0").behaviour,
        "APP_VECTOR_DIMENSIONS": "8",
        "DATABASE_URL": cluster.url(database),
        "REDIS_URL": url_of(redis),
    }
    with container(APP, "migrate", **environment) as job:
        assert 0 == job.wait(), job.lines
    with psycopg.connect(cluster.url(database, "postgres")) as connection:
        connection.execute("INSERT INTO tenants (id, name) VALUES (%s, 'Eins')", [tenant_id(1)])
    with container(APP, **environment) as web, container(*WORKER, **environment) as worker:
        web.becomes(200)
        added = post(web, "Prüfbericht")
        wait_until(lambda: worker.events("embed_document.done"))
        celery_app(url_of(redis)).send_task("embed_document", args=[9999, str(tenant_id(1))])
        wait_until(lambda: len(worker.events("embed_document.done")) == 2)

    with psycopg.connect(cluster.url(database, "postgres")) as connection:
        query = "SELECT document_id, tenant_id FROM rag.embeddings"
        assert [(added, tenant_id(1))] == connection.execute(query).fetchall()
    assert [True, False] == [line["stored"] for line in worker.events("embed_document.done")]


def test_web_takes_in_documents_even_where_the_broker_is_gone() -> None:
    with container(APP, REDIS_URL="redis://127.0.0.1:1/0") as web:
        web.becomes(200)
        status, _ = web.request("/api/documents", {"titel": "Prüfbericht"})

    assert 201 == status
    assert ["send_mail"] == [line["task"] for line in web.documents() if "task" in line]


def test_the_queue_costs_web_nothing_until_it_is_used() -> None:
    code = (
        "import sys, leitstand.sandbox.images.app.background\n"
        "sys.exit(any(name in sys.modules for name in ('celery', 'kombu', 'redis')))"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_a_service_with_the_command_of_the_worker_runs_one(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "projects/leitstand-sandbox/secrets/REDIS_URL"
    monkeypatch.setitem(running.SECRETS, f"{secret}/versions/1", url_of(redis).encode())
    reference = {"secret": secret, "version": "1"}
    service = running.web(
        "1.1.0",
        "worker-00001-abc",
        command=["celery"],
        args=["worker"],
        env=[{"name": "REDIS_URL", "value_source": {"secret_key_ref": reference}}],
        startup_probe={"http_get": {"path": "/healthz"}},
    )
    name = f"{running.PARENT}/services/worker"
    with running.running(tmp_path, {**service, "name": name}) as sandbox:
        celery_app(url_of(redis)).send_task("heartbeat")
        wait_until(lambda: any("heartbeat.done" in text for *_, text in sandbox.logs.lines))
        assert 1 == len(sandbox.pids())


def post(web: Container, title: str) -> int:
    status, answer = web.request(
        "/api/documents", {"titel": title, "text": "Dichtungen"}, {"X-Tenant": str(tenant_id(1))}
    )
    assert 201 == status
    return int(answer["id"])
