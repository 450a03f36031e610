"""The closed-loop load client."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from leitstand.sandbox.load import Load, LoadReport
from tests.sandbox.running import Running, running, web

STABLE = "web-00001-aaa"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory: Path = tmp_path_factory.mktemp("load")
    with running(directory, web("1.2.0-errors", STABLE)) as started:
        yield started


def test_it_counts_answers_and_errors_by_revision(sandbox: Running) -> None:
    with Load(sandbox.door.public, rate=100, concurrency=4) as load:
        time.sleep(1.0)
        middle = load.report()
        time.sleep(0.5)
        final = load.stop()

    assert 0 < middle.sent < final.sent
    assert final.failed == 0
    assert list(final.by_revision) == [STABLE]
    answers = final.by_revision[STABLE]
    assert final.sent == final.answered == answers.answered
    assert abs(answers.errors - answers.answered / 5) <= 1
    assert 0 < final.p95_ms < 2000
    assert final == load.report()


def test_the_rate_is_not_exceeded(sandbox: Running) -> None:
    with Load(sandbox.door.public, rate=40, concurrency=8) as load:
        time.sleep(2.0)
        report = load.stop()

    assert 40 <= report.sent <= 40 * 2 + 5


def test_a_target_that_does_not_answer_counts_as_failed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Load(address, rate=50, concurrency=2) as load:
            time.sleep(0.5)
            report = load.stop()

    assert report.failed > 0
    assert (report.failed, 0, {}) == (report.sent, report.answered, report.by_revision)


def test_the_client_ends_with_its_lifeline(sandbox: Running) -> None:
    load = Load(sandbox.door.public, rate=20, concurrency=2)
    load.start()
    load.report()
    (child,) = (c for c in psutil.Process().children() if _is_load(c))
    load.stop()

    assert not child.is_running()


def test_the_command_prints_one_report(sandbox: Running) -> None:
    command = [sys.executable, "-P", "-m", "leitstand.sandbox.load", "--seconds", "0.5"]
    arguments = ["--target", sandbox.door.public, "--rate", "50", "--concurrency", "2"]
    done = _run([*command, *arguments])

    (line,) = done.splitlines()
    assert LoadReport.from_json(line).sent == json.loads(line)["sent"] > 0


def _is_load(process: psutil.Process) -> bool:
    try:
        return "leitstand.sandbox.load" in process.cmdline()
    except psutil.Error:  # another test's child that has just ended
        return False


def _run(command: list[str]) -> str:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    process.communicate()
    return output


def test_importing_it_loads_no_third_party_package() -> None:
    code = (
        "import sys; import leitstand.sandbox.load; "
        "print([m for m in ('aiohttp', 'google', 'grpc', 'yaml', 'django') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.strip() == "[]"
