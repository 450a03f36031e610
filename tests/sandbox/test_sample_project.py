"""The sample application with a database: tenants, schema versions, and sample rows."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from leitstand.sandbox.images.app.database_url import BadDatabaseUrl, database
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from tests.fixtures.postgres import Cluster
from tests.sandbox.test_sample_migrations import ask, run, start

FIRST, SECOND = (str(tenant_id(number)) for number in (1, 2))


class App:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def call(self, path: str, tenant: str = "", body: Any = None) -> tuple[int, Any]:
        headers = {"X-Tenant": tenant} if tenant else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def documents(self, tenant: str = "") -> list[dict[str, Any]]:
        return self.call("/api/documents", tenant)[1]["dokumente"]


@contextmanager
def app(tag: str, url: str, **more: str) -> Iterator[App]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(tag, url, PORT=str(port), **more)
    try:
        started = App(process, port)
        deadline = time.monotonic() + 20
        while True:
            try:
                started.call("/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield started
    finally:
        process.kill()
        process.communicate()


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


def test_a_tenant_sees_and_adds_its_own_documents_only(url: str) -> None:
    with app("1.0.0", url) as started:
        status, answer = started.call(
            "/api/documents", FIRST, {"titel": "Neu", "seiten": 5, "text": "…"}
        )
        own, other, nobody = (started.documents(t) for t in (FIRST, SECOND, ""))

    assert status == 201
    assert {"id": answer["id"], "titel": "Neu", "seiten": 5} == own[0]
    assert {d["id"] for d in own} & {d["id"] for d in other} == set()
    assert len(own) == 50
    assert len(other) == 50
    assert nobody == []


@pytest.mark.parametrize(
    ("tenant", "body", "status"),
    [
        ("no-uuid", {"titel": "x"}, 400),
        (FIRST, {"titel": ""}, 400),
        (FIRST, {"titel": "x", "seiten": "viele"}, 400),
        (FIRST, {"titel": "x", "seiten": 0}, 400),
        (FIRST, [], 400),
        ("00000000-0000-0000-0000-000000000000", {"titel": "x"}, 404),
    ],
)
def test_what_cannot_be_added_is_refused(url: str, tenant: str, body: Any, status: int) -> None:
    with app("1.0.0", url) as started:
        assert status == started.call("/api/documents", tenant, body)[0]


def test_an_upload_without_a_tenant_is_answered_as_without_a_database(url: str) -> None:
    with app("1.0.0", url) as started:
        status, receipt = started.call("/api/documents", body={"a": 1})

    assert (status, receipt["bytes"]) == (201, 8)


def test_row_level_security_holds_for_every_table_with_rows_of_tenants(url: str) -> None:
    run("1.1.0", url, "migrate")
    rows = ask(
        url,
        "SELECT c.relname, c.relrowsecurity, count(p.polname) FROM pg_class c "
        "LEFT JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname IN "
        "('tenants', 'documents', 'bookmarks', 'embeddings') AND c.relkind = 'r' "
        "GROUP BY 1, 2 ORDER BY 1",
    )

    assert rows == [(name, True, 1) for name in ("bookmarks", "documents", "embeddings", "tenants")]
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL ROLE app_tenant")
        for table in ("tenants", "documents", "rag.embeddings"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [SECOND])
        for table, count in (("tenants", 1), ("documents", 60), ("rag.embeddings", 60)):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,)


def test_the_health_page_tells_the_schema_that_is_seen_and_understood(url: str) -> None:
    with app("1.0.0", url) as started:
        status, health = started.call("/healthz")

    assert status == 200
    assert health["schema"] == {
        "documents": 1,
        "vectors": 2,
        "problem": "",
        "min": 1,
        "max": 3,
        "fits": True,
    }


@pytest.mark.parametrize(
    ("tag", "migrated_by", "documents", "smoke"),
    [
        ("1.0.0", "1.0.0", 200, 200),
        ("1.0.0", "1.1.0", 200, 200),
        ("1.0.0", "2.0.0", 200, 200),
        ("1.1.1", "2.0.0", 200, 200),
        ("1.0.0", "2.1.0", 500, 500),
        ("2.0.0", "1.1.0", 500, 500),
        ("2.0.0", "2.0.0", 200, 200),
        ("2.0.0", "2.1.0", 500, 500),
        ("2.1.0", "2.1.0", 200, 200),
        ("2.1.0", "2.3.0-destroys", 200, 200),
        ("2.3.0-destroys", "2.3.0-destroys", 200, 200),
    ],
)
def test_code_works_on_the_schema_versions_it_names_and_fails_on_others(
    url: str, tag: str, migrated_by: str, documents: int, smoke: int
) -> None:
    assert run(migrated_by, url, "migrate", "documents").code == 0
    with app(tag, url) as started:
        read = started.call("/api/documents", FIRST)[0]
        seen = started.call("/smoke")
        health = started.call("/healthz")[0]
        if documents == 200:
            added = started.call("/api/documents", FIRST, {"titel": "Neu", "seiten": 33})[0]
            assert added == 201
            assert started.documents(FIRST)[0]["seiten"] == 33

    assert (documents, smoke, 200) == (read, seen[0], health)
    assert seen[1]["schema"]["fits"] == (smoke == 200)


def test_new_code_reads_what_old_code_wrote_beside_it(url: str) -> None:
    run("2.0.0", url, "migrate", "documents")
    with app("1.1.0", url) as old, app("2.0.0", url) as new:
        old.call("/api/documents", FIRST, {"titel": "Alt", "seiten": 21})
        new.call("/api/documents", FIRST, {"titel": "Neu", "seiten": 22})

        assert [22, 21] == [document["seiten"] for document in new.documents(FIRST)[:2]]
        assert [22, 21] == [document["seiten"] for document in old.documents(FIRST)[:2]]


def test_a_database_that_is_gone_is_503_and_comes_back_without_a_restart(
    cluster: Cluster, url: str
) -> None:
    name = url.rpartition("/")[2]
    with app("1.0.0", url) as started, cluster.superuser("postgres") as admin:
        assert started.call("/api/documents", FIRST)[0] == 200
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        gone = started.call("/api/documents", FIRST)[0]
        health = started.call("/healthz")
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        back = started.call("/api/documents", FIRST)[0]

    assert (gone, back) == (503, 200)
    assert health[0] == 200


@pytest.mark.parametrize("url", ["postgresql://eins", "x-geheim", "postgresql://127.0.0.1:1/app"])
def test_an_unusable_database_does_not_keep_it_from_starting_but_fails_the_smoke_test(
    url: str,
) -> None:
    with app("1.0.0", url) as started:
        began = time.monotonic()
        health = started.call("/healthz")
        assert time.monotonic() - began < 5
        smoke = started.call("/smoke")

    assert (health[0], smoke[0]) == (200, 500)
    assert not health[1]["schema"]["fits"]
    assert health[1]["schema"]["problem"]
    assert "geheim" not in json.dumps(health[1])


def test_it_becomes_ready_quickly_with_a_database(url: str) -> None:
    began = time.monotonic()
    with app("1.0.0", url):
        taken = time.monotonic() - began

    assert taken < 3


def test_sample_rows_are_the_same_for_the_same_seed(cluster: Cluster) -> None:
    content = (
        "SELECT md5(string_agg(d.title || d.body || d.pages || e.embedding::text, '' "
        "ORDER BY d.tenant_id, d.created_at)) FROM documents d "
        "JOIN rag.embeddings e ON e.document_id = d.id"
    )
    found = []
    for seed in ("7", "7", "8"):
        url = cluster.url(cluster.database())
        run("1.0.0", url, "migrate")
        run("1.0.0", url, "load_sample", "--tenants", "2", "--documents", "20", "--seed", seed)
        found.append(ask(url, content))

    assert found[0] == found[1]
    assert found[0] != found[2]


def test_sample_tenants_that_are_there_are_left_alone(url: str) -> None:
    before = ask(url, "SELECT count(*), max(id) FROM documents")

    again = run("1.0.0", url, "load_sample", "--tenants", "2", "--documents", "60")

    assert again.events("load_sample.done")[0]["documents"] == 0
    assert before == ask(url, "SELECT count(*), max(id) FROM documents")


def test_sample_vectors_lie_in_clusters_and_have_length_one(url: str) -> None:
    (near, far, shortest, longest), = ask(
        url,
        "WITH pair AS (SELECT min(a.embedding <=> b.embedding) AS near, "
        "max(a.embedding <=> b.embedding) AS far FROM rag.embeddings a JOIN rag.embeddings b "
        "ON a.document_id <> b.document_id GROUP BY a.document_id) "
        "SELECT (SELECT avg(near) FROM pair), (SELECT avg(far) FROM pair), "
        "min(vector_norm(embedding)), max(vector_norm(embedding)) FROM rag.embeddings",
    )  # fmt: skip

    assert near < 0.2 < 0.8 < far
    assert shortest == pytest.approx(1, abs=1e-5)
    assert longest == pytest.approx(1, abs=1e-5)


def test_sample_rows_without_a_vector_store_have_no_embeddings(cluster: Cluster) -> None:
    url = cluster.url(cluster.database())
    run("1.0.0", url, "migrate", "documents")

    result = run("1.0.0", url, "load_sample", "--tenants", "1", "--documents", "5")

    assert result.code == 0
    assert result.events("load_sample.done")[0]["embeddings"] == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://us%40er:p%2Fw@db.example:5433/app?sslmode=require",
            ("app", "us@er", "p/w", "db.example", "5433"),
        ),
        ("postgres://u@/app?host=/cloudsql/p:r:i", ("app", "u", "", "/cloudsql/p:r:i", "")),
    ],
)
def test_a_database_url_is_taken_apart(url: str, expected: tuple[str, ...]) -> None:
    made = database(url, "web-00001-abc")

    assert expected == tuple(made[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT"))
    assert made["OPTIONS"]["application_name"] == "web-00001-abc"
    assert made["OPTIONS"].get("sslmode") == ("require" if "sslmode" in url else None)


@pytest.mark.parametrize(
    "url", ["", "geheim", "mysql://u@h/app", "postgresql://h:x/app", "postgresql:///app"]
)
def test_anything_else_is_no_database_url_and_is_never_quoted(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as caught:
        database(url, "web")

    assert "geheim" not in str(caught.value)
