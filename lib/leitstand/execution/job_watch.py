"""What a running migration does just now, and who holds it up."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from leitstand.cloud.logs import LogLine, Logs
from leitstand.core.database_state import Block
from leitstand.core.errors import LeitstandError

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["JobWatch", "block_text"]

_STATEMENT_SECONDS = 5.0


class JobWatch:
    """Looks at an execution through its log and the database; a context manager. Read-only.

    What cannot be looked at is left out: watching never fails a run.

    Attributes:
        lines: What the execution has written so far.
        blocks: For whom it waited when that was last seen.
    """

    def __init__(self, logs: Logs, execution: str, url: Callable[[], str], interval: float) -> None:
        self.lines: tuple[LogLine, ...] = ()
        self.blocks: tuple[Block, ...] = ()
        self._logs = logs
        self._execution = execution
        self._url = url
        self._interval = interval
        self._looked = float("-inf")
        self._detail = "die Ausführung startet"
        self._stack = ExitStack()
        self._database: Connection | None = None

    def __enter__(self) -> "JobWatch":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self) -> str:
        """Return in German what happens; looks again only after a while."""
        if time.monotonic() - self._looked >= self._interval:
            self._looked = time.monotonic()
            self.read_lines()
            parts = [_running(self.lines), *self._activity()]
            self._detail = "; ".join(part for part in parts if part) or "die Ausführung läuft"
        return self._detail

    def read_lines(self) -> tuple[LogLine, ...]:
        """Return what the execution has written by now."""
        with suppress(LeitstandError):  # the lines of the last look stay
            self.lines = self._logs.of_execution(self._execution)
        return self.lines

    def _activity(self) -> list[str]:
        from leitstand.database.activity import blocked_sessions

        try:
            found = blocked_sessions(self._connected())
        except LeitstandError:
            self._stack.close()
            self._database = None
            return []
        own = self._execution.rsplit("/", 1)[-1]
        mine = tuple(block for block in found if block.waiting.application == own)
        behind = {block.waiting.pid for block in found if block.blocker.application == own}
        self.blocks = mine or self.blocks
        parts = [f"wartet auf {block_text(mine[0])}"] if mine else []
        if behind:
            parts.append(f"{len(behind)} Sitzungen warten auf die Migration")
        return parts

    def _connected(self) -> "Connection":
        from leitstand.database.connection import connect

        if self._database is None:
            self._database = self._stack.enter_context(
                connect(self._url(), autocommit=True, statement_timeout=_STATEMENT_SECONDS)
            )
        return self._database


def block_text(block: Block) -> str:
    """Return in German who holds what, and since when."""
    blocker = block.blocker
    who = blocker.application or blocker.role or "eine vorbereitete Transaktion"
    where = f" auf {block.relation}" if block.relation else ""
    return f"{who} (pid {blocker.pid}){where}, seit {blocker.age:.0f} s"


def _running(lines: Sequence[LogLine]) -> str:
    """Return which migration has begun and not ended."""
    for line in reversed(lines):
        if line.event == "migration.started":
            seconds = max(0.0, (datetime.now(UTC) - line.at).total_seconds())
            return f"{line.payload.get('migration')} läuft seit {seconds:.0f} s"
        if line.event.startswith("migration."):
            return ""
    return ""
