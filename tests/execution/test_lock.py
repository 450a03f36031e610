"""One run at a time per target."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leitstand.execution.lock import Lock, Locked


def lock(directory: Path, run: str, environment: str = "sandbox", target: str = "a/web") -> Lock:
    return Lock(directory, environment, target, run)


def test_a_second_run_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path, "first"), pytest.raises(Locked, match="Der Lauf first arbeitet"):
        lock(tmp_path, "second").acquire()


def test_other_targets_and_environments_are_free(tmp_path: Path) -> None:
    with (
        lock(tmp_path, "first"),
        lock(tmp_path, "second", target="a/worker"),
        lock(tmp_path, "third", environment="staging"),
    ):
        pass


def test_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    with lock(tmp_path, "first"):
        pass
    with lock(tmp_path, "second"):
        pass


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from leitstand.execution.lock import Lock;"
        "Lock(pathlib.Path(sys.argv[1]), 'sandbox', 'a/web', 'dead').acquire();"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        with pytest.raises(Locked, match="Der Lauf dead"):
            lock(tmp_path, "second").acquire()
    finally:
        holder.kill()
        holder.communicate()
    with lock(tmp_path, "second"):
        pass


def test_the_lock_file_is_private_and_names_the_run(tmp_path: Path) -> None:
    with lock(tmp_path, "first"):
        (path,) = tmp_path.iterdir()
        assert 0o600 == path.stat().st_mode & 0o777
        assert "first" == json.loads(path.read_text())["run"]
