"""The kernel process and its end."""

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from leitstand.notebook import kernel_process, kernel_standby
from leitstand.notebook.kernel import Kernel, KernelNotStarted, start_kernel
from leitstand.notebook.kernel_log import KernelLog
from leitstand.notebook.kernel_main import PROCESS_NAME
from leitstand.notebook.kernel_process import KEY_VARIABLE
from leitstand.notebook.run_directory import RunDirectory
from tests.bench.bench_runner import notebook
from tests.fixtures.command import ROOT


@pytest.fixture
def kernel(tmp_path: Path):
    kernel = start_kernel(RunDirectory(tmp_path), tmp_path, {})
    yield kernel
    kernel.close(grace=0.1)


def test_its_key_is_private_and_gone_afterwards(kernel: Kernel):
    file = kernel.directory / "connection.json"
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    kernel.close(grace=0.1)
    assert not kernel.directory.exists()
    assert not kernel.alive()


def test_it_ends_with_its_lifeline(kernel: Kernel):
    time.sleep(0.1)
    kernel.lifeline.close()
    assert kernel.wait(5)
    assert not kernel.directory.exists()


def test_closing_twice_is_harmless(kernel: Kernel):
    kernel.close(grace=0.1)
    kernel.close(grace=0.1)


def test_a_kernel_that_does_not_start_is_explained_by_its_last_words():
    error = KernelNotStarted("Traceback\nModuleNotFoundError: No module named 'x'\n")
    assert "ModuleNotFoundError: No module named 'x'" in error.message
    assert 4 == error.exit_code


def told(kernel: Kernel, expression: str) -> str:
    """Return what an expression is in a kernel that has just been started."""
    client = BlockingKernelClient()
    client.load_connection_info(kernel.connection)
    client.start_channels(hb=False)
    try:
        client.wait_for_ready(timeout=30)
        reply = client.execute("", user_expressions={"asked": expression}, reply=True, timeout=30)
        return str(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"])
    finally:
        client.stop_channels()


WAYS = pytest.mark.parametrize("key", ["", "private"], ids=["forked", "started anew"])
"""Beside the key of the records no kernel is forked."""

RUNNER = """
import ast, json, os, sys
from pathlib import Path
from leitstand.notebook import kernel_process
kernel_process.prepare()
os.close(int(sys.argv[1]))
del sys.path[0]
os.environ["EARLIER"] = "after"
from leitstand.configuration import learn_parsed
from leitstand.notebook.kernel import start_kernel
from leitstand.notebook.run_directory import RunDirectory
from tests.notebook.test_kernel import told
run = Path(sys.argv[2])
learn_parsed({"digest": "{}"})
kernel = start_kernel(RunDirectory(run), run, {"MORE": "told"}, ("import beside",))
try:
    shown = json.dumps(ast.literal_eval(told(kernel, sys.argv[3])))
    print(kernel.process.pid, shown, sep="\\n", flush=True)
    input()
finally:
    kernel.close(grace=0.1)
"""


@WAYS
def test_a_kernel_that_waited_gets_what_its_order_says_and_nothing_else(tmp_path: Path, key: str):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    run.mkdir()
    (elsewhere / "tornado.py").write_text("raise SystemExit('not the library')")
    (run / "beside.py").write_text("WORD = 'neben dem Notebook'")
    asked = (
        "[__import__('os').getcwd(), __import__('beside').WORD, *map("
        "__import__('os').environ.get, ('EARLIER', 'MORE', 'LEITSTAND_RECORD_KEY')),"
        " __import__('os').getsid(0) == __import__('os').getpid(), __import__('sys').argv[1:],"
        " __import__('os').path.samestat(__import__('os').fstat(0),"
        f" __import__('os').stat({os.devnull!r})),"
        " __import__('leitstand.configuration').configuration.parsed_files()]"
    )
    variables = {"EARLIER": "before", "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": ""}
    reading, writing = os.pipe()
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(writing), str(run), asked], cwd=elsewhere,
        env={**os.environ, **variables, **({KEY_VARIABLE: key} if key else {})},
        pass_fds=[writing], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writing)
    with runner, open(reading, "rb") as held:
        assert runner.stdout is not None
        pid, shown = int(runner.stdout.readline()), runner.stdout.readline()
        kernel = psutil.Process(pid)
        name, secret = kernel.name(), KEY_VARIABLE in kernel.environ()
        inherited = not select.select([held], [], [], 0)[0]
        runner.communicate("\n")
    expected = [str(run), "neben dem Notebook", "after", "told", None, True, [], True]
    expected.append({"digest": "{}"})
    assert expected == json.loads(shown)
    assert (PROCESS_NAME, False, False) == (name, secret, inherited)
    assert not kernel.is_running()


def test_a_kernel_that_was_prepared_and_not_needed_ends():
    before = set(psutil.Process().children())
    kernel_process.prepare()
    kernel_process.prepare()
    (process,) = set(psutil.Process().children()) - before
    kernel_process.dismiss()
    assert not process.is_running()


@pytest.mark.parametrize("way", ["start", "fork"])
def test_a_waiting_kernel_ends_when_its_runner_is_killed(way: str):
    program = (
        f"import time; from leitstand.notebook.kernel_process import {way}\n"
        f"started = {way}(); print(started[0].pid, flush=True); time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    waiting = psutil.Process(int(runner.stdout.readline()))
    runner.kill()
    runner.communicate()
    psutil.wait_procs([waiting], timeout=20)
    assert not waiting.is_running()


def test_an_order_for_a_kernel_that_has_died_is_told_as_a_kernel_that_did_not_start(tmp_path: Path):
    standby = kernel_standby.Standby(*kernel_process.start())
    standby.process.send_signal(signal.SIGKILL)
    standby.process.wait()
    order = kernel_standby.Order("connection.json", str(tmp_path), {}, ())
    reading, writing = os.pipe()
    try:
        standby.send(order, [writing, writing])
    finally:
        os.close(reading)
        os.close(writing)
        standby.line.close()


def test_an_order_larger_than_the_socket_s_buffer_arrives_whole(tmp_path: Path):
    ours, theirs = socket.socketpair()
    order = kernel_standby.Order("connection.json", str(tmp_path), {"LONG": "x" * 1_000_000}, ())
    program = (
        "import socket, sys; from leitstand.notebook.kernel_standby import receive\n"
        "order, descriptors = receive(socket.socket(fileno=int(sys.argv[1])))\n"
        "print(len(order.environment['LONG']), len(descriptors))"
    )
    with ours, theirs:
        kernel = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        kernel_standby.Standby(kernel, ours).send(order, [0, 1])  # type: ignore[arg-type]
        assert "1000000 2\n" == kernel.communicate()[0]


def test_a_command_that_is_refused_leaves_no_kernel_behind(tmp_path: Path):
    home = str(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "leitstand", "run", "gibt-es-nicht"],
        env={**os.environ, "LEITSTAND_HOME": home}, capture_output=True, text=True,
    )  # fmt: skip
    assert 2 == ended.returncode
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("LEITSTAND_HOME") == home:
                left.append(process)
    assert [] == left


def test_a_line_that_no_kernel_has_written_teaches_nothing_and_stops_nothing(tmp_path: Path):
    run = RunDirectory(tmp_path)
    log = KernelLog(tmp_path / "kernel.log", run.redactor)
    values = os.dup(log.values)
    log.start()
    lines = [b"5", b'"hidden-word"', b"[]", b'[true, "half', b'[true, "s3cret-value-9"]']
    os.write(values, b"\n".join([*lines, b""]))
    os.close(values)
    log.learn()
    log.close()
    shown = run.redactor.text("hidden-word s3cret-value-9")
    assert shown.startswith("hidden-word [geheim:")


def completes(directory: Path, program: list[str], key: str) -> None:
    """Show that a run of a notebook is completed when a program begins it."""
    kept = notebook(directory / "kept.ipynb", 1)
    run = [sys.executable, "-m", "leitstand", "run", str(kept), "--json"]
    variables = {"LEITSTAND_HOME": str(directory / "home"), KEY_VARIABLE: key}
    ended = subprocess.run([*program, *run], env={**os.environ, **variables}, timeout=120)
    assert 0 == ended.returncode
    (made,) = (directory / "home" / "runs").iterdir()
    assert "run.completed" in (made / "journal.jsonl").read_text("utf-8")


@WAYS
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_needs_no_standard_streams(tmp_path: Path, closed: str, key: str):
    completes(tmp_path, ["sh", "-c", f'exec "$@" {closed}', "sh"], key)


@WAYS
def test_a_run_is_completed_where_the_ends_of_children_are_ignored(tmp_path: Path, key: str):
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    completes(tmp_path, [sys.executable, "-c", ignoring], key)
