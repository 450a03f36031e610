"""Runs a command and ends it with all its children when standard input ends.

`python leash.py COMMAND ARGUMENT …`; standard library only, started as a file, so that it costs a
few milliseconds. The process that starts it makes it the leader of a process group and holds the
other end of standard input: when that process is killed, the kernel closes it, and the group ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ["main"]

_NOT_FOUND = 127


def main(command: list[str]) -> int:
    """Run the command; returns its exit code, or dies by the signal it died by."""
    # A handler, not SIG_IGN, which the command would inherit. The group gets the signal itself.
    early: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: early.append(number))
    lifeline, held = os.pipe()
    try:
        child = os.posix_spawnp(
            command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, lifeline, 0)]
        )
    except OSError as error:
        os.write(2, f"exec: {command[0]}: {error.strerror}\n".encode())
        return _NOT_FOUND
    for missed in early:  # it came when the command was not there to get it
        os.kill(child, missed)
    os.close(lifeline)
    threading.Thread(target=_follow, daemon=True).start()
    _, status = os.waitpid(child, 0)
    os.close(held)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    if -code in (signal.SIGTERM, signal.SIGINT):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


def _follow() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv[1:]))
