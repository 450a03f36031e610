"""Maintenance in threads of its own, watched through one shared session, and given up on Ctrl-C."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Watch

if TYPE_CHECKING:
    from leitstand.database.vector_control import Control
    from leitstand.database.vector_errors import MaintenanceRefused
    from leitstand.database.vector_progress import Progress
    from leitstand.database.vector_sessions import Sessions

__all__ = ["MaintenanceFailed", "Threads", "Work"]

Evidence = Mapping[str, Any]
Work = Callable[["Control"], Evidence]

_LOOK = 0.5
_PAUSE = 0.25
_GIVING_UP = 25.0
"""Seconds for the server to end a statement and for what it left to be dropped."""


class MaintenanceFailed(ActionFailed):
    """A piece of maintenance failed.

    Attributes:
        trouble: Why, for programs.
    """

    def __init__(self, action: str, refused: "MaintenanceRefused") -> None:
        super().__init__(action, refused.message)
        self.advice = refused.advice
        self.args = (f"{self.message} {self.advice}",)
        self.trouble = refused.trouble


class Threads:
    """Runs the work of actions, each in a thread of its own.

    Args:
        sessions: One of them looks how the others are getting on, while any takes long.
    """

    def __init__(self, sessions: "Sessions") -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._seen: Mapping[int, Progress] = {}

    def begin(self, action: Action, work: Work) -> None:
        """Begin the work of an action, unless it runs already."""
        with self._lock:
            if action.id not in self._running:
                self._running[action.id] = _Running(work)

    def finish(self, action: Action, work: Work, watch: Watch) -> Evidence:
        """Wait for the work of an action, which is begun where it was not; return its evidence.

        Whatever is raised by ``watch``, or Ctrl-C, cancels the statement on the server, cleans up
        what that leaves, and is raised again.

        Raises:
            MaintenanceFailed: the database did not do it.
            LeitstandError: another failure.
        """
        from leitstand.database.vector_errors import MaintenanceRefused

        self.begin(action, work)
        running = self._running[action.id]
        try:
            while not running.ended.wait(_PAUSE):
                watch(self._text(running.control))
            return running.result()
        except MaintenanceRefused as refused:
            raise MaintenanceFailed(action.id, refused) from refused
        finally:
            self._end(running)
            with self._lock:
                self._running.pop(action.id, None)

    def _end(self, running: "_Running") -> None:
        end = time.monotonic() + _GIVING_UP
        while not running.ended.is_set() and time.monotonic() < end:
            running.control.cancel()
            running.ended.wait(_PAUSE)

    def _text(self, control: "Control") -> str:
        """Return in German how a piece of work is getting on."""
        with self._looking:
            if time.monotonic() - self._looked >= _LOOK:
                self._look()
            found = str(self._seen.get(control.pid, ""))
        return f"{control.doing}: {found}" if found else control.doing

    def _look(self) -> None:
        from leitstand.database.vector_progress import progress

        with self._lock:
            controls = {running.control.pid: running.control for running in self._running.values()}
        controls.pop(0, None)
        self._seen = {}
        try:
            if controls:
                with self._sessions.reading() as connection:
                    self._seen = progress(connection, [*controls])
        except LeitstandError:
            pass  # watching never fails a run
        for pid, seen in self._seen.items():
            if seen.blockers:
                controls[pid].seen = " und ".join(str(blocker) for blocker in seen.blockers)
        self._looked = time.monotonic()


class _Running:
    """A thread, how to cancel it, and what came of it."""

    def __init__(self, work: Work) -> None:
        from leitstand.database.vector_control import Control

        self.control = Control()
        self.ended = threading.Event()
        self._work = work
        self._evidence: Evidence = {}
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def result(self) -> Evidence:
        """Return the evidence, or raise what the work raised."""
        if self._error is not None:
            raise self._error
        return self._evidence

    def _run(self) -> None:
        try:
            self._evidence = self._work(self.control)
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
            self._error = error
        finally:
            self.ended.set()
