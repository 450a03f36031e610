"""The continuous write-ahead log archive of a cluster: what it holds, and where it ends."""

from __future__ import annotations

import asyncio
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

from leitstand.sandbox.sql.binaries import ProgramFailed, program, run
from leitstand.sandbox.sql.cluster import Cluster, own

__all__ = ["Archive", "Commit", "Hole", "Segment"]

SEGMENT_BYTES = 1024 * 1024
PER_FILE = 0x1_0000_0000 // SEGMENT_BYTES
NAME = re.compile(r"[0-9A-F]{24}")
# pg_waldump of a transaction record: `… lsn: 0/015A3B28, … desc: COMMIT 2026-11-24 08:00:00.1 UTC`
COMMIT = re.compile(r"lsn: (\w+/\w+), .*desc: COMMIT (\d{4}-\S+ [0-9:.]+) UTC")
HEARTBEAT: LiteralString = (
    "SELECT clock_timestamp() FROM pg_logical_emit_message(true, 'leitstand', '')"
)
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.003


@dataclass(frozen=True, order=True)
class Segment:
    """One file of write-ahead log.

    Attributes:
        timeline: Its timeline.
        number: Its place in the log, from 0.
    """

    timeline: int
    number: int

    @classmethod
    def named(cls, name: str) -> Segment:
        """From a file's name."""
        return cls(int(name[:8], 16), int(name[8:16], 16) * PER_FILE + int(name[16:], 16))

    @classmethod
    def of(cls, timeline: int, lsn: str) -> Segment:
        """The segment that holds the byte before that log position (`0/15A3B28`)."""
        high, _, low = lsn.partition("/")
        return cls(timeline, ((int(high, 16) << 32) + int(low, 16) - 1) // SEGMENT_BYTES)

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.timeline:08X}{self.number // PER_FILE:08X}{self.number % PER_FILE:08X}"


@dataclass(frozen=True)
class Commit:
    """A transaction's end in the log.

    Attributes:
        time: When it committed, UTC.
        lsn: Where its record begins.
    """

    time: datetime
    lsn: str


@dataclass(frozen=True)
class Hole:
    """A gap in the log.

    Attributes:
        first: The first segment that is missing.
        last: The last one of the gap.
    """

    first: Segment
    last: Segment


class Archive:
    """The log of one cluster: its archive directory and, behind it, what the cluster still holds.

    Attributes:
        directory: Where finished segments are copied to.
    """

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        self.directory = directory
        self._cluster = cluster

    @property
    def live(self) -> Path:
        """The cluster's own log."""
        return self._cluster.data / "pg_wal"

    @property
    def era(self) -> str:
        """Tells this archive from those before the last `clear()`; "" where there is none."""
        try:
            return (self.directory / ".era").read_text(encoding="utf-8")
        except OSError:
            return ""

    def clear(self) -> None:
        """Begin anew: the log before this moment can no longer be recovered."""
        self.remove()
        self.directory.mkdir(mode=0o700, parents=True)
        own(self.directory)
        (self.directory / ".era").write_text(uuid.uuid4().hex, encoding="utf-8")

    def remove(self) -> None:
        """Delete the archive."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def segments(self, timeline: int) -> dict[int, Path]:
        """All segments of that timeline by number: archived ones, and those not archived yet."""
        # In this order: a segment that is archived meanwhile is then found twice, not never.
        unfinished = {
            path.name: path
            for path in _listed(self.live)
            if not (self.live / "archive_status" / f"{path.name}.done").exists()
        }
        there = {**unfinished, **{path.name: path for path in _listed(self.directory)}}
        found = {Segment.named(name): path for name, path in there.items()}
        return {one.number: path for one, path in found.items() if one.timeline == timeline}

    def hole(self, since: Segment) -> Hole | None:
        """The first gap after (and including) that segment; None where the log is whole."""
        there = {number for number in self.segments(since.timeline) if number >= since.number}
        if not there:
            return Hole(since, since)
        for number in range(since.number, max(there)):
            if number not in there:
                following = min(later for later in there if later > number)
                first = Segment(since.timeline, number)
                return Hole(first, Segment(since.timeline, following - 1))
        return None

    async def heartbeat(self) -> datetime:
        """Commit an empty transaction and return the database's clock just before its commit.

        A recovery to that time, or any earlier one, finds a later commit to stop at; without one
        PostgreSQL cannot know that it has reached the time.
        """
        rows = await self._cluster.ask(HEARTBEAT)
        found: datetime = rows[0][0]
        return found.astimezone(UTC)

    async def seal(self) -> str:
        """Have everything committed until now archived; returns the log position it reaches.

        There is a later commit in the archive, too. Gives up waiting for the archive after some
        seconds: the cluster itself then still holds what is missing.
        """
        async with self._cluster.connect() as connection:
            await connection.execute(HEARTBEAT)
            position = await connection.execute("SELECT pg_current_wal_lsn()::text")
            reached = await position.fetchone()
            await connection.execute(HEARTBEAT)
            switch = await connection.execute(
                "SELECT timeline_id, pg_switch_wal()::text FROM pg_control_checkpoint()"
            )
            switched = await switch.fetchone()
        assert reached is not None
        assert switched is not None
        wanted = self.directory / Segment.of(*switched).name
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_SECONDS
        while not wanted.exists() and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        return str(reached[0])

    async def newest_commit(self, since: Segment, until: Segment | None = None) -> Commit | None:
        """The last commit that the log holds between those segments. Read-only.

        Args:
            since: Where to begin.
            until: Where to end, exclusive; the end of the log by default.
        """
        there = self.segments(since.timeline)
        last = max(there, default=0) if until is None else until.number - 1
        for number in range(last, since.number - 1, -1):
            if number in there and (found := await _commits(there[number])):
                return found[-1]
        return None

    def prune(self, before: Segment) -> None:
        """Delete archived segments that no kept backup needs."""
        for path in _listed(self.directory):
            if Segment.named(path.name) < before:
                path.unlink(missing_ok=True)


def _listed(directory: Path) -> list[Path]:
    """The segments in a directory; none where there is no directory."""
    if not directory.is_dir():
        return []
    return [path for path in directory.iterdir() if NAME.fullmatch(path.name)]


async def _commits(path: Path) -> list[Commit]:
    """The commits in one segment; a segment that ends early is read as far as it goes."""
    command = (program("pg_waldump"), "--rmgr=Transaction", str(path))
    try:
        text = await run(*command)
    except ProgramFailed as error:
        text = error.output
    return [
        Commit(datetime.fromisoformat(match[2]).replace(tzinfo=UTC), match[1])
        for match in COMMIT.finditer(text)
    ]
