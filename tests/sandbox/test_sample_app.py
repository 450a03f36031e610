"""The sample application as a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

COMMAND = [sys.executable, "-P", "-m", "leitstand.sandbox.images.app"]


@dataclass
class App:
    process: subprocess.Popen[str]
    address: str

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])


@contextmanager
def app(**environment: str) -> Iterator[App]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(PORT=str(port), **environment)
    try:
        started = App(process, f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            try:
                started.get("/healthz")
                break
            except OSError:
                time.sleep(0.02)
        yield started
    finally:
        process.kill()
        process.communicate()


def start(**environment: str) -> subprocess.Popen[str]:
    base = {"PATH": os.environ["PATH"], "APP_VERSION": "1.1.0", "PYTHONUTF8": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=base | environment
    )


def test_the_pages_say_in_german_which_version_answers() -> None:
    with app(K_REVISION="web-00001-abc") as started:
        status, page = started.get("/")
        health = started.json("/healthz")
        documents = started.json("/api/documents")

    assert status == 200
    assert '<html lang="de">' in page
    assert "1.1.0" in page
    assert (
        health["status"],
        health["version"],
        health["revision"],
    ) == ("ok", "1.1.0", "web-00001-abc")
    assert documents["dokumente"][0]["titel"] == "Wartungsplan Kühlkreislauf"


def test_every_fifth_request_of_a_faulty_image_fails_but_no_probe_does() -> None:
    with app(APP_ERROR_EVERY="5") as started:
        statuses = [started.get("/")[0] for _ in range(10)]
        probes = {started.get("/healthz")[0] for _ in range(10)}

    assert statuses == [200, 200, 200, 200, 500] * 2
    assert {200} == probes


def test_a_slow_image_delays_every_nth_request() -> None:
    with app(APP_DELAY_EVERY="2", APP_DELAY_MS="200") as started:
        started.get("/")
        began = time.monotonic()
        started.get("/")
        slow = time.monotonic() - began

    assert slow >= 0.2


def test_the_smoke_test_names_what_is_missing_in_the_configuration() -> None:
    with app(APP_REQUIRED_SETTINGS="DATABASE_URL,APP_REGION", APP_REGION="x") as started:
        status, body = started.get("/smoke")

    assert status == 500
    assert json.loads(body)["missing"] == ["DATABASE_URL"]


@pytest.mark.parametrize(("fails", "status"), [("0", 200), ("1", 500)])
def test_the_smoke_test_passes_unless_the_image_is_broken(fails: str, status: int) -> None:
    with app(APP_SMOKE_FAILS=fails) as started:
        assert status == started.get("/smoke")[0]


def test_log_lines_are_json_with_a_severity() -> None:
    with app(APP_ERROR_EVERY="1") as started:
        started.get("/")
        started.process.terminate()
        started.process.wait(10)
        output, _ = started.process.communicate()

    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["severity"] for line in lines] == ["INFO", "ERROR", "INFO"]
    assert all(line["message"] for line in lines)


def test_sigterm_ends_it_with_code_zero() -> None:
    with app() as started:
        started.process.terminate()
        assert started.process.wait(10) == 0


@pytest.mark.parametrize("environment", [{}, {"APP_NEVER_LISTEN": "1"}])
def test_it_ends_when_its_standard_input_ends(environment: dict[str, str]) -> None:
    process = start(PORT="0", **environment)
    process.communicate(timeout=10)

    assert process.returncode == 0


def test_a_crashing_image_ends_with_its_code() -> None:
    process = start(PORT="0", APP_EXIT_AT_START="1")
    process.wait(10)
    output, _ = process.communicate()

    assert process.returncode == 1
    assert json.loads(output)["severity"] == "CRITICAL"


def test_a_taken_port_has_an_exit_code_of_its_own() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(PORT=str(taken.getsockname()[1]))
        process.wait(20)
        process.communicate()

    assert process.returncode == 71
