"""Why an execution of the migrate job failed, as an error with one cause each.

::

    RunFailed
    └── JobFailed                  the job ended with an error that has no class of its own
        ├── MigrationLocked        another migration runs
        ├── MigrationHalfApplied   a broken run has left something in the way
        ├── LockNotObtained        a session held a lock for too long
        ├── StatementTooLong       a statement reached its timeout
        ├── DatabaseSilent         the job did not reach the database
        ├── JobTimedOut            the job's own timeout was reached
        ├── JobKilled              somebody or something ended the job
        ├── JobBusy                another execution of the job runs; nothing was started
        └── JobStillRunning        the deadline is over, and the execution goes on
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitstand.cloud.logs import LogLine
from leitstand.core.database_state import Block
from leitstand.core.errors import RunFailed
from leitstand.core.job import ExecutionState, TaskState
from leitstand.execution.job_watch import block_text

__all__ = [
    "DatabaseSilent",
    "JobBusy",
    "JobFailed",
    "JobKilled",
    "JobStillRunning",
    "JobTimedOut",
    "LockNotObtained",
    "MigrationHalfApplied",
    "MigrationLocked",
    "StatementTooLong",
    "failure",
    "has_ended",
]

# Exit codes of the application's commands, after sysexits.h.
_HALF_APPLIED, _UNREACHABLE, _LOCKED, _TERMINATED = 65, 69, 75, 143
_LOCK_NOT_AVAILABLE, _QUERY_CANCELED = "55P03", "57014"
_ENDS = ("done", "locked", "half_applied", "unreachable", "failed", "refused", "terminated")


class JobFailed(RunFailed):
    """An execution ended with an error.

    Attributes:
        execution: Short name of the execution.
    """

    def __init__(self, execution: str, message: str, advice: str) -> None:
        super().__init__(message, advice)
        self.execution = execution


class MigrationLocked(JobFailed):
    """Another migration holds the lock."""


class MigrationHalfApplied(JobFailed):
    """A migration that is not atomic was applied by half before."""


class LockNotObtained(JobFailed):
    """A migration gave up waiting for a lock; it was rolled back."""


class StatementTooLong(JobFailed):
    """A statement reached its timeout; the migration was rolled back."""


class DatabaseSilent(JobFailed):
    """The job did not reach the database."""


class JobTimedOut(JobFailed):
    """The job reached its timeout."""


class JobKilled(JobFailed):
    """The job was ended from outside."""


class JobBusy(JobFailed):
    """Another execution of the job runs."""

    def __init__(self, execution: str) -> None:
        super().__init__(
            execution,
            f"Die Ausführung {execution} des Jobs läuft noch; eine zweite startet nicht.",
            "Warten Sie, bis sie endet, und setzen Sie den Lauf fort.",
        )


class JobStillRunning(JobFailed):
    """The deadline is over, and the execution goes on."""

    def __init__(self, execution: str, seconds: float) -> None:
        super().__init__(
            execution,
            f"Die Ausführung {execution} ist nach {seconds:.0f} s nicht beendet.",
            "Sehen Sie nach, was sie aufhält, und setzen Sie den Lauf fort; er wartet auf sie.",
        )


def has_ended(lines: Sequence[LogLine]) -> bool:
    """Return whether the log already says how the command ended."""
    return any(line.event.rpartition(".")[2] in _ENDS and _of_command(line) for line in lines)


def failure(
    execution: ExecutionState,
    tasks: Sequence[TaskState],
    lines: Sequence[LogLine],
    blocks: Sequence[Block],
) -> JobFailed:
    """Return why an execution failed; pure.

    Args:
        execution: It has ended without success.
        tasks: Its last attempts.
        lines: What it wrote.
        blocks: For whom it waited when that was last seen.
    """
    task = next((t for t in tasks if t.exit_code or t.signal or t.problem), TaskState(0, 0, 0))
    cause = _cause(execution, task, lines)
    kind, message, advice = _WORDS[cause](_facts(execution, task, lines, blocks))
    done = [str(x.payload["migration"]) for x in lines if x.event == "migration.done"]
    before = f" Davor wurden angewandt: {', '.join(done)}." if done else ""
    return kind(execution.short_name, f"{message}{before}", advice)


def _cause(execution: ExecutionState, task: TaskState, lines: Sequence[LogLine]) -> str:
    if execution.cancelled:
        return "cancelled"
    if "timeout was reached" in task.problem:
        return "timed_out"
    if task.signal or task.exit_code == _TERMINATED:
        return "killed"
    if task.exit_code == _LOCKED and _last(lines, "locked").get("holder") == execution.short_name:
        return "killed"  # its own earlier attempt, whose session the server has not ended yet
    known = {_LOCKED: "locked", _HALF_APPLIED: "half_applied", _UNREACHABLE: "unreachable"}
    if task.exit_code in known:
        return known[task.exit_code]
    state = _last(lines, "failed").get("sqlstate")
    return {_LOCK_NOT_AVAILABLE: "no_lock", _QUERY_CANCELED: "too_long"}.get(str(state), "failed")


def _facts(
    execution: ExecutionState,
    task: TaskState,
    lines: Sequence[LogLine],
    blocks: Sequence[Block],
) -> dict[str, Any]:
    running = next((x for x in reversed(lines) if x.event == "migration.started"), None)
    locked, half = _last(lines, "locked"), _last(lines, "half_applied")
    errors = [x for x in lines if x.severity in {"ERROR", "CRITICAL"} and x.payload.get("message")]
    return {
        "execution": execution.short_name,
        "exit_code": task.exit_code,
        "signal": task.signal,
        "attempts": task.retried + 1,
        "migration": running.payload.get("migration", "") if running else "",
        "holder": locked.get("holder") or "unbekannt",
        "indexes": ", ".join(half.get("indexes", [])) or "unbekannt",
        "blocker": block_text(blocks[0]) if blocks else "",
        "text": str(errors[-1].payload["message"]).rstrip(".") if errors else execution.problem,
    }


def _last(lines: Sequence[LogLine], outcome: str) -> Mapping[str, Any]:
    """Return the payload of the last line whose event ends so."""
    found = [line.payload for line in lines if line.event.rpartition(".")[2] == outcome]
    return found[-1] if found else {}


def _of_command(line: LogLine) -> bool:
    """Return whether a line is about the whole command, not about one migration in it."""
    return not line.event.startswith("migration.")


_RESUME = "Setzen Sie den Lauf fort, sobald die Ursache behoben ist."

_WORDS: Mapping[str, Callable[[Mapping[str, Any]], tuple[type[JobFailed], str, str]]] = {
    "locked": lambda f: (
        MigrationLocked,
        f"Eine andere Migration läuft schon: {f['holder']}.",
        "Warten Sie, bis sie fertig ist, und setzen Sie den Lauf fort.",
    ),
    "half_applied": lambda f: (
        MigrationHalfApplied,
        f"Eine Migration ist nur halb angewandt; im Weg steht: {f['indexes']}.",
        "Starten Sie das Runbook neu mit -p repair=true; der Lauf räumt das zuerst weg.",
    ),
    "no_lock": lambda f: (
        LockNotObtained,
        f"Die Migration {f['migration']} bekam ihre Sperre nicht"
        + (f"; sie wartete auf {f['blocker']}." if f["blocker"] else "."),
        "Sie ist ganz zurückgerollt. Beenden Sie, was sie aufhielt, und setzen Sie den Lauf fort.",
    ),
    "too_long": lambda f: (
        StatementTooLong,
        f"Eine Anweisung der Migration {f['migration']} dauerte länger als erlaubt.",
        "Sie ist ganz zurückgerollt. Starten Sie neu mit einem größeren statement_timeout.",
    ),
    "unreachable": lambda f: (
        DatabaseSilent,
        f"Der Job erreicht die Datenbank nicht: {f['text']}.",
        _RESUME,
    ),
    "timed_out": lambda f: (
        JobTimedOut,
        (
            f"Die Ausführung {f['execution']} hat ihr Zeitlimit erreicht"
            f" ({f['attempts']} Versuche, zuletzt {f['migration'] or 'vor der ersten Migration'})."
        ),
        "Suchen Sie, was so lange dauert; setzen Sie den Lauf fort, oder teilen Sie die Migration.",
    ),
    "killed": lambda f: (
        JobKilled,
        (
            f"Die Ausführung {f['execution']} wurde von außen beendet"
            f" ({f['attempts']} Versuche, Signal {f['signal'] or 15})."
        ),
        "Prüfen Sie Speicher und Plattform, und setzen Sie den Lauf fort.",
    ),
    "cancelled": lambda f: (
        JobKilled,
        f"Jemand hat die Ausführung {f['execution']} abgebrochen.",
        "Sprechen Sie sich ab, und setzen Sie den Lauf fort.",
    ),
    "failed": lambda f: (
        JobFailed,
        f"Die Ausführung {f['execution']} ist gescheitert (Exit-Code {f['exit_code']}):"
        f" {f['text'] or 'ohne Meldung'}.".replace("..", "."),
        _RESUME,
    ),
}
