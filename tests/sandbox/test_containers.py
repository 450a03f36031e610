"""What a container's command and arguments become on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from google.cloud import run_v2

from leitstand.sandbox import leash
from leitstand.sandbox.containers import command_line, held_command

MODULE = "leitstand.sandbox.images.app"
ENTRY = [sys.executable, "-P", "-m", MODULE]


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], ENTRY),
        ([], ["migrate"], [*ENTRY, "migrate"]),
        (["celery"], ["worker"], [*ENTRY, "celery", "worker"]),
        (["celery", "-A", "app"], ["beat"], [*ENTRY, "celery", "-A", "app", "beat"]),
        (["python", "manage.py"], ["migrate"], [*ENTRY, "migrate"]),
        (["python3", "-c"], ["pass"], [sys.executable, "-c", "pass"]),
        (["sh", "-c"], ["true"], ["sh", "-c", "true"]),
    ],
)
def test_a_container_runs_its_command_with_its_arguments(
    command: list[str], args: list[str], expected: list[str]
) -> None:
    container = run_v2.Container(command=command, args=args)

    assert expected == command_line(container, MODULE)


def test_a_services_own_program_is_held_so_that_it_ends_with_its_standard_input() -> None:
    own = run_v2.Container(command=["celery"], args=["worker"])
    other = run_v2.Container(command=["sh", "-c"], args=["sleep 60"])

    assert command_line(own, MODULE) == held_command(own, MODULE)
    held = held_command(other, MODULE)
    assert ["sh", "-c", "sleep 60"] == held[-3:]
    assert held[-4].endswith("leash.py")


def test_a_signal_that_comes_while_the_command_starts_ends_it_too() -> None:
    for milliseconds in range(40):
        held = subprocess.Popen(
            [sys.executable, "-S", "-P", leash.__file__, "sleep", "60"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            time.sleep(milliseconds / 1000)
            os.killpg(held.pid, signal.SIGTERM)
            assert -signal.SIGTERM == held.wait(10)
        finally:
            held.kill()
            held.communicate()
