"""A process is told from a later one with the same id."""

import os
import subprocess
import sys

from leitstand.sandbox.processes import is_alive, start_mark, wait_until_gone


def test_this_process_is_alive_under_its_own_mark_only():
    mark = start_mark(os.getpid())
    assert is_alive(os.getpid(), mark)
    assert not is_alive(os.getpid(), "1")


def test_a_process_that_has_ended_but_was_not_waited_for_is_gone():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.1)"])
    mark = start_mark(process.pid)
    assert is_alive(process.pid, mark)
    assert not wait_until_gone(process.pid, mark, 0.0)
    assert wait_until_gone(process.pid, mark, 10)
    process.wait()
    assert not is_alive(process.pid, mark)
    assert "" == start_mark(process.pid)
