"""Waits for operations on resources, and until resources are ready."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import ApiDisabled, Busy, CloudUnreachable, QuotaExceeded
from leitstand.cloud.resources import Resources
from leitstand.core.kinds import Kind
from leitstand.core.nested import value_at
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Watch

__all__ = ["ResourceWaiting", "broken", "ready"]

_SLOWEST = 8
"""Looks at an operation become rarer, up to this many times the first interval."""
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
        begun = time.monotonic()
        for pause in self._pauses():
            try:
                return call()
            except Busy:
                if time.monotonic() - begun >= self._deadline:
                    raise
            except ApiDisabled:
                if time.monotonic() - begun >= min(self._deadline, _API_STARTS):
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable")

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
        end = time.monotonic() + self._deadline
        for pause in self._pauses():
            try:
                if holds():
                    return
            except (CloudUnreachable, QuotaExceeded):
                if time.monotonic() >= end:
                    raise
            if time.monotonic() >= end:
                raise ActionFailed(
                    action.id, f"{what} ist nach {self._deadline:.0f} s nicht fertig{operation}"
                )
            watch(what)
            time.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        pause = self._interval
        while True:
            yield pause
            pause = min(pause * 1.5, self._interval * _SLOWEST)


def ready(kind: Kind, body: Mapping[str, Any]) -> bool:
    """Return whether a resource shows one of the values that mean that it can be used."""
    if not kind.state:
        return True
    field, *values = kind.state
    return value_at(body, field) in values


def broken(kind: Kind, body: Mapping[str, Any]) -> str:
    """Return the state of a resource that will never be ready; else an empty text."""
    state = str(value_at(body, kind.state[0])) if kind.state else ""
    return state if "FAIL" in state or "ERROR" in state else ""
