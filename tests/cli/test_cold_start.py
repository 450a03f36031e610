"""Everything works where nothing but this machine can be reached: no index, no repository host.

The commands run in a network namespace of their own, whose only interface is loopback.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.sandbox import control
from tests.fixtures.command import Command, furnished, new_project
from tests.fixtures.google import account_file

_INSIDE = """
import fcntl, os, socket, struct, sys
up = struct.pack("16sh", b"lo", 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, up)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Brings up loopback (SIOCSIFFLAGS, netdevice(7)), then becomes the command."""
_OUTSIDE = """
import socket
for family, address in (socket.AF_INET, "1.1.1.1"), (socket.AF_INET6, "2606:4700::1111"):
    try:
        socket.socket(family).connect((address, 443))
    except OSError as error:
        print(error.errno)
"""


def isolated(*command: str) -> list[str]:
    """Return the command as it runs without a network."""
    # Root needs no other user; for all others, who they are must stay, or PostgreSQL would be root.
    mapped = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
    return ["unshare", *mapped, "--net", sys.executable, "-c", _INSIDE, *command]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    try:
        tried = subprocess.run(isolated("true"), capture_output=True, text=True, timeout=30)
    except OSError as error:
        pytest.skip(f"unshare is missing: {error}")
    if tried.returncode:
        pytest.skip(f"a network namespace is not allowed here: {tried.stderr.strip()[-200:]}")
    command = Command(*new_project(tmp_path_factory.mktemp("cold")))
    command.production(database=True)
    command.home.mkdir()
    subprocess.run(["cp", "-a", furnished(database=True), command.home / "sandbox"], check=True)
    try:
        yield command
    finally:
        control.reset(command.home / "sandbox")


def run(here: Command, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        isolated(sys.executable, "-m", "leitstand", *arguments),
        cwd=here.project, env={**here.environment, **more}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def test_the_namespace_really_has_no_way_out(here: Command) -> None:
    ended = subprocess.run(
        isolated(sys.executable, "-c", _OUTSIDE), capture_output=True, text=True, timeout=30
    )
    assert 2 == len(ended.stdout.split()), ended.stderr


def test_a_runbook_is_planned_in_a_sandbox_that_starts_there(here: Command) -> None:
    ended = run(here, "run", "release", "-p", "image=web:1.1.0", "--json")
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert "completed" == json.loads(ended.stdout)["status"]


def test_the_doctor_finds_the_sandbox_usable(here: Command) -> None:
    ended = run(here, "doctor", "--json", "--wait", "60")
    found = {finding["title"]: finding["state"] for finding in json.loads(ended.stdout)}
    assert {"good"} == {state for title, state in found.items() if title != "Pakete"}


def test_the_doctor_says_that_google_cannot_be_reached(here: Command, tmp_path: Path) -> None:
    ended = run(
        here, "doctor", "--env", "prod", "--json", "--wait", "60",
        GOOGLE_APPLICATION_CREDENTIALS=str(account_file(tmp_path)),
    )  # fmt: skip
    assert 3 == ended.returncode
    (found,) = [one for one in json.loads(ended.stdout) if one["title"] == "Anmeldung"]
    assert "vorhanden (Dienstkonto), Google: der Name ist nicht auflösbar" == found["detail"]


def test_runbooks_are_found_and_read(here: Command) -> None:
    assert "release" in run(here, "runbooks").stdout
    assert 0 == run(here, "show", "release").returncode
