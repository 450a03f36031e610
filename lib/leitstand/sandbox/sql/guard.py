"""Run a program that ends when its parent ends, under another account where asked.

`python -I -S guard.py PARENT SIGNAL ACCOUNT LIMIT HOLD PROGRAM ARGUMENT…`

PARENT is the process id of the caller. The kernel sends SIGNAL to the program when the caller is
gone, however that happened (prctl(2), PR_SET_PDEATHSIG; Linux only). ACCOUNT is a numeric user and
group id, or `-`. PostgreSQL refuses to run as root, and its files lie below a directory that only
root may enter; so the other account keeps one capability, to pass such directories. LIMIT is the
largest file that the program may write, in bytes (setrlimit(2), RLIMIT_FSIZE), or 0. With HOLD 1
the program begins when a line arrives on standard input, and never where that ends instead; so
this interpreter's own start can be over before the program is needed.
Standard library only; replaces itself with the program.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Prepare this process as the arguments say and become the program."""
    parent, number, account, limit, hold, *command = arguments
    os.umask(0o077)
    # Python ignores both, and ignored signals are inherited. Beyond LIMIT a write shall fail
    # instead of ending the program, so only this one stays ignored.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if account != "-":
        _become(int(account), libc if linux else None)
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    if linux:
        # After the change of account, which clears it.
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)
    if int(hold) and not os.read(0, 1):
        sys.exit(1)
    os.execv(command[0], command)


def _become(account: int, libc: ctypes.CDLL | None) -> None:
    os.setgroups([])
    if libc is not None:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgid(account)
    os.setuid(account)
    if libc is not None:
        # Where this is not allowed, the directories must be open to the account.
        bit = 1 << CAP_DAC_OVERRIDE
        header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
        libc.capset(header, struct.pack("6I", bit, bit, bit, 0, 0, 0))
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
