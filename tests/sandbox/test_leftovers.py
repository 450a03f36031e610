"""Nothing is left of a sandbox, however it ends, and nothing of it is reachable from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from google.cloud import run_v2

from leitstand.sandbox import control
from tests.sandbox.supervised import (
    EMPTY,
    PARENT,
    SEED,
    family,
    gone,
    services,
)


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "sandbox"
    with suppress(control.SandboxError):
        control.reset(tmp_path / "sandbox")


@pytest.fixture
def started(directory):
    return control.start(directory, SEED, lifeline=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One sandbox for all tests that only look, started where there are credentials."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
        sandbox = control.start(tmp_path_factory.mktemp("shared") / "sandbox", SEED, lifeline=True)
    yield sandbox
    sandbox.stop()


def test_every_listening_socket_is_on_loopback(running):
    listening = [
        connection.laddr.ip
        for process in family(running.pid)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5
    # gRPC's sockets are dual-stack and show their IPv4 address mapped.
    assert {"127.0.0.1"} == {address.removeprefix("::ffff:") for address in listening}


def test_nothing_is_left_after_stop(started, directory):
    processes = family(started.pid)
    assert len(processes) >= 2
    started.stop()
    assert gone(processes, 0.1)
    assert control.find(directory) is None
    assert not (directory / "sandbox.json").exists()


@pytest.mark.parametrize(
    "number",
    [
        # Handled as SIGTERM is; below it also ends a sandbox that only starts.
        pytest.param(signal.SIGINT, marks=pytest.mark.sweep),
        signal.SIGTERM,
        signal.SIGKILL,
    ],
)
def test_nothing_is_left_after_a_signal(started, directory, number):
    processes = family(started.pid)
    os.kill(started.pid, number)
    assert gone(processes)
    assert control.find(directory) is None
    assert not (directory / "sandbox.json").exists()


def test_nothing_is_left_when_the_process_that_started_it_is_killed(directory):
    script = (
        "import json, sys, time; from pathlib import Path; from leitstand.sandbox import control;"
        "sandbox = control.start(Path(sys.argv[1]), json.loads(sys.argv[2]), lifeline=True);"
        "print(sandbox.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(directory), json.dumps(SEED)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE)
    processes = family(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()
    assert gone(processes)
    assert control.find(directory) is None


def test_without_a_lifeline_it_outlives_the_process_that_started_it(directory):
    script = (
        "import json, sys; from pathlib import Path; from leitstand.sandbox import control;"
        "control.start(Path(sys.argv[1]), json.loads(sys.argv[2]), lifeline=False)"
    )
    command = [sys.executable, "-c", script, str(directory), json.dumps(EMPTY)]
    subprocess.run(command, check=True)
    sandbox = control.find(directory)
    assert sandbox is not None
    sandbox.stop()
    assert control.find(directory) is None


def test_a_start_that_takes_too_long_is_ended(directory):
    with pytest.raises(control.StartFailed, match="not ready after"):
        control.start(directory, EMPTY, lifeline=True, timeout=0.05)
    assert control.find(directory) is None


def test_a_supervisor_that_hangs_is_reported_and_can_still_be_ended(directory, monkeypatch):
    monkeypatch.setattr("leitstand.sandbox.handle.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr("leitstand.sandbox.handle.STOP_SECONDS", 0.5)
    sandbox = control.start(directory, SEED, lifeline=True)
    processes = family(sandbox.pid)
    os.kill(sandbox.pid, signal.SIGSTOP)
    with pytest.raises(control.NotAnswering) as reported:
        control.find(directory)
    reported.value.sandbox.stop()
    assert gone(processes)
    assert control.find(directory) is None


def test_hanging_calls_do_not_keep_it_from_stopping(directory):
    sandbox = control.start(directory, EMPTY, lifeline=True)
    sandbox.add_fault("ListServices", "hang")
    call = services(sandbox).transport.list_services
    future = call.future(run_v2.ListServicesRequest(parent=PARENT))
    time.sleep(0.2)
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 8
    assert future.exception(timeout=5) is not None


def test_no_credentials_reach_it(running):
    for process in family(running.pid):
        assert "GOOGLE_APPLICATION_CREDENTIALS" not in process.environ()


def test_a_start_waits_for_a_predecessor_that_is_shutting_down(directory):
    first = control.start(directory, SEED, lifeline=True)
    os.kill(first.pid, signal.SIGTERM)
    while (directory / "sandbox.json").exists():
        time.sleep(0.001)
    second = control.start(directory, SEED, lifeline=True)
    assert first.pid != second.pid
    assert second.answers()


def test_it_can_be_ended_while_it_starts(directory):
    directory.mkdir()
    (directory / "seed.json").write_text(json.dumps(SEED))
    command = [sys.executable, "-m", "leitstand.sandbox.server", "--directory", str(directory)]
    supervisor = subprocess.Popen([*command, "--seed", str(directory / "seed.json")])
    while not (processes := psutil.Process(supervisor.pid).children(recursive=True)):
        time.sleep(0.01)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert gone(processes, 0.1)
    assert not (directory / "sandbox.json").exists()


def test_a_seed_that_cloud_run_would_refuse_leaves_nothing(directory):
    service = {**SEED["services"][0], "traffic": [{"percent": 90, "type_": 1}]}
    with pytest.raises(control.StartFailed, match="cannot start"):
        control.start(directory, {**SEED, "services": [service]}, lifeline=True)
    assert control.find(directory) is None
