"""Applies the actions of a plan at the same time, each as soon as what it needs is there."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Action
from leitstand.execution.executor import Executor

__all__ = ["Outcome", "Progress", "Schedule", "Status"]

_PATIENCE = 30.0
"""Seconds that an interruption waits for calls under way."""


class Status(StrEnum):
    """How far an action is, for those who watch."""

    STARTED = "started"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


Progress = Callable[[str, Status, str], None]
"""Told the id of an action, its status, and in German what it waits for or why it failed."""


@dataclass(frozen=True)
class Outcome:
    """How the actions asked for ended.

    Attributes:
        done: Evidence by id of action.
        failed: Errors by id of action.
        skipped: By id of action: why it was not started, as a German sentence.
    """

    done: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: Mapping[str, LeitstandError] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


class Schedule:
    """Applies actions by worker threads; use it from one thread.

    An action waits for those that it names under ``after`` as far as the plan has them. Slow ones
    of later steps start as soon as they can, and go on when ``run`` has returned.

    Args:
        executor: Applies them; it journals each.
        actions: Those of its plan, with ``step``, ``after`` and ``slow`` among their arguments.
        workers: How many run at the same time.
        progress: Told, by the thread that calls ``run``, how things go.
        refuse: Asked before an action is started: a German sentence why it may not be, or "".
    """

    def __init__(
        self,
        executor: Executor,
        actions: Iterable[Action],
        *,
        workers: int = 8,
        progress: Progress = lambda action, status, detail: None,
        refuse: Callable[[Action], str] = lambda action: "",
    ) -> None:
        self._executor = executor
        self._actions = {action.id: action for action in actions}
        self._workers = workers
        self._progress = progress
        self._refuse = refuse
        self._running: dict[str, threading.Thread] = {}
        self._done: dict[str, Mapping[str, Any]] = {}
        self._failed: dict[str, LeitstandError] = {}
        self._reports: queue.SimpleQueue[_Report] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def run(self, until: int, *, ahead: bool = True) -> Outcome:
        """Apply all actions up to a step, and what they need; return how they ended.

        A failure stops only what depends on it. What failed before is tried again where it belongs
        to the step that is asked for, not for the sake of a later one.

        Args:
            until: The last step.
            ahead: Whether slow actions of later steps may start already.

        Raises:
            KeyboardInterrupt: it was interrupted. Nothing new was started, calls under way were
                completed; what only waits for an operation was left to be taken up again.
        """
        asked = self._asked(until)
        for failed in [key for key in self._failed if _step(self._actions[key]) == until]:
            del self._failed[failed]
        self._stopping.clear()
        skipped: dict[str, str] = {}
        try:
            while True:
                self._skip(asked, skipped)
                left = asked - set(self._done) - set(self._failed) - set(skipped)
                if not left:
                    break
                if self._start(left, ahead, skipped):
                    continue
                if not self._running:
                    raise ValueError(f"these actions wait for each other: {sorted(left)}")
                self._take(self._reports.get())
        except BaseException:
            self._stop()
            raise
        return Outcome(
            {
                action: self._done[action]
                for action in self._actions
                if action in asked & set(self._done)
            },
            {
                action: self._failed[action]
                for action in self._actions
                if action in asked & set(self._failed)
            },
            skipped,
        )

    def _asked(self, until: int) -> set[str]:
        """Return the actions up to a step, and those of later steps that they need."""
        asked: set[str] = set()
        left = [action for action in self._actions.values() if _step(action) <= until]
        while left:
            action = left.pop()
            if action.id not in asked:
                asked.add(action.id)
                left += [self._actions[needed] for needed in self._needs(action)]
        return asked

    def _needs(self, action: Action) -> list[str]:
        return [key for key in action.arguments.get("after", ()) if key in self._actions]

    def _skip(self, asked: set[str], skipped: dict[str, str]) -> None:
        """Note what cannot be started since something that it needs failed, and what that was."""
        for action in self._actions.values():  # in a plan, what is needed comes first
            if action.id not in asked or action.id in skipped or action.id in self._done:
                continue
            for needed in self._needs(action):
                why = f"„{needed}“ ist fehlgeschlagen." if needed in self._failed else ""
                if why := why or skipped.get(needed, ""):
                    skipped[action.id] = why
                    self._progress(action.id, Status.SKIPPED, why)
                    break

    def _start(self, left: set[str], ahead: bool, skipped: dict[str, str]) -> bool:
        """Start what can be; return whether an action was refused, which others may wait for."""
        for action in self._ready(left, ahead):
            if len(self._running) >= self._workers:
                return False
            early = sum(key not in left for key in self._running)
            # What comes later must leave room for what is asked for now.
            if action.id not in left and early >= self._workers // 2:
                continue
            why = self._refuse(action)
            if why and action.id not in left:
                continue
            if why:
                skipped[action.id] = why
                self._progress(action.id, Status.SKIPPED, why)
                return True
            self._progress(action.id, Status.STARTED, "")
            thread = threading.Thread(target=self._apply, args=(action.id,), daemon=True)
            self._running[action.id] = thread
            thread.start()
        return False

    def _ready(self, left: set[str], ahead: bool) -> list[Action]:
        """Return what can be started, slow ones first."""
        ready = [
            action
            for action in self._actions.values()
            if (action.id in left or (ahead and action.arguments.get("slow")))
            and not (action.id in self._running or action.id in self._done)
            and action.id not in self._failed
            and all(needed in self._done for needed in self._needs(action))
        ]
        return sorted(ready, key=lambda action: not action.arguments.get("slow"))

    def _apply(self, id: str) -> None:
        """Apply one action; in a thread of its own, which ends with a report."""
        told = ""

        def watch(what: str) -> None:
            nonlocal told
            if self._stopping.is_set():
                raise _Left
            if what != told:
                self._reports.put(_Report(id, waiting=what))
            told = what

        try:
            self._reports.put(_Report(id, evidence=self._executor.apply(id, watch)))
        except BaseException as error:  # noqa: BLE001  # it is raised again where run() was called
            self._reports.put(_Report(id, error=error))

    def _take(self, report: "_Report") -> None:
        if report.waiting:
            self._progress(report.id, Status.WAITING, report.waiting)
            return
        self._running.pop(report.id).join()
        if report.error is None:
            self._done[report.id] = report.evidence
            self._progress(report.id, Status.DONE, "")
        elif isinstance(report.error, LeitstandError):
            self._failed[report.id] = report.error
            self._progress(report.id, Status.FAILED, report.error.message)
        elif not isinstance(report.error, _Left):
            raise report.error

    def _stop(self) -> None:
        """Let calls under way end; whatever only waits is left, and the journal knows it."""
        self._stopping.set()
        end = time.monotonic() + _PATIENCE
        for thread in tuple(self._running.values()):
            thread.join(max(0.0, end - time.monotonic()))
        while not self._reports.empty():
            with suppress(BaseException):  # the first error is raised already
                self._take(self._reports.get())


@dataclass(frozen=True)
class _Report:
    """What a thread tells: that it waits, or how its action ended."""

    id: str
    waiting: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


class _Left(BaseException):
    """A wait that was left; not an error of the action, whose outcome stays open."""


def _step(action: Action) -> int:
    return int(action.arguments.get("step", 0))
