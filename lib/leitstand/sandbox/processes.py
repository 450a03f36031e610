"""Whether a process is still the one that was noted: ids are reused. Standard library only."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["is_alive", "start_mark", "wait_until_gone"]


def start_mark(pid: int) -> str:
    """What tells this process from a later one with the same id; "" where it cannot be known.

    On Linux the start time in clock ticks since boot (proc(5), field 22 of /proc/PID/stat).
    """
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def is_alive(pid: int, mark: str) -> bool:
    """Whether that very process runs; one that has ended and was not waited for does not."""
    fields = _stat(pid)
    if fields:
        return fields[0] != "Z" and (not mark or fields[19] == mark)
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_until_gone(pid: int, mark: str, timeout: float) -> bool:
    """Wait until the process has ended; False where it still runs after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while is_alive(pid, mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty where there is no such file."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
