"""The front door over real instances."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from google.cloud import run_v2

from leitstand.sandbox.pools import Limits
from tests.sandbox.running import DOMAIN, WEB, Running, running, web

STABLE = "web-00001-aaa"
OWN_HOST = "web-leitstand-sandbox.europe-west3.run.app"
Ingress = run_v2.IngressTraffic


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory: Path = tmp_path_factory.mktemp("door")
    with running(directory, web("1.0.0", STABLE), limits=Limits(idle=0.5)) as started:
        started.deploy("1.1.0", "web-1-1-0")
        started.traffic_to({STABLE: 90, "web-1-1-0": 10}, {"neu": "web-1-1-0"})
        yield started


def ask(
    address: str,
    path: str = "/healthz",
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | Iterator[bytes] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_requests_are_split_as_wanted(sandbox: Running) -> None:
    uri = sandbox.services.get_service(name=WEB).uri
    parts = urlsplit(uri)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    counts: Counter[str] = Counter()
    for _ in range(200):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        counts[answer.headers["X-Sandbox-Revision"]] += 1
    connection.close()

    assert abs(counts["web-1-1-0"] - 20) <= 3
    assert counts.total() == 200


def test_a_tag_has_an_address_of_its_own_and_starts_from_zero(sandbox: Running) -> None:
    sandbox.traffic_to({STABLE: 100}, {"neu": "web-1-1-0"})
    pool = sandbox.fleet.running()[f"{WEB}/revisions/web-1-1-0"]
    while pool.pids:
        time.sleep(0.05)
    (uri,) = (s.uri for s in sandbox.services.get_service(name=WEB).traffic_statuses if s.tag)

    answer, body = ask(uri)
    sandbox.traffic_to({STABLE: 90, "web-1-1-0": 10}, {"neu": "web-1-1-0"})

    assert (answer.status, answer.headers["X-Sandbox-Revision"]) == (200, "web-1-1-0")
    assert answer.headers["X-Sandbox-Instance"] == json.loads(body)["instance"]


def test_the_internet_reaches_the_service_through_the_load_balancer_only(sandbox: Running) -> None:
    public = sandbox.door.public
    hosts = (DOMAIN, "irgendwo.example", "127.0.0.1", f"{OWN_HOST}:443")

    assert [ask(public, headers={"Host": h})[0].status for h in hosts] == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("ingress", "disabled", "balanced", "direct"),
    [
        (Ingress.INGRESS_TRAFFIC_ALL, False, 200, 200),
        (Ingress.INGRESS_TRAFFIC_ALL, True, 200, 404),
        (Ingress.INGRESS_TRAFFIC_INTERNAL_ONLY, False, 404, 404),
        (Ingress.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER, False, 200, 404),
    ],
)
def test_ingress_decides_who_gets_in(
    sandbox: Running, ingress: Ingress, disabled: bool, balanced: int, direct: int
) -> None:
    service = run_v2.Service(name=WEB, ingress=ingress, default_uri_disabled=disabled)
    mask = {"paths": ["ingress", "default_uri_disabled"]}
    before = sandbox.services.get_service(name=WEB)
    after = sandbox.done(sandbox.services.update_service(service=service, update_mask=mask))

    public = sandbox.door.public
    try:
        assert balanced == ask(public)[0].status
        assert direct == ask(public, headers={"Host": OWN_HOST})[0].status
        assert ask(after.uri)[0].status == 200
    finally:
        back = run_v2.Service(
            name=WEB, ingress=before.ingress, default_uri_disabled=before.default_uri_disabled
        )
        sandbox.done(sandbox.services.update_service(service=back, update_mask=mask))


def test_bodies_pass_whole_in_both_directions(sandbox: Running) -> None:
    sent = os.urandom(700_000)
    expected = {"bytes": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}
    chunks = (sent[start : start + 50_000] for start in range(0, len(sent), 50_000))

    _, by_length = ask(sandbox.door.public, "/api/documents", "POST", body=sent)
    _, chunked = ask(sandbox.door.public, "/api/documents", "POST", body=chunks)
    export, lines = ask(sandbox.door.public, "/api/export")

    assert expected == json.loads(by_length) == json.loads(chunked)
    assert len(lines.splitlines()) == 55
    assert export.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_head_answers_without_a_body(sandbox: Running) -> None:
    answer, body = ask(sandbox.door.public, "/", "HEAD")

    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_headers_of_one_connection_are_not_passed_on(sandbox: Running) -> None:
    hop = {"Connection": "close, X-Einmal", "X-Einmal": "1", "Keep-Alive": "5", "TE": "trailers"}
    answer, _ = ask(sandbox.door.public, headers=hop)

    assert answer.status == 200
    assert answer.headers["Server"] == "Google Frontend"
    assert len(answer.headers.get_all("Server") or []) == 1


def test_an_unknown_path_is_the_applications_own_404(sandbox: Running) -> None:
    answer, _ = ask(sandbox.door.public, "/gibt/es?nicht=%C3%A4")

    assert answer.status == 404
    assert answer.headers["X-Sandbox-Revision"]


def test_every_request_is_recorded_with_who_answered_and_how_long_it_took(
    sandbox: Running,
) -> None:
    began = time.time()
    answer, _ = ask(sandbox.door.public, "/api/documents?seite=1")
    (record,) = sandbox.traffic.window(began, time.time() + 1)

    assert (
        record.project,
        record.location,
        record.service,
    ) == ("leitstand-sandbox", "europe-west3", "web")
    assert (
        record.status,
        record.method,
        record.path,
        record.tag,
    ) == (200, "GET", "/api/documents?seite=1", "")
    assert answer.headers["X-Sandbox-Revision"] == record.revision
    assert answer.headers["X-Sandbox-Instance"] == record.instance
    assert 0 < record.latency_ms < 5000


def test_a_killed_instance_costs_no_further_request(sandbox: Running) -> None:
    for pid in sandbox.pids():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)

    assert {200} == {ask(sandbox.door.public)[0].status for _ in range(20)}


def test_an_instance_that_dies_over_a_request_gives_503(tmp_path: Path) -> None:
    slow = [
        {"name": "APP_DELAY_EVERY", "value": "1"},
        {"name": "APP_DELAY_MS", "value": "20000"},
    ]
    with running(tmp_path, web("1.0.0", STABLE, env=slow)) as sandbox:
        (pid,) = sandbox.pids()
        killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
        killer.start()
        answer, body = ask(sandbox.door.public, "/")

    assert answer.status == 503
    assert b"connection to the instance had an error" in body


def test_a_request_under_way_is_answered_though_its_tag_is_taken_away(tmp_path: Path) -> None:
    slow = [
        {"name": "APP_DELAY_EVERY", "value": "1"},
        {"name": "APP_DELAY_MS", "value": "1500"},
    ]
    with running(tmp_path, web("1.0.0", STABLE, env=slow)) as sandbox:
        tagged = sandbox.traffic_to({STABLE: 100}, {"alt": STABLE}).traffic_statuses[1].uri
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(ask, tagged, "/")
            time.sleep(0.3)
            sandbox.traffic_to({STABLE: 100})
            with pytest.raises(ConnectionRefusedError):
                ask(tagged)
            answer, _ = asked.result()

    assert 200 == answer.status


def test_a_service_that_never_got_ready_answers_503(tmp_path: Path) -> None:
    with running(tmp_path, web("1.2.2-crash", STABLE)) as sandbox:
        assert ask(sandbox.door.public)[0].status == 503


def test_too_many_requests_for_the_maximum_are_refused_with_429(tmp_path: Path) -> None:
    slow = [
        {"name": "APP_DELAY_EVERY", "value": "1"},
        {"name": "APP_DELAY_MS", "value": "1500"},
    ]
    service = web("1.0.0", STABLE, env=slow)
    service["scaling"] = {"min_instance_count": 1, "max_instance_count": 1}
    service["template"]["max_instance_request_concurrency"] = 1
    limits = Limits(queue=0.3)
    with running(tmp_path, service, limits=limits) as sandbox, ThreadPoolExecutor() as threads:
        asked = [threads.submit(ask, sandbox.door.public, "/") for _ in range(2)]
        statuses = sorted(future.result()[0].status for future in asked)

    assert statuses == [200, 429]
