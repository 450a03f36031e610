"""What stays of databases over down and up, and what a killed supervisor leaves."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from google.api_core import exceptions
from google.cloud import sqladmin_v1

from leitstand.sandbox import control
from tests.fixtures.cloud_sql import PATIENT, SEED, CloudSql, OperationFailed
from tests.sandbox.supervised import EMPTY, family, gone

State = sqladmin_v1.DatabaseInstance.SqlInstanceState


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "sandbox"
    with suppress(control.SandboxError):
        control.reset(tmp_path / "sandbox")


@pytest.fixture
def fresh(directory):
    return CloudSql(control.start(directory, SEED, lifeline=True, timeout=PATIENT))


def restarted(cloud):
    return CloudSql(control.start(cloud.sandbox.directory, SEED, lifeline=True, timeout=PATIENT))


def servers(cloud):
    return [one for one in family(cloud.sandbox.pid) if one.name() == "postgres"]


def copies(process, data):
    with suppress(psutil.NoSuchProcess):
        return process.name() == "cp" and process.cmdline()[-1:] == [str(data)]
    return False


def test_databases_are_there_again_after_down_and_up_and_gone_after_reset(fresh, directory):
    fresh.ask("CREATE TABLE t AS SELECT 1 AS n")
    clone = fresh.cloned()
    port = fresh.port()
    processes = family(fresh.sandbox.pid)
    fresh.sandbox.stop()
    assert gone(processes, 0.1)
    again = restarted(fresh)
    assert port == again.port()
    assert again.ask("SELECT n FROM t") == again.ask("SELECT n FROM t", clone) == [(1,)]
    again.ask("INSERT INTO t VALUES (2)")
    assert again.ask("SELECT count(*) FROM t", again.cloned()) == [(2,)]
    control.reset(directory)
    assert {"start.lock"} == {entry.name for entry in directory.iterdir()}


def test_a_deleted_instance_of_the_seed_stays_deleted(fresh):
    fresh.delete("main")
    fresh.sandbox.stop()
    again = restarted(fresh)
    assert not again.sandbox.status()["sql"]


def test_nothing_outlives_a_killed_supervisor_and_committed_data_is_kept(fresh):
    fresh.ask("CREATE TABLE t AS SELECT 1 AS n")
    connection = fresh.connect()
    connection.execute("BEGIN; INSERT INTO t VALUES (2)")
    processes = family(fresh.sandbox.pid)
    assert len(servers(fresh)) >= 5
    os.kill(fresh.sandbox.pid, signal.SIGKILL)
    assert gone(processes)
    connection.close()
    again = restarted(fresh)
    assert again.ask("SELECT n FROM t") == [(1,)]


def test_a_supervisor_killed_during_a_clone_leaves_it_failed_and_nothing_of_it(fresh):
    rows = "SELECT g, repeat('x', 500) FROM generate_series(1, 40000) AS g"
    fresh.ask(f"CREATE TABLE t AS {rows}")
    operation = fresh.clone("half")
    while not (fresh.files("half") / "data").exists():
        time.sleep(0.001)
    processes = family(fresh.sandbox.pid)
    os.kill(fresh.sandbox.pid, signal.SIGKILL)
    assert gone(processes)
    again = restarted(fresh)
    with pytest.raises(OperationFailed, match="was stopped meanwhile"):
        again.done(operation)
    assert State.FAILED == again.get("half").state
    assert not again.files("half").exists()
    again.delete("half")
    assert again.ask("SELECT count(*) FROM t", again.cloned()) == [(40000,)]


def copying(cloud, data):
    """The process that copies the base backup, or None."""
    found = [one for one in family(cloud.sandbox.pid) if copies(one, data)]
    return found[0] if found else None


def recovering(cloud, data):
    """The server that replays the log, or None."""
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        return psutil.Process(int((data / "postmaster.pid").read_text().split("\n")[0]))
    return None


@pytest.mark.parametrize("victim", [copying, recovering])
def test_a_clone_that_is_killed_in_the_middle_fails_and_leaves_nothing(cloud, victim):
    table = f"of_{victim.__name__}"
    rows = "SELECT g, repeat('x', 500) FROM generate_series(1, 60000) AS g"
    cloud.ask(f"CREATE TABLE {table} AS {rows}")
    # So that both parts take a while: much to copy, and much log to replay.
    cloud.done(cloud.backups.insert(request=cloud.on()))
    cloud.ask(f"INSERT INTO {table} {rows}")
    operation = cloud.clone("half")
    deadline = time.monotonic() + 10
    while not (found := victim(cloud, cloud.files("half") / "data")):
        assert time.monotonic() < deadline
    found.kill()
    with pytest.raises(OperationFailed, match="did not succeed"):
        cloud.done(operation)
    assert State.FAILED == cloud.get("half").state
    assert not cloud.files("half").exists()
    assert gone([found])
    cloud.delete("half")
    assert cloud.ask(f"SELECT count(*) FROM {table}", cloud.cloned()) == [(120000,)]


def test_a_start_that_is_cut_off_makes_the_seed_anew(directory):
    with pytest.raises(control.StartFailed):
        control.start(directory, SEED, lifeline=True, timeout=1.0)
    cloud = CloudSql(control.start(directory, SEED, lifeline=True, timeout=PATIENT))
    assert cloud.ask("SELECT 1") == [(1,)]
    assert list(cloud.sandbox.status()["sql"]) == ["main"]


def test_a_sandbox_without_databases_does_not_load_their_client(directory):
    sandbox = control.start(directory, EMPTY, lifeline=True)
    maps = psutil.Process(sandbox.pid).memory_maps()
    assert not [one.path for one in maps if "psycopg" in one.path]
    assert not sandbox.status()["sql"]
    client = CloudSqlClients(sandbox)
    assert not client.instances.list(request={"project": sandbox.project}).items
    sandbox.add_fault("SqlInstancesService/Get", "fail", code="NOT_FOUND")
    with pytest.raises(exceptions.NotFound, match="told to fail"):
        client.get("main")


class CloudSqlClients(CloudSql):
    """Clients of a sandbox without the seed."""

    def __init__(self, sandbox):
        with suppress(exceptions.NotFound):
            super().__init__(sandbox)


def test_a_fault_of_the_disk_strikes_clones_only(cloud):
    with pytest.raises(control.Refused, match="disk_full strikes"):
        cloud.sandbox.add_fault("SqlInstancesService/Insert", "disk_full")


def test_every_listening_socket_of_a_database_is_on_loopback(cloud):
    listening = {
        connection.laddr.ip
        for process in servers(cloud)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    sockets = cloud.sandbox.directory / "sql" / "sockets"
    if sockets.exists():
        assert sockets.stat().st_mode & 0o077 == 0


def test_a_lost_answer_leaves_the_operation_to_be_found(cloud):
    cloud.sandbox.add_fault("SqlInstancesService/Clone", "lost")
    with pytest.raises(exceptions.ServiceUnavailable):
        cloud.clone("maybe")
    (operation,) = cloud.operations.list(request=cloud.on("maybe")).items
    assert operation.operation_type.name == "CLONE"
    cloud.done(operation)
    assert cloud.ask("SELECT 1", "maybe") == [(1,)]
    cloud.delete("maybe")


def test_the_guard_ends_a_program_whose_parent_is_gone_already(tmp_path):
    guard = control.__file__.replace("control.py", "sql/guard.py")
    mark = tmp_path / "ran"
    command = [sys.executable, "-I", "-S", guard, "1", "9", "-", "0", "0", "/bin/touch", str(mark)]
    assert subprocess.run(command, check=False).returncode == 1
    assert not mark.exists()
