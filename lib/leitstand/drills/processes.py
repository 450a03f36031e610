"""Helper processes of faults: they survive the command, end with the sandbox, and are ended by id.

A helper is a module of Leitstand with a ``main``. It takes its instructions as JSON from standard
input, so that secrets never stand in its arguments, says ``ready`` once on standard output when the
fault is there, and then lives while ``owner_lives``::

    given = instructions()
    …
    say_ready()
    while owner_lives():
        time.sleep(0.2)
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from select import select
from typing import Any

from leitstand.core.errors import RunFailed

__all__ = [
    "Helper",
    "HelperFailed",
    "end_helper",
    "helper_lives",
    "instructions",
    "owner_lives",
    "say_ready",
    "start_helper",
]

_OWNER = "LEITSTAND_DRILL_OWNER"
_TOLERANCE = 1.0
"""Seconds; a start time is counted from the boot, whose time moves a little with the clock."""
_READY_SECONDS = 15.0
_END_SECONDS = 5.0


class HelperFailed(RunFailed):
    """A helper process of a drill ended, or was not ready in time."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(
            f"Ein Hilfsprozess der Übung ({module}) ist gescheitert: {reason}",
            "Beenden Sie die Übung mit leitstand drill stop, und beginnen Sie sie neu.",
        )
        self.module = module


@dataclass(frozen=True)
class Helper:
    """A helper process, so noted that no other is ever taken for it.

    Attributes:
        pid: Its id.
        started: When it started, in seconds since the epoch.
        module: Which module it runs.
    """

    pid: int
    started: float
    module: str

    def as_data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"pid": self.pid, "started": self.started, "module": self.module}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Helper":
        """Return the helper that ``as_data`` gave."""
        return cls(int(data["pid"]), float(data["started"]), str(data["module"]))


def start_helper(
    module: str,
    *,
    given: Mapping[str, Any],
    owner: int,
    record: Callable[[Helper], None],
) -> Helper:
    """Start a helper and return it when it is ready.

    It does nothing before it has its instructions, and gets them only when ``record`` has returned.

    Args:
        module: Such as ``leitstand.drills.helpers.hold_lock``.
        given: Its instructions, as JSON values; they may be secret.
        owner: Process with which it ends.
        record: Writes it down.

    Raises:
        HelperFailed: it ended or was not ready in time; then it is gone.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, _OWNER: f"{owner}:{_start_time(owner)}"},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        helper = Helper(process.pid, _start_time(process.pid), module)
        record(helper)
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        if not select([process.stdout], [], [], _READY_SECONDS)[0]:
            raise HelperFailed(module, f"nach {_READY_SECONDS:g} Sekunden war er nicht bereit.")
        if not process.stdout.readline():
            raise HelperFailed(module, f"er endete mit Code {process.wait(_END_SECONDS)}.")
    except BaseException as error:
        process.kill()
        process.wait()
        if isinstance(error, BrokenPipeError):
            raise HelperFailed(module, "er endete vor seinem Auftrag.") from error
        raise
    finally:
        process.stdout.close()
    _left_alone.append(process)
    return helper


def helper_lives(helper: Helper) -> bool:
    """Return whether that very process runs; read-only."""
    return _found(helper) is not None


def end_helper(helper: Helper) -> None:
    """End that very process, and no other that got its id; nothing if it has ended."""
    import psutil

    process = _found(helper)
    if process is None:
        return
    try:
        process.terminate()
        process.wait(_END_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_END_SECONDS)
    except psutil.NoSuchProcess:
        pass


def instructions() -> dict[str, Any]:
    """Return what this helper was given; it ends here where nobody gave it anything."""
    text = sys.stdin.read()
    if not text:
        sys.exit(1)
    given: dict[str, Any] = json.loads(text)
    return given


def say_ready() -> None:
    """Tell whoever started this helper that its fault is there; nobody listens afterwards."""
    os.write(1, b"ready\n")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def owner_lives() -> bool:
    """Return whether the process lives with which this helper ends."""
    pid, _, started = os.environ.get(_OWNER, "0:0").partition(":")
    return abs(_start_time(int(pid)) - float(started)) <= _TOLERANCE if int(pid) else False


_left_alone: list[subprocess.Popen[bytes]] = []
"""Kept from being collected, which would only warn that they still run."""


def _start_time(pid: int) -> float:
    """Return when a process started, in seconds since the epoch; 0 where there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return 0.0


def _found(helper: Helper) -> Any:
    import psutil

    try:
        process = psutil.Process(helper.pid)
        same = (
            process.status() != psutil.STATUS_ZOMBIE
            and abs(process.create_time() - helper.started) <= _TOLERANCE
            and helper.module in process.cmdline()
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if same else None
