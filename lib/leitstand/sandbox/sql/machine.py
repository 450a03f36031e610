"""What stands behind one Cloud SQL instance: a cluster, its log archive and its base backups."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from psycopg import sql

from leitstand.sandbox.sql.archive import Archive
from leitstand.sandbox.sql.backups import BaseBackup, BaseBackups
from leitstand.sandbox.sql.cluster import Cluster, StartFailed, own
from leitstand.sandbox.sql.configuration import Configuration, Recovery

__all__ = ["OWNER", "Machine"]

OWNER = "cloudsqlsuperuser"
PORT_ATTEMPTS = 5
BOOTSTRAP = (
    # As at Google: what users of the API are members of; PostgreSQL's superuser nobody gets.
    f"CREATE ROLE {OWNER} CREATEDB CREATEROLE",
    f"GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO {OWNER}",
    f"ALTER DATABASE postgres OWNER TO {OWNER}",
)


class Machine:
    """The processes and files of one instance.

    Args:
        directory: Everything of it lies here.
        sockets: The directory of its Unix socket.
        port: TCP port on 127.0.0.1.
        move: Gives it another port where its own is taken, before it has first started.

    Attributes:
        directory: Everything of it lies here.
        port: TCP port on 127.0.0.1.
        cluster: The database server.
        archive: Its write-ahead log.
        backups: Its base backups.
    """

    def __init__(self, directory: Path, sockets: Path, port: int, move: Callable[[], int]) -> None:
        self.directory = directory
        self.port = port
        self.cluster = Cluster(directory)
        self.archive = Archive(directory / "archive", self.cluster)
        self.backups = BaseBackups(directory / "backups", self.cluster)
        self._sockets = sockets
        self._move: Callable[[], int] | None = move

    def keep_port(self) -> None:
        """From now on the port stays as it is: those who use the instance know it."""
        self._move = None

    async def create(self, flags: Mapping[str, str], archiving: bool) -> None:
        """Make an empty cluster with Google's roles and pgvector, and start it.

        Raises:
            ProgramFailed: initdb did not succeed.
            StartFailed: It does not start with these flags.
        """
        self.make_directory()
        await self.cluster.initialise()
        await self.start(flags, archiving)
        async with self.cluster.connect() as connection:
            for statement in BOOTSTRAP:
                await connection.execute(sql.SQL(statement))
        # Google lets its users create it; PostgreSQL wants a superuser, so it is there already.
        for database in ("template1", "postgres"):
            await self.cluster.ask("CREATE EXTENSION vector", database=database)

    async def start(
        self,
        flags: Mapping[str, str],
        archiving: bool,
        recovery: Recovery | None = None,
        limit: int = 0,
    ) -> None:
        """Start the cluster; with `archiving`, its log is archived from now on.

        The first time it takes another port where its own is taken.

        Raises:
            StartFailed: It did not get ready, or its port was taken meanwhile.
            PortNamed: It cannot take another port.
        """
        if archiving and not self.archive.era:
            self.archive.clear()
        if not archiving:
            self.archive.remove()
        archive = self.archive.directory if archiving else None
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            wanted = Configuration(self.port, self._sockets, archive, flags, recovery)
            try:
                await self.cluster.start(wanted, limit=limit)
            except StartFailed as error:
                if not error.port_taken or self._move is None or not attempts_left:
                    raise
                self.port = self._move()
            else:
                break
        self.keep_port()

    async def back_up(self, id: int) -> BaseBackup:
        """Take a base backup of the running cluster."""
        return await self.backups.take(id, self.archive.era)

    def bases(self) -> list[BaseBackup]:
        """The backups that the archive can bring forward, oldest first."""
        era = self.archive.era
        return [backup for backup in self.backups.all() if era and backup.era == era]

    async def put_back(self, backup: Path, flags: Mapping[str, str], limit: int = 0) -> None:
        """Replace all data by a base backup's; archived log is deleted, nothing is archived.

        Raises:
            ProgramFailed: The copy did not succeed; the data is as it was, and not running.
            StartFailed: The restored cluster does not start.
        """
        incoming = Cluster(self.directory / "incoming")
        incoming.data.parent.mkdir(mode=0o700, exist_ok=True)
        own(incoming.data.parent)
        try:
            await incoming.copy_from(backup, limit)
            await self.cluster.stop()
            shutil.rmtree(self.cluster.data)
            incoming.data.rename(self.cluster.data)
        finally:
            shutil.rmtree(incoming.data.parent, ignore_errors=True)
        await self.start(flags, archiving=False)

    def tidy(self) -> None:
        """Finish or undo a replacement of the data, and undo a backup, that was cut off."""
        self.backups.tidy()
        incoming = self.directory / "incoming"
        if not self.cluster.data.exists() and (incoming / "data").exists():
            (incoming / "data").rename(self.cluster.data)
        shutil.rmtree(incoming, ignore_errors=True)

    def disk_bytes(self) -> int:
        """What lies on the disk of the instance: archive and backups lie elsewhere at Google.

        Files that are sparse count for what they claim, so a full disk can be rehearsed.
        """
        total = 0
        for place, directories, files in os.walk(self.directory):
            if Path(place) == self.directory:
                directories[:] = [d for d in directories if d not in ("archive", "backups")]
            for file in files:
                with contextlib.suppress(OSError):  # deleted meanwhile
                    total += os.lstat(os.path.join(place, file)).st_size
        return total

    def make_directory(self) -> None:
        """Make the directory, empty."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o700, parents=True)
        own(self.directory)

    async def remove(self) -> None:
        """End the cluster at once and delete everything."""
        await self.cluster.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
