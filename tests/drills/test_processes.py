"""Helper processes of drills: they survive, they end with their owner, and only they are ended."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from leitstand.drills.processes import (
    Helper,
    HelperFailed,
    end_helper,
    helper_lives,
    start_helper,
)
from tests.fixtures.command import ROOT

MODULE = "tests.drills.idle_helper"


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    yield process
    process.communicate()


def started(owner: int, record: Callable[[Helper], None] = lambda _: None) -> Helper:
    return start_helper(MODULE, given={"fail": False}, owner=owner, record=record)


def eventually_gone(helper: Helper) -> bool:
    deadline = time.monotonic() + 5
    while helper_lives(helper):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_helper_is_written_down_before_it_acts_and_ends_with_its_owner(
    owner: "subprocess.Popen[bytes]",
) -> None:
    noted: list[Helper] = []
    helper = started(owner.pid, noted.append)

    assert [helper] == noted
    assert helper == Helper.from_data(helper.as_data())
    assert helper_lives(helper)
    assert os.getsid(helper.pid) == helper.pid != os.getsid(0)
    owner.communicate()
    assert eventually_gone(helper)


def test_a_helper_is_ended_only_where_id_and_start_and_module_fit(
    owner: "subprocess.Popen[bytes]",
) -> None:
    helper = started(owner.pid)
    for other in (
        replace(helper, started=helper.started - 60),
        replace(helper, module="leitstand.cli"),
        replace(helper, pid=os.getpid()),
    ):
        end_helper(other)
        assert not helper_lives(other)
    assert helper_lives(helper)

    end_helper(helper)
    end_helper(helper)

    assert not helper_lives(helper)


def test_a_helper_that_fails_says_so_and_leaves_nothing(
    owner: "subprocess.Popen[bytes]",
) -> None:
    noted: list[Helper] = []
    with pytest.raises(HelperFailed, match="endete mit Code 3"):
        start_helper(MODULE, given={"fail": True}, owner=owner.pid, record=noted.append)
    assert not helper_lives(noted[0])


def test_a_helper_whose_note_cannot_be_written_does_nothing(
    owner: "subprocess.Popen[bytes]",
) -> None:
    noted: list[Helper] = []

    def record(helper: Helper) -> None:
        noted.append(helper)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        started(owner.pid, record)
    assert not helper_lives(noted[0])
