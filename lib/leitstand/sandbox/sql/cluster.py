"""One PostgreSQL cluster: made, started, asked and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from leitstand.sandbox.ports import ADDRESS_IN_USE
from leitstand.sandbox.sql.binaries import ACCOUNT, end_group, program, run, spawn
from leitstand.sandbox.sql.configuration import Configuration

if TYPE_CHECKING:
    import psutil

__all__ = ["ADMIN", "Cluster", "StartFailed", "own"]

ADMIN = "cloudsqladmin"
POLL_SECONDS = 0.005
STOP_SECONDS = 8.0
SHOWN_LOG = 4000

Parameters = Sequence[Any] | Mapping[str, Any]


class StartFailed(Exception):
    """The cluster did not get ready.

    Attributes:
        log: What it wrote at this start.
    """

    def __init__(self, log: str) -> None:
        super().__init__(f"PostgreSQL did not start: {log[-500:]}")
        self.log = log

    @property
    def fatal(self) -> str:
        """Its last FATAL message, or ""."""
        lines = [line for line in self.log.splitlines() if "FATAL:" in line]
        return lines[-1].partition("FATAL:")[2].strip() if lines else ""

    @property
    def port_taken(self) -> bool:
        """Whether another process has its port."""
        return ADDRESS_IN_USE in self.log


class Cluster:
    """A cluster in a directory; at most one process runs it.

    Attributes:
        data: PostgreSQL's data directory.
        log: What the server writes.
    """

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.log = directory / "postgres.log"
        self._configuration: Configuration | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._begun = False
        self._log_from = 0

    @property
    def configuration(self) -> Configuration:
        """What it was last started with."""
        if self._configuration is None:
            raise psycopg.OperationalError("the cluster was never started")
        return self._configuration

    @property
    def running(self) -> bool:
        """Whether the server's process runs."""
        return self._begun and self._alive

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None."""
        return self._process.pid if self._process is not None and self.running else None

    async def initialise(self) -> None:
        """Make an empty cluster.

        Raises:
            ProgramFailed: initdb did not succeed.
        """
        options = ["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "--wal-segsize=1"]
        await run(program("initdb"), "-D", str(self.data), *options)

    async def end_left_behind(self) -> None:
        """End the server that an earlier supervisor left on this data, if one is left.

        Where the kernel does not end it with its parent (macOS), or has not yet. At its port it
        would look like another's process, and two servers must never write into one directory.
        """
        server = _left_on(self.data)
        if server is None:
            return
        import psutil

        with contextlib.suppress(psutil.Error):
            server.send_signal(signal.SIGQUIT)
        _, left = await asyncio.to_thread(psutil.wait_procs, [server], STOP_SECONDS)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        await asyncio.to_thread(psutil.wait_procs, left, STOP_SECONDS)

    async def copy_from(self, source: Path, limit: int = 0) -> None:
        """Make the cluster from a base backup, which is only read.

        Raises:
            ProgramFailed: The copy did not succeed.
        """
        # Never by hard links: the cluster would write into the backup.
        copy = shutil.which("cp") or "/bin/cp"
        await run(copy, "-a", "--", str(source), str(self.data), limit=limit)

    async def prepare(self, limit: int = 0) -> None:
        """Have a process at hand that becomes the server at `start()`; needs no data yet."""
        if self._alive:
            return
        self._begun = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.log, flags, 0o600)
        try:
            self._log_from = os.fstat(descriptor).st_size
            self._process = await spawn(
                (program("postgres"), "-D", str(self.data)),
                output=descriptor,
                at_death=signal.SIGQUIT,
                limit=limit,
                hold=True,
            )
        finally:
            os.close(descriptor)

    async def start(self, configuration: Configuration, *, limit: int = 0) -> None:
        """Start the server and return when it takes connections, a recovery included.

        Raises:
            StartFailed: It ended instead; no process is left.
        """
        await self.prepare(limit)
        process = self._process
        assert process is not None
        assert process.stdin is not None
        configuration.write(self.data)
        for name in ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf"):
            own(self.data / name)
        own(self.data / "recovery.signal")
        self._configuration = configuration
        pid_file = self.data / "postmaster.pid"
        pid_file.unlink(missing_ok=True)
        try:
            self._begun = True
            process.stdin.write(b"\n")
            process.stdin.close()
            while not _is_ready(pid_file, process.pid):
                if process.returncode is not None:
                    raise StartFailed(self._log_since(self._log_from))
                await asyncio.sleep(POLL_SECONDS)
        except BaseException:
            await asyncio.shield(self.kill())
            raise

    async def stop(self) -> None:
        """Stop the server: connections are ended, the data is left consistent."""
        await self._end(signal.SIGINT)

    async def kill(self) -> None:
        """End the server at once; it recovers at its next start."""
        await self._end(signal.SIGQUIT)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            os.kill(process.pid, number)
            waiting = asyncio.ensure_future(process.wait())
            await asyncio.wait({waiting}, timeout=STOP_SECONDS)
        end_group(process, signal.SIGKILL)
        await process.wait()
        _release_memory(self.data / "postmaster.pid")

    @asynccontextmanager
    async def connect(
        self, database: str = "postgres"
    ) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """A connection as the sandbox's own administrator; commits after each statement."""
        configuration = self.configuration
        connection = await psycopg.AsyncConnection.connect(
            host=str(configuration.sockets),
            port=configuration.port,
            user=ADMIN,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
            options="-c default_transaction_read_only=off -c statement_timeout=0",
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(
        self,
        query: LiteralString | psycopg.sql.Composed,
        parameters: Parameters = (),
        database: str = "postgres",
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        async with self.connect(database) as connection:
            cursor = await connection.execute(query, parameters or None)
            return await cursor.fetchall() if cursor.description else []

    def _log_since(self, position: int) -> str:
        with open(self.log, "rb") as file:
            file.seek(position)
            return file.read()[-SHOWN_LOG:].decode("utf-8", "replace")


def own(path: Path) -> None:
    """Give a file to PostgreSQL's account, where it exists and this process is root's."""
    if ACCOUNT is not None and path.exists():
        os.chown(path, ACCOUNT, ACCOUNT)


def _release_memory(pid_file: Path) -> None:
    """Remove the shared memory segment (shmctl(2)) of a server that could not do it itself."""
    with contextlib.suppress(OSError, UnicodeDecodeError, IndexError, ValueError):
        identifier = pid_file.read_text(encoding="utf-8").splitlines()[6].split()[1]
        ctypes.CDLL(None).shmctl(int(identifier), 0, None)


def _left_on(data: Path) -> psutil.Process | None:
    """The running server whose process id stands in a data directory, and which works on it."""
    import psutil

    try:
        number, directory = (data / "postmaster.pid").read_text("utf-8").splitlines()[:2]
        server = psutil.Process(int(number))
        # Ids are used again, and a copied directory names the server of its original.
        ours = directory == str(data) and str(data) in server.cmdline()
    except (OSError, UnicodeDecodeError, ValueError, psutil.Error):
        return None
    return server if ours else None


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Whether that server has written that it takes connections (its file's eighth line)."""
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
