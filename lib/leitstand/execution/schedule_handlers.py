"""Handlers of a schedule's plan: those of all resources, and the removal of a job."""

from collections.abc import Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound
from leitstand.cloud.resources import Resources
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind
from leitstand.core.plan import Action
from leitstand.execution.executor import Handler, Watch
from leitstand.execution.resource_handlers import resource_handlers
from leitstand.execution.resource_waiting import ResourceWaiting

__all__ = ["schedule_handlers"]


def schedule_handlers(connection: Connection) -> dict[str, Handler]:
    """Return the handlers by kind of action."""
    deadline = connection.environment.provision_deadline
    return {
        **resource_handlers(connection, {}, deadline=deadline),
        "delete_resource": _Delete(connection, deadline),
    }


class _Delete:
    """Deletes a resource; one that is gone already is as wanted."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._resources = Resources(connection)
        self._waiting = ResourceWaiting(connection, deadline)

    def reached(self, action: Action) -> bool:
        return self._gone(action)

    def start(self, action: Action, etag: str) -> str:
        try:
            return self._waiting.start(
                lambda: self._resources.start_delete(_kind(action), action.target)
            )
        except NotFound:
            return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        kind = _kind(action)
        what = f"Löschen von {kind.title} {action.arguments['id']}"
        self._waiting.operation(action, kind, operation, what, watch)
        self._waiting.until(action, lambda: self._gone(action), what, watch)
        return {"name": action.target}

    def _gone(self, action: Action) -> bool:
        return self._resources.read(_kind(action), action.target, {}) is None


def _kind(action: Action) -> Kind:
    return KINDS[str(action.arguments["kind"])]
