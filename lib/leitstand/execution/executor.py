"""The one place that acts: applies approved actions, journalling intent and outcome of each.

An action that a journal already knows is never simply repeated: done stays done, an operation
under way is waited for again, and where only the intent is known the world is read first.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from leitstand.audit.journal import Journal
from leitstand.cloud.errors import CloudUnreachable
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.plan import Action, Approved, NotApproved
from leitstand.execution.history import History, HistoryOf

__all__ = ["ActionFailed", "Executor", "Handler", "Watch"]

_ATTEMPTS = 4
"""Three attempts to start, and a last look at the world."""

Watch = Callable[[str], None]
"""Told now and then, in German, what is being waited for."""


class ActionFailed(RunFailed):
    """An action was started and did not reach its goal."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(
            reason if reason.endswith(".") else f"{reason}.",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort.",
        )
        self.action = action
        self.reason = reason


class Handler(Protocol):
    """Acts for one kind of action."""

    def reached(self, action: Action) -> bool:
        """Return whether the world is already as the action wants it, or on its way; read-only."""

    def start(self, action: Action, etag: str) -> str:
        """Start the action on the resource version ``etag``; return the operation's name."""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the action reached its goal; return evidence, with the new ``etag``.

        ``operation`` is empty when its name is not known.

        Raises:
            ActionFailed: it did not reach its goal, or not in time.
        """


class Executor:
    """Applies the actions of one approved plan, in the order in which it is asked to.

    Reads and extends the journal; changes the world through the handlers only.

    Args:
        approved: The plan.
        journal: Of the run.
        handlers: By kind of action.
        now: The clock by which an approval expires.

    Raises:
        NotApproved: it is not a plan with its approval.
    """

    def __init__(
        self,
        approved: Approved,
        journal: Journal,
        handlers: Mapping[str, Handler],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not isinstance(approved, Approved):
            raise NotApproved
        self._now = now
        self._plan = approved.plan
        self._journal = journal
        self._handlers = handlers
        self._history = HistoryOf(journal)

    def apply(self, id: str, watch: Watch = lambda _: None) -> Mapping[str, Any]:
        """Apply one action of the plan unless that was done before; return its evidence.

        Raises:
            UnknownAction: the plan has no such action.
            RunOver: the run has ended, and the action was not done.
            NotApproved: the journal shows no approval of the plan, or a later one of another.
            ApprovalExpired: nothing of the plan was begun yet, and its approval holds no more.
            LockLost: somebody has taken over the run's locks; nothing was begun.
            LockNotRenewed: it is not sure any more that the run holds them; nothing was begun.
            LeitstandError: the action failed; the outcome is journalled.
        """
        action = self._plan.action(id)
        handler = self._handlers[action.kind]
        history = self._history.now()
        before = history.action(id)
        if before.done:
            return before.evidence
        self._check_gate(history)
        self._journal.permit()
        etag = history.etag(action.target)
        if before.intended and not before.status:
            return self._take_up(action, handler, before.operation, etag, watch)
        return self._begin(action, handler, etag, watch)

    def apply_all(self, watch: Watch = lambda _: None) -> None:
        """Apply all actions of the plan in their order.

        Raises:
            LeitstandError: an action failed; those after it were not begun.
        """
        for action in self._plan.actions:
            self.apply(action.id, watch)

    def take_back(self, watch: Watch = lambda _: None) -> None:
        """Apply the way back, on the resource as it is now.

        Raises:
            RunOver: the run has ended.
            NotApproved: the journal shows no approval of the plan, or a later one of another.
            ApprovalExpired: nothing of the plan was begun, and its approval holds no more.
            LeitstandError: the way back failed; the outcome is journalled.
        """
        self._check_gate(self._history.now())
        for action in self._plan.way_back:
            self._journal.permit()
            handler = self._handlers[action.kind]
            if handler.reached(action):
                self._journal.append("action.intent", id=action.id, kind=action.kind)
                with self._outcome(action, "found_done") as evidence:
                    evidence |= handler.finish(action, "", watch)
            else:
                self._begin(action, handler, "", watch)

    def _check_gate(self, history: History) -> None:
        history.check_gate(self._plan, self._journal.path.parent.name, self._now())

    def _begin(
        self, action: Action, handler: Handler, etag: str, watch: Watch
    ) -> Mapping[str, Any]:
        self._journal.append(
            "action.intent",
            id=action.id,
            kind=action.kind,
            target=action.target,
            arguments=action.arguments,
        )
        with self._outcome(action, "done") as evidence:
            operation = _start(handler, action, etag)
            self._journal.append("action.operation", id=action.id, operation=operation)
            evidence |= handler.finish(action, operation, watch)
        return evidence

    def _take_up(
        self, action: Action, handler: Handler, operation: str, etag: str, watch: Watch
    ) -> Mapping[str, Any]:
        if operation or handler.reached(action):
            with self._outcome(action, "found_done") as evidence:
                evidence |= handler.finish(action, operation, watch)
            return evidence
        return self._begin(action, handler, etag, watch)

    @contextmanager
    def _outcome(self, action: Action, status: str) -> Iterator[dict[str, Any]]:
        evidence: dict[str, Any] = {}
        try:
            yield evidence
        except LeitstandError as error:
            self._journal.append("action.outcome", id=action.id, status="failed", error=str(error))
            raise
        self._journal.append("action.outcome", id=action.id, status=status, evidence=evidence)


def _start(handler: Handler, action: Action, etag: str) -> str:
    """Start an action; where the answer is lost, read the world before trying again.

    Return the operation's name, or an empty text when only the world tells that it was started.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    tries = Retrying(
        retry=retry_if_exception_type(CloudUnreachable),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.25, max=5),
        reraise=True,
    )
    for attempt in tries:
        with attempt:
            if attempt.retry_state.attempt_number > 1 and handler.reached(action):
                return ""
            if attempt.retry_state.attempt_number == _ATTEMPTS:
                break
            return handler.start(action, etag)
    raise CloudUnreachable(action.id, "keine Antwort.")
