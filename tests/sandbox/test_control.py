"""Start, find, ask, stop and reset a sandbox."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

from leitstand.sandbox import control
from leitstand.sandbox.images.catalogue import Catalogue
from tests.sandbox.supervised import (
    EMPTY,
    PARENT,
    PROJECT,
    SEED,
    WEB,
    client,
    secrets,
    services,
)


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "sandbox"
    with suppress(control.SandboxError):
        control.reset(tmp_path / "sandbox")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One sandbox for all tests that leave it as it was."""
    sandbox = control.start(tmp_path_factory.mktemp("shared") / "sandbox", SEED, lifeline=True)
    yield sandbox
    sandbox.stop()


def test_a_started_sandbox_serves_apis_and_the_front_door(running):
    assert services(running).get_service(name=WEB).terminal_condition.state == 4
    assert urllib.request.urlopen(f"{running.public}/healthz", timeout=5).status == 200
    status = running.status()
    assert [service["name"] for service in status["services"]] == [WEB]
    assert status["services"][0]["ready"]
    assert list(status["instances"].values()) == [1]
    assert sum(counters["requests"] for counters in status["requests"]) == 1
    assert running.calls()[0]["method"] == "/google.cloud.run.v2.Services/GetService"


def test_requests_through_the_front_door_reach_monitoring_and_logging(running):
    began = int(time.time())
    for _ in range(5):
        urllib.request.urlopen(f"{running.public}/healthz?e2e", timeout=5).read()
    metrics = client(running, monitoring_v3.MetricServiceClient)
    request = {
        "name": f"projects/{PROJECT}",
        "filter": 'metric.type="run.googleapis.com/request_count" AND '
        'metric.labels.response_code_class="2xx"',
        "interval": {"start_time": {"seconds": began}, "end_time": {"seconds": began + 60}},
    }
    counted = 0
    while counted < 5:
        assert time.time() < began + 10
        found = metrics.list_time_series(request=request)
        counted = sum(point.value.int64_value for series in found for point in series.points)
    logs = client(running, LoggingServiceV2Client)
    text = 'log_id("run.googleapis.com/requests") AND httpRequest.requestUrl:"e2e"'
    entries = logs.list_log_entries(
        request={"resource_names": [f"projects/{PROJECT}"], "filter": text}
    )
    assert len(list(entries)) == 5
    written = logs.list_logs(parent=f"projects/{PROJECT}")
    assert any(name.endswith(("stdout", "stderr")) for name in written)


def test_a_second_sandbox_in_the_same_directory_is_refused(running):
    with pytest.raises(control.AlreadyRunning) as refused:
        control.start(running.directory, SEED, lifeline=True)
    assert running.pid == refused.value.sandbox.pid


def test_of_two_starts_at_once_one_wins(directory):
    outcomes = []

    def begin():
        try:
            outcomes.append(control.start(directory, EMPTY, lifeline=True))
        except control.AlreadyRunning as error:
            outcomes.append(error)

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {control.Sandbox, control.AlreadyRunning} == {type(outcome) for outcome in outcomes}


def test_a_taken_port_is_named(directory):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(control.PortTaken) as refused:
            control.start(directory, EMPTY, port=port, lifeline=True)
    assert port == refused.value.port
    assert control.find(directory) is None


def test_the_port_asked_for_is_used(directory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert f"127.0.0.1:{port}" == control.start(directory, EMPTY, port=port, lifeline=True).grpc


def test_a_failed_start_shows_the_log_and_leaves_nothing(directory):
    directory.mkdir()
    (directory / "state.json").write_text("{")
    with pytest.raises(control.StartFailed) as failed:
        control.start(directory, EMPTY, lifeline=True)
    assert "state.json cannot be read" in failed.value.log_tail
    control.reset(directory)
    assert control.start(directory, EMPTY, lifeline=True).answers()


def test_a_process_that_got_the_same_id_is_not_taken_for_the_sandbox(directory):
    sandbox = control.start(directory, EMPTY, lifeline=True)
    content = json.loads((directory / "sandbox.json").read_text())
    sandbox.stop()
    (directory / "sandbox.json").write_text(json.dumps({**content, "pid": os.getpid()}))
    assert control.find(directory) is None
    assert not (directory / "sandbox.json").exists()


def test_a_stranger_at_the_same_address_is_not_taken_for_the_sandbox(running):
    content = json.loads((running.directory / "sandbox.json").read_text())
    stranger = control.Sandbox(running.directory, {**content, "token": "wrong"})
    assert not stranger.answers()
    assert running.answers()


def test_state_is_there_again_after_down_and_up_and_gone_after_reset(directory):
    sandbox = control.start(directory, SEED, lifeline=True)
    name = f"projects/{PROJECT}/secrets/DATABASE_URL"
    secrets(sandbox).add_secret_version(parent=name, payload={"data": b"three"})
    revision = services(sandbox).get_service(name=WEB).latest_ready_revision
    sandbox.stop()
    sandbox = control.start(directory, SEED, lifeline=True)
    version = f"{name}/versions/latest"
    assert secrets(sandbox).access_secret_version(name=version).payload.data == b"three"
    assert revision == services(sandbox).get_service(name=WEB).latest_ready_revision
    control.reset(directory)
    assert control.find(directory) is None
    assert {"start.lock"} == {entry.name for entry in directory.iterdir()}


def test_only_the_owner_can_read_what_lies_in_the_directory(running):
    modes = {
        name: stat.S_IMODE((running.directory / name).stat().st_mode)
        for name in ("sandbox.json", "state.json", "supervisor.log")
    }
    assert {0o600} == set(modes.values())
    assert stat.S_IMODE(running.directory.stat().st_mode) == 0o700


def test_faults_are_put_in_force_shown_and_cleared(running):
    running.add_fault("Services/ListServices", "fail", code="ABORTED", times=0)
    assert [fault["method"] for fault in running.faults()] == ["Services/ListServices"]
    with pytest.raises(exceptions.Aborted):
        services(running).list_services(parent=PARENT, retry=None)
    running.clear_faults()
    assert [WEB] == [found.name for found in services(running).list_services(parent=PARENT)]


def test_a_fault_that_cannot_be_is_refused(running):
    with pytest.raises(control.Refused, match="No method of the sandbox matches 'Nothing'"):
        running.add_fault("Nothing", "fail")


def test_the_control_endpoint_wants_the_token(running):
    content = json.loads((running.directory / "sandbox.json").read_text())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(f"{content['control']}/status", timeout=5)
    assert refused.value.code == 403


def test_the_environment_points_other_clients_at_it(running):
    environment = running.environment()
    assert running.grpc == environment["LEITSTAND_SANDBOX_GRPC"]
    assert environment["GOOGLE_CLOUD_PROJECT"] == PROJECT
    assert "127.0.0.1" in environment["NO_PROXY"]


def test_secret_values_stand_in_no_log(running):
    name = f"projects/{PROJECT}/secrets/DATABASE_URL/versions/1"
    value = secrets(running).access_secret_version(name=name).payload.data.decode()
    assert value not in json.dumps(running.calls()) + json.dumps(running.status())
    assert value not in (running.directory / "supervisor.log").read_text()


def test_an_image_is_there_from_the_start_only_with_its_own_digest() -> None:
    digests = {
        image.tag: image.digest for image in Catalogue.load().images() if image.package == "web"
    }
    there = control.has_image("web:1.1.0", digests["1.1.0"])
    assert (True, False) == (there, control.has_image("web:1.1.0", digests["1.0.0"]))
    assert not control.has_image("web:9.9.9", digests["1.1.0"])


def test_importing_the_controls_is_light():
    script = (
        "import sys; import leitstand.sandbox.control;"
        "sys.exit(any(name in sys.modules for name in ('grpc', 'google', 'aiohttp', 'yaml')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
