"""Containers of the sample application as forks of one process: real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from leitstand.sandbox.containers import Process, entry_point, inherited
from leitstand.sandbox.forks import Forks
from leitstand.sandbox.images.app.exit_codes import USAGE
from tests.sandbox.images.processes import free_port
from tests.sandbox.test_instances import no_child_left

COMMAND = tuple(entry_point())
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="forks only on Linux")


def variables(**more: str) -> dict[str, str]:
    return inherited() | {"APP_VERSION": "1.1.0"} | more


def forking(test: Callable[[Forks], Awaitable[None]]) -> None:
    """Run `test`; afterwards no process is left."""

    async def run() -> None:
        forks = Forks()
        try:
            await test(forks)
        finally:
            await forks.close()

    with no_child_left():
        asyncio.run(asyncio.wait_for(run(), 60))


async def end(process: Process) -> int:
    assert process.stdin is not None
    process.stdin.close()
    return await process.wait()


def parent_of(process: Process) -> int:
    found = psutil.Process(process.pid).parent()
    assert found is not None
    return found.pid


async def answer(port: int) -> str:
    """What a container says at /healthz, as soon as it listens."""
    until = time.monotonic() + 20
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
    writer.write(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    said = (await reader.read()).decode()
    writer.close()
    return said


@ONLY_LINUX
def test_two_containers_share_their_libraries_and_nothing_else() -> None:
    async def test(forks: Forks) -> None:
        ports = free_port(), free_port()
        first, second = [
            await forks.spawn(
                COMMAND, variables(PORT=str(port), SANDBOX_INSTANCE=f"i-{port}", K_SERVICE="web")
            )
            for port in ports
        ]
        for port in ports:
            assert f"x-sandbox-instance: i-{port}" in (await answer(port)).lower()
        assert parent_of(first) == parent_of(second) != os.getpid()
        assert "web" == psutil.Process(first.pid).name()
        assert os.getpgid(first.pid) == first.pid
        shown = psutil.Process(first.pid)
        assert f"i-{ports[0]}" not in f"{shown.cmdline()} {shown.environ()}"
        assert 0 == await end(first)
        assert second.returncode is None
        assert 0 == await end(second)

    forking(test)


@ONLY_LINUX
def test_lines_exit_code_and_signal_are_those_of_the_container() -> None:
    async def test(forks: Forks) -> None:
        refused = await forks.spawn(COMMAND, variables(PORT="1", APP_EXIT_AT_START="3"))
        assert 3 == await refused.wait()
        assert refused.stdout is not None
        assert b"kann nicht starten" in await refused.stdout.read()
        waiting = await forks.spawn(COMMAND, variables(PORT="1", APP_NEVER_LISTEN="1"))
        assert waiting.stdout is not None
        assert b"wartet" in await waiting.stdout.readline()
        os.killpg(waiting.pid, signal.SIGKILL)
        assert -signal.SIGKILL == await waiting.wait()
        usage = await forks.spawn((*COMMAND, "celery", "wörker"), variables(PORT="1"))
        assert USAGE == await usage.wait()

    forking(test)


@ONLY_LINUX
def test_when_the_process_that_forks_is_gone_its_containers_are_too_and_another_takes_over() -> (
    None
):
    async def test(forks: Forks) -> None:
        lost = await forks.spawn(COMMAND, variables(PORT="1", APP_NEVER_LISTEN="1"))
        os.kill(parent_of(lost), signal.SIGKILL)
        assert -signal.SIGKILL == await lost.wait()
        port = free_port()
        following = await forks.spawn(COMMAND, variables(PORT=str(port)))
        assert "200 OK" in await answer(port)
        assert 0 == await end(following)

    forking(test)


@ONLY_LINUX
def test_a_request_that_got_lost_is_told_and_not_made_twice() -> None:
    async def test(forks: Forks) -> None:
        before = {child.pid for child in psutil.Process().children()}
        first = await forks.spawn(COMMAND, variables(PORT="1", APP_NEVER_LISTEN="1"))
        server = psutil.Process(parent_of(first))
        server.suspend()
        asked = asyncio.ensure_future(forks.spawn(COMMAND, variables(PORT="1")))
        await asyncio.sleep(0.1)
        server.kill()
        with pytest.raises(ConnectionResetError):
            await asked
        assert -signal.SIGKILL == await first.wait()
        assert before | {server.pid} >= {child.pid for child in psutil.Process().children()}

    forking(test)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        # An interpreter reads it when it starts; a fork would not.
        pytest.param(COMMAND, {"PYTHONHASHSEED": "1"}, id="interpreter"),
        pytest.param((sys.executable, "-c", "input()"), {}, id="another program"),
    ],
)
def test_what_a_fork_cannot_be_is_started_as_a_process_of_its_own(
    command: tuple[str, ...], more: dict[str, str]
) -> None:
    async def test(forks: Forks) -> None:
        started = await forks.spawn(command, variables(PORT="1", APP_NEVER_LISTEN="1", **more))
        assert os.getpid() == parent_of(started)
        os.killpg(started.pid, signal.SIGKILL)
        assert -signal.SIGKILL == await started.wait()

    forking(test)


@ONLY_LINUX
def test_nothing_survives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from leitstand.sandbox.forks import Forks\n"
        "from tests.sandbox.test_forks import COMMAND, parent_of, variables\n"
        "async def run():\n"
        "    started = await Forks().spawn(COMMAND, variables(PORT='1', APP_NEVER_LISTEN='1'))\n"
        "    print(started.pid, parent_of(started), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert supervisor.stdout is not None
    family = [psutil.Process(int(pid)) for pid in supervisor.stdout.readline().split()]
    assert 2 == len(family)
    supervisor.kill()
    supervisor.communicate()
    _, left = psutil.wait_procs(family, timeout=10)
    assert [] == left
