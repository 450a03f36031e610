"""Exit codes of the application's commands, after sysexits.h where it has one."""

from __future__ import annotations

__all__ = [
    "ADDRESS_IN_USE",
    "FAILED",
    "HALF_APPLIED",
    "LOCKED",
    "TERMINATED",
    "UNREACHABLE",
    "USAGE",
]

FAILED = 1
USAGE = 2
HALF_APPLIED = 65  # EX_DATAERR: an index is left that a broken run built by half
UNREACHABLE = 69  # EX_UNAVAILABLE: the database does not answer
ADDRESS_IN_USE = 71  # EX_OSERR
LOCKED = 75  # EX_TEMPFAIL: another migration runs
TERMINATED = 143  # 128 + SIGTERM, as shells have it
