"""The base backups of a cluster, as directories, each with what a recovery must know about it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from leitstand.sandbox.sql.archive import Archive, Segment
from leitstand.sandbox.sql.binaries import program, run
from leitstand.sandbox.sql.cluster import ADMIN, Cluster, own

__all__ = ["BaseBackup", "BaseBackups"]

START = re.compile(r"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)")


@dataclass(frozen=True)
class BaseBackup:
    """A copy of a running cluster, whole by itself.

    Attributes:
        id: Its number, unique in its instance.
        end: When it was surely complete, by the database's clock; UTC.
        start_segment: Name of the first segment that a recovery from it reads.
        era: The archive it belongs to; log of another era does not fit.
    """

    id: int
    end: datetime
    start_segment: str
    era: str

    @property
    def start(self) -> Segment:
        """The first segment that a recovery from it reads."""
        return Segment.named(self.start_segment)


class BaseBackups:
    """Those of one cluster.

    Args:
        directory: Where they lie.
        cluster: The cluster.
    """

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        self._directory = directory
        self._cluster = cluster

    def all(self) -> list[BaseBackup]:
        """Those that are complete, oldest first. Read-only."""
        found = []
        for path in self._directory.glob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            end = datetime.fromisoformat(content.pop("end"))
            found.append(BaseBackup(end=end, **content))
        return sorted(found, key=lambda backup: backup.end)

    def path(self, id: int) -> Path:
        """The directory of that backup."""
        return self._directory / str(id)

    async def take(self, id: int, era: str) -> BaseBackup:
        """Copy the running cluster, with the log that makes the copy consistent.

        Raises:
            ProgramFailed: pg_basebackup did not succeed; nothing is left of the copy.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        own(self._directory)
        place = self.path(id)
        try:
            await self.copy_running(place)
            rows = await self._cluster.ask("SELECT clock_timestamp()")
            label = (place / "backup_label").read_text(encoding="utf-8")
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        match = START.search(label)
        assert match is not None
        backup = BaseBackup(id, rows[0][0].astimezone(UTC), match[1], era)
        text = json.dumps({**asdict(backup), "end": backup.end.isoformat()})
        part = self._directory / f"{id}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self._directory / f"{id}.json")
        return backup

    async def copy_running(self, place: Path, limit: int = 0) -> None:
        """Copy the running cluster to a new directory, whole by itself.

        Raises:
            ProgramFailed: pg_basebackup did not succeed.
        """
        configuration = self._cluster.configuration
        connection = ["-h", str(configuration.sockets), "-p", str(configuration.port), "-U", ADMIN]
        options = ["-X", "stream", "-c", "fast", "--no-sync", "--no-manifest"]
        copy = ["-D", str(place), *connection, *options]
        await run(program("pg_basebackup"), *copy, limit=limit)

    def delete(self, id: int) -> None:
        """Delete one; the others do not depend on it."""
        (self._directory / f"{id}.json").unlink(missing_ok=True)
        shutil.rmtree(self.path(id), ignore_errors=True)

    def tidy(self) -> None:
        """Delete what an unfinished backup has left."""
        for path in self._directory.glob("*"):
            if path.is_dir() and not path.with_suffix(".json").exists():
                shutil.rmtree(path, ignore_errors=True)

    def prune_archive(self, archive: Archive, era: str) -> None:
        """Delete archived log from before the oldest backup of this era."""
        ours = [backup for backup in self.all() if backup.era == era]
        if ours:
            archive.prune(ours[0].start)
