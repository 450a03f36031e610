"""The handler that waits until the task queue is empty."""

from collections.abc import Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.queue_access import QueueAccess
from leitstand.execution.waiting import until

__all__ = ["queue_handlers"]


def queue_handlers(connection: Connection) -> dict[str, Handler]:
    """Return the handlers of the task queue by kind of action.

    ``queue_drain`` changes nothing itself: with beat halted, the workers empty the queue.
    """
    return {"queue_drain": _Drain(QueueAccess(connection), connection.poll_interval)}


class _Drain:
    """Waits until no task waits and none is in a worker's hands."""

    def __init__(self, access: QueueAccess, interval: float) -> None:
        self._access = access
        self._interval = interval

    def reached(self, action: Action) -> bool:
        """Return whether the queue is empty."""
        return self._left(action) == (0, 0)

    def start(self, action: Action, etag: str) -> str:
        """Do nothing: workers are at it already."""
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the queue is empty; tell how much is left."""
        from leitstand.database.queue import QueueUnreachable

        left: list[tuple[int, int]] = []

        def look() -> bool | None:
            try:
                left.append(self._left(action))
            except QueueUnreachable:
                # No news: the next look may tell. At the deadline the last news counts.
                return None
            return True if left[-1] == (0, 0) else None

        deadline = float(action.arguments["deadline_seconds"])
        until(
            look,
            deadline=deadline,
            interval=self._interval,
            watch=lambda: watch(_told(left)),
            late=lambda: ActionFailed(
                action.id, f"Nach {deadline:.0f} s ist die Warteschlange nicht leer: {_told(left)}"
            ),
        )
        return {"before": left[0][0]}

    def _left(self, action: Action) -> tuple[int, int]:
        """Return how many tasks wait and how many are in hand."""
        from leitstand.database.queue import read_queues
        from leitstand.database.queue_activity import in_hand

        url = self._access.url
        # In this order: a task that is taken in between is still seen.
        (queue,) = read_queues(url, (str(action.arguments["queue"]),))
        return queue.length, in_hand(url)


def _told(left: list[tuple[int, int]]) -> str:
    if not left:
        return "Redis antwortet nicht"
    waiting, taken = left[-1]
    return f"{waiting} warten, {taken} in Arbeit"
