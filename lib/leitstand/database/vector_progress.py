"""How far maintenance under way is, and for whom it waits, for any number of sessions at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["Blocker", "Progress", "holders_of", "progress"]

# Blockers are looked for only where a session waits for a lock: asking takes all locks' table.
_PROGRESS = """
SELECT s.pid, b.phase, b.tuples_done, b.tuples_total, b.blocks_done, b.blocks_total,
       v.phase, v.heap_blks_scanned, v.heap_blks_total,
       a.phase, a.sample_blks_scanned, a.sample_blks_total,
       CASE WHEN s.wait_event_type = 'Lock' THEN pg_blocking_pids(s.pid) ELSE '{}' END
FROM pg_stat_activity AS s
LEFT JOIN pg_stat_progress_create_index AS b ON b.pid = s.pid
LEFT JOIN pg_stat_progress_vacuum AS v ON v.pid = s.pid
LEFT JOIN pg_stat_progress_analyze AS a ON a.pid = s.pid
WHERE s.pid = ANY(%s)
"""
_SESSIONS = """
SELECT pid, coalesce(application_name, ''), coalesce(usename, ''), backend_type,
       extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity WHERE pid = ANY(%s)
"""
# A rebuild waits for whoever may write to the table, and for snapshots older than its own.
_HOLDERS = """
SELECT s.pid, coalesce(s.application_name, ''), coalesce(s.usename, ''), s.backend_type,
       extract(epoch FROM clock_timestamp() - s.xact_start)::float8
FROM pg_stat_activity AS s
LEFT JOIN (
    SELECT pid, bool_or(mode <> 'AccessShareLock') AS writes FROM pg_locks
    WHERE relation = %(table)s AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY pid
) AS l ON l.pid = s.pid
WHERE s.pid <> ALL(%(own)s) AND s.datname = current_database()
  AND (l.pid IS NOT NULL OR s.backend_xmin IS NOT NULL)
ORDER BY l.writes DESC NULLS LAST, s.xact_start
LIMIT 3
"""
_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
_PHASES = {
    "initializing": "beginnt",
    "waiting for writers before build": "wartet vor dem Aufbau auf Schreiber",
    "building index": "baut auf",
    "building index: initializing": "beginnt",
    "building index: performing k-means": "sucht die Mitten der Listen (k-means)",
    "building index: assigning tuples": "ordnet Tupel den Listen zu",
    "building index: loading tuples": "lädt Tupel",
    "waiting for writers before validation": "wartet vor der Prüfung auf Schreiber",
    "index validation: scanning index": "prüft: liest den Index",
    "index validation: sorting tuples": "prüft: sortiert Tupel",
    "index validation: scanning table": "prüft: liest die Tabelle",
    "waiting for old snapshots": "wartet auf ältere Transaktionen",
    "waiting for readers before marking dead": "wartet auf Leser des alten Index",
    "waiting for readers before dropping": "wartet auf Leser vor dem Löschen",
    "scanning heap": "liest die Tabelle",
    "vacuuming indexes": "räumt die Indizes auf",
    "vacuuming heap": "räumt die Tabelle auf",
    "cleaning up indexes": "schließt die Indizes ab",
    "truncating heap": "kürzt die Tabelle",
    "performing final cleanup": "schließt ab",
    "acquiring sample rows": "zieht eine Stichprobe",
    "acquiring inherited sample rows": "zieht eine Stichprobe",
    "computing statistics": "rechnet die Statistik",
    "computing extended statistics": "rechnet die Statistik",
    "finalizing analyze": "schließt ab",
}


@dataclass(frozen=True)
class Blocker:
    """A session that is in the way.

    Attributes:
        pid: 0 stands for a prepared transaction.
        application: What the client calls itself.
        age: Seconds since its transaction began; None where that may not be seen.
    """

    pid: int
    application: str = ""
    role: str = ""
    age: float | None = None

    def __str__(self) -> str:
        """Who it is, in German."""
        if not self.pid:
            return "eine vorbereitete Transaktion"
        role = f", Rolle {self.role}" if self.role else ""
        age = "" if self.age is None else f", Transaktion offen seit {self.age:.0f} s"
        return f"{self.application or 'eine Sitzung'} (pid {self.pid}{role}{age})"


@dataclass(frozen=True)
class Progress:
    """How far one session is.

    Attributes:
        phase: In German; empty where the server reports none.
        done: So many of ``total``; both 0 where nothing is counted.
        of: What is counted, in the German dative.
        blockers: For whom it waits.
    """

    phase: str = ""
    done: int = 0
    total: int = 0
    of: str = ""
    blockers: tuple[Blocker, ...] = ()

    def __str__(self) -> str:
        """The whole in German, without a subject."""
        text = self.phase
        if self.total:
            unit = "" if self.of.rstrip("n") in self.phase else f" {self.of}"
            text += f", {_count(self.done)} von {_count(self.total)}{unit}"
        if self.blockers:
            who = " und ".join(str(blocker) for blocker in self.blockers)
            waits = f"wartet auf {who}"
            text = waits if not text or text.startswith("wartet") else f"{text}; {waits}"
        return text


def progress(connection: "Connection", pids: Sequence[int]) -> dict[int, Progress]:
    """Return by process id how far sessions are, in one query and one more if any of them waits.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Fortschritt lesen"):
        rows = connection.execute(_PROGRESS, (list(pids),)).fetchall()
        waiting = sorted({pid for row in rows for pid in row[12]})
        found: dict[int, Blocker] = {0: Blocker(0)}
        if waiting:
            sessions = connection.execute(_SESSIONS, (waiting,)).fetchall()
            found |= {row[0]: _blocker(row) for row in sessions}
        return {
            row[0]: _progress(
                row, tuple(found.get(pid, Blocker(pid)) for pid in dict.fromkeys(row[12]))
            )
            for row in rows
        }


def holders_of(connection: "Connection", table: int, own: Sequence[int]) -> tuple[Blocker, ...]:
    """Return who could hold up a rebuild on a table just now, the likeliest first, at most three.

    Args:
        connection: To the table's database.
        table: Its oid.
        own: Sessions that do not count.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Sitzungen lesen"):
        rows = connection.execute(_HOLDERS, {"table": table, "own": [*own]}).fetchall()
        return tuple(_blocker(row) for row in rows)


def _blocker(row: tuple[int, str, str, str, float | None]) -> Blocker:
    pid, application, role, kind, age = row
    return Blocker(pid, application or ("" if kind == "client backend" else kind), role, age)


def _progress(row: tuple[object, ...], blockers: tuple[Blocker, ...]) -> Progress:
    _, build, *build_counts = row[:6]
    for phase, counts, of in (
        (build, build_counts[:2], "Tupeln"),
        (build, build_counts[2:], "Blöcken"),
        (row[6], row[7:9], "Blöcken"),
        (row[9], row[10:12], "Blöcken"),
    ):
        done, total = (int(str(count or 0)) for count in counts)
        if phase and total:
            # The total is an estimate from the statistics, which the table may have outgrown.
            return Progress(_german(str(phase)), min(done, total), total, of, blockers)
    phase = build or row[6] or row[9]
    return Progress(_german(str(phase)) if phase else "", blockers=blockers)


def _german(phase: str) -> str:
    return _PHASES.get(phase, phase)


def _count(number: int) -> str:
    return f"{number:,}".replace(",", _NARROW_SPACE)
