"""Waits for operations on resources, and until resources are ready."""

from collections.abc import Callable

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import ApiDisabled, Busy
from leitstand.cloud.resources import Resources
from leitstand.core.kinds import Kind
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Watch
from leitstand.execution.waiting import start, until

__all__ = ["ResourceWaiting"]

_API_STARTS = 300.0
"""Seconds after which an API that was switched on works everywhere ("a few minutes", Google)."""


class ResourceWaiting:
    """Waits, with a deadline, and tells what for.

    Args:
        connection: Where to look.
        deadline: Seconds that a change may take.
    """

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._resources = Resources(connection)
        self._interval = connection.poll_interval
        self._deadline = deadline

    def start(self, call: Callable[[], str]) -> str:
        """Start an operation; wait while another one runs, or an API is just being switched on."""

        def once_its_api_works() -> str:
            limit = min(self._deadline, _API_STARTS)
            return start(call, ApiDisabled, deadline=limit, interval=self._interval)

        return start(once_its_api_works, Busy, deadline=self._deadline, interval=self._interval)

    def operation(
        self, action: Action, kind: Kind, operation: str, what: str, watch: Watch
    ) -> None:
        """Wait for an operation; nothing to wait for where its name is empty.

        Raises:
            ActionFailed: it ended with an error, or not in time.
        """
        if not operation:
            return

        def done() -> bool:
            state = self._resources.operation(kind, operation)
            if state.error:
                raise ActionFailed(action.id, f"{what} ist fehlgeschlagen: {state.error}")
            return state.done

        self.until(action, done, what, watch, f" (Operation {operation})")

    def until(
        self,
        action: Action,
        holds: Callable[[], bool],
        what: str,
        watch: Watch,
        operation: str = "",
    ) -> None:
        """Wait until something holds; ``operation`` is named when it does not in time.

        Raises:
            ActionFailed: it does not in time.
        """
        late = f"{what} ist nach {self._deadline:.0f} s nicht fertig{operation}"
        until(
            lambda: holds() or None,
            deadline=self._deadline,
            interval=self._interval,
            watch=lambda: watch(what),
            late=lambda: ActionFailed(action.id, late),
        )
