"""Instances and pools: real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.instances import Instance, InstanceFailed, RevisionSpec, StartupProbe
from leitstand.sandbox.pools import Limits, Overloaded, Pool, Unavailable
from leitstand.sandbox.revision_log import RevisionLog
from tests.sandbox.running import IMAGE, LogLines

ROOT = Path(__file__).parents[2]


def spec(tag: str = "1.1.0", **changes: object) -> RevisionSpec:
    made = RevisionSpec(
        project="leitstand-sandbox",
        location="europe-west3",
        service="web",
        revision="web-00001-abc",
        image=Catalogue.load().resolve(f"{IMAGE}:{tag}"),
        environment=lambda: {"GREETING": "Grüß Gott"},
        probe=StartupProbe(deadline=20.0),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # any field


def revision_log(lines: LogLines) -> RevisionLog:
    return RevisionLog(lines, "leitstand-sandbox", "europe-west3", "web", "web-00001-abc")


def run_pool(
    test: Callable[[Pool], Awaitable[None]],
    tag: str = "1.1.0",
    limits: Limits | None = None,
    **changes: object,
) -> LogLines:
    """Run `test` with a pool of that image; afterwards no process is left."""
    lines = LogLines()

    async def run() -> None:
        pool = Pool(spec(tag, **changes), revision_log(lines), limits or Limits())
        try:
            await test(pool)
        finally:
            await pool.close(grace=2.0)

    with no_child_left():
        asyncio.run(run())
    return lines


@contextmanager
def no_child_left() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert before >= {child.pid for child in psutil.Process().children(recursive=True)}


def test_an_instance_is_ready_when_start_returns_and_gone_after_stop() -> None:
    async def run() -> None:
        instance = Instance(spec(), revision_log(LogLines()))
        await instance.start()
        assert instance.pid is not None
        environment = psutil.Process(instance.pid).environ()
        command = " ".join(psutil.Process(instance.pid).cmdline())
        await instance.stop(grace=2.0)

        assert environment["GREETING"] == "Grüß Gott"
        assert environment["K_SERVICE"] == "web"
        assert "Grüß Gott" not in command
        assert not psutil.pid_exists(instance.pid)

    with no_child_left():
        asyncio.run(run())


@pytest.mark.parametrize(
    ("tag", "probe", "message"),
    [
        ("1.2.2-crash", StartupProbe(deadline=20), "failed to start and listen on the port"),
        ("1.2.3-never-ready", StartupProbe(deadline=0.3), "PORT=8080 environment variable"),
        ("1.2.3-never-ready", StartupProbe(deadline=0.3, configured=True), "startup probe checks"),
        ("1.1.0", StartupProbe(path="/fehlt", deadline=0.8, configured=True), "startup probe"),
        ("1.4.0-smoke", StartupProbe(path="/smoke", deadline=0.8, configured=True), "probe"),
    ],
)
def test_a_process_that_does_not_get_ready_is_ended_and_said_so(
    tag: str, probe: StartupProbe, message: str
) -> None:
    async def run() -> None:
        with pytest.raises(InstanceFailed, match=message):
            await Instance(spec(tag, probe=probe), revision_log(LogLines())).start()

    with no_child_left():
        asyncio.run(run())


def test_a_secret_that_cannot_be_read_fails_the_instance_and_starts_nothing() -> None:
    def environment() -> dict[str, str]:
        raise not_found("projects/p/secrets/S/versions/9", "Secret")

    async def run() -> None:
        with pytest.raises(InstanceFailed, match="S/versions/9"):
            await Instance(spec(environment=environment), revision_log(LogLines())).start()

    with no_child_left():
        asyncio.run(run())


def test_lines_of_the_container_carry_their_severity() -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(InstanceFailed):
            await pool.ensure(1)

    lines = run_pool(test, "1.2.2-crash").lines

    assert any(log == "stdout" and severity == "CRITICAL" for log, severity, _ in lines)
    assert any("Container called exit(1)." in text for _, _, text in lines)


def test_requests_share_the_instances_and_wait_when_all_are_busy() -> None:
    async def test(pool: Pool) -> None:
        pool.limit(1)
        await pool.ensure(1)
        first, second = await pool.acquire(), await pool.acquire()
        third = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0.05)
        assert not third.done()
        pool.release(first)
        pool.release(await third)
        pool.release(second)
        assert {first} == {second, third.result()}

    run_pool(test, concurrency=2)


def test_a_pool_scales_up_to_its_maximum_and_then_refuses() -> None:
    async def test(pool: Pool) -> None:
        pool.limit(2)
        first, second = await asyncio.gather(pool.acquire(), pool.acquire())
        assert first is not second
        with pytest.raises(Overloaded):
            await pool.acquire()
        pool.release(first)
        pool.release(second)

    run_pool(test, limits=Limits(queue=3.0), concurrency=1)


def test_a_request_that_cannot_have_an_instance_is_refused_at_once() -> None:
    async def test(pool: Pool) -> None:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await pool.acquire()
        assert time.monotonic() - began < 5

    run_pool(test, "1.2.2-crash")


def test_idle_instances_above_the_minimum_end() -> None:
    async def test(pool: Pool) -> None:
        pool.minimum = 1
        await pool.ensure(2)
        await pool.shrink()
        assert len(pool.ready) == 1

    run_pool(test, limits=Limits(idle=0.0))


def test_retiring_answers_what_is_under_way_first() -> None:
    async def test(pool: Pool) -> None:
        await pool.ensure(2)
        busy = await pool.acquire()
        retiring = asyncio.create_task(pool.retire())
        await asyncio.sleep(0.5)
        assert not retiring.done()
        assert (busy.pid,) == pool.pids
        pool.release(busy)
        await retiring
        assert not pool.pids

    run_pool(test)


def test_a_pool_that_is_wanted_again_while_it_retires_serves_again() -> None:
    async def test(pool: Pool) -> None:
        await pool.ensure(1)
        busy = await pool.acquire()
        retiring = asyncio.create_task(pool.retire())
        await asyncio.sleep(0.05)
        await pool.ensure(1)
        other = await pool.acquire()
        assert other is not busy
        pool.release(busy)
        await retiring
        assert (other,) == pool.ready
        pool.release(other)

    run_pool(test)


def test_a_killed_instance_is_replaced_and_logged() -> None:
    async def test(pool: Pool) -> None:
        pool.minimum = 1
        await pool.ensure(1)
        (before,) = pool.pids
        os.kill(before, signal.SIGKILL)
        while not pool.pids or pool.pids == (before,):
            await asyncio.sleep(0.02)
        assert before not in pool.pids

    lines = run_pool(test).lines

    assert any("Container called exit(-9)." in text for _, _, text in lines)


def test_a_container_that_keeps_crashing_is_not_restarted_at_once() -> None:
    async def test(pool: Pool) -> None:
        pool.minimum = 1
        await pool.ensure(1)
        kills = 0
        for _ in range(500):
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
                kills += 1
                while pid in pool.pids:
                    await asyncio.sleep(0.01)
            if any("not restarted at once" in text for _, _, text in log.lines):
                break
            await asyncio.sleep(0.02)
        assert kills == 5

    log = LogLines()

    async def run() -> None:
        pool = Pool(spec(), revision_log(log), Limits())
        try:
            await test(pool)
        finally:
            await pool.close(grace=1.0)

    asyncio.run(run())


def test_the_minimum_comes_back_after_a_rest() -> None:
    async def test(pool: Pool) -> None:
        pool.minimum = 1
        pool.revive()
        assert () == pool.ready  # it never got ready
        await pool.ensure(1)
        pool.lost(pool.ready[0])
        pool.revive()
        while not pool.ready:
            await asyncio.sleep(0.01)

    run_pool(test, limits=Limits(revival=0.0))


PARENT = """
import sys, time
from pathlib import Path
from tests.sandbox.running import running, web
with running(Path(sys.argv[1]), web("1.1.0", "web-00001-abc", 2)) as sandbox:
    print(*sandbox.pids(), flush=True)
    time.sleep(60)
"""


def test_kill_9_of_the_parent_leaves_no_instance(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 10
    while any(_lives(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert [pid for pid in pids if _lives(pid)] == []


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
