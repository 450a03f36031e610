"""Handlers that export Redis, let it write to the bucket, and delete an export again."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import Busy, Conflict, NotFound
from leitstand.cloud.redis import Memorystore
from leitstand.cloud.storage import CloudStorage
from leitstand.core.plan import Action
from leitstand.core.snapshot import may_write
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.waiting import start, until

__all__ = ["snapshot_handlers"]

_TRIES = 3
"""How often a grant is tried when somebody else changes the policy meanwhile."""


def snapshot_handlers(connection: Connection) -> dict[str, Handler]:
    """Return the handlers of exports of Redis by kind of action.

    ``redis_export`` is about an instance; ``bucket_grant`` and ``object_delete`` name the bucket
    in their arguments. An export is known by its object, whose name no other run has.
    """
    deadline = connection.environment.memorystore.export_deadline
    storage = CloudStorage(connection)
    return {
        "bucket_grant": _Grant(storage, deadline, connection.poll_interval),
        "redis_export": _Export(
            Memorystore(connection), storage, deadline, connection.poll_interval
        ),
        "object_delete": _Delete(storage),
    }


class _Grant:
    """Lets an instance's identity write to the bucket."""

    def __init__(self, storage: CloudStorage, deadline: float, interval: float) -> None:
        self._storage = storage
        self._deadline = deadline
        self._interval = interval

    def reached(self, action: Action) -> bool:
        """Return whether it may, by whatever role."""
        arguments = action.arguments
        return may_write(self._storage.policy(arguments["bucket"]).roles(arguments["member"]))

    def start(self, action: Action, etag: str) -> str:
        """Add the grant to the policy as it is now; what others granted stays."""
        arguments = action.arguments
        for left in reversed(range(_TRIES)):
            policy = self._storage.policy(arguments["bucket"])
            if arguments["role"] in policy.roles(arguments["member"]):
                break
            body = policy.granting(arguments["role"], arguments["member"])
            try:
                self._storage.set_policy(arguments["bucket"], body)
            except Conflict:
                if not left:
                    raise
            else:
                break
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look until the grant is there."""
        failed = ActionFailed(action.id, "Das Recht am Bucket ist nicht angekommen")
        until(
            lambda: self.reached(action) or None,
            deadline=self._deadline,
            interval=self._interval,
            watch=lambda: watch("Recht am Bucket"),
            late=lambda: failed,
        )
        return {"role": action.arguments["role"]}


class _Export:
    """Exports an instance to one object."""

    def __init__(
        self, redis: Memorystore, storage: CloudStorage, deadline: float, interval: float
    ) -> None:
        self._redis = redis
        self._storage = storage
        self._deadline = deadline
        self._interval = interval

    def reached(self, action: Action) -> bool:
        """Return whether the object is there, or an export may still be writing it."""
        return self._object(action) is not None or bool(self._exports(action))

    def start(self, action: Action, etag: str) -> str:
        """Start the export, once no other operation runs on the instance.

        One that this run began before, and did not see the end of, is taken up instead.
        """
        if self._object(action) is not None:
            return ""
        if running := self._exports(action):
            return running[0]
        uri = f"gs://{action.arguments['bucket']}/{action.arguments['object']}"
        return start(
            lambda: self._redis.start_export(action.target, uri),
            Busy,
            deadline=self._deadline,
            interval=self._interval,
        )

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait for the operation, and look at the object.

        Where the operation's name is not known, wait until no export runs on the instance.
        """
        over = (
            (lambda: self._over(action, operation))
            if operation
            else (lambda: not self._exports(action))
        )
        self._wait(action, over, operation, watch)
        found = self._object(action)
        if found is None:
            raise ActionFailed(action.id, "Der Export ist zu Ende, aber das Objekt fehlt")
        return {
            "object": found.name,
            "generation": found.generation,
            "size": found.size,
            "crc32c": found.crc32c,
        }

    def _wait(self, action: Action, over: Callable[[], bool], operation: str, watch: Watch) -> None:
        named = f" (Operation {operation})" if operation else ""
        late = f"Der Export ist nach {self._deadline:.0f} s nicht fertig{named}"
        until(
            lambda: over() or None,
            deadline=self._deadline,
            interval=self._interval,
            watch=lambda: watch("Export"),
            late=lambda: ActionFailed(action.id, late),
        )

    def _over(self, action: Action, name: str) -> bool:
        found = self._redis.operation(name)
        if found is not None and found.error:
            raise ActionFailed(action.id, f"Der Export ist fehlgeschlagen: {found.error}")
        return found is None or found.done

    def _exports(self, action: Action) -> list[str]:
        return [
            one.name for one in self._redis.under_way(action.target) if one.verb in ("export", "")
        ]

    def _object(self, action: Action) -> Any:
        return self._storage.object(action.arguments["bucket"], action.arguments["object"])


class _Delete:
    """Deletes an export."""

    def __init__(self, storage: CloudStorage) -> None:
        self._storage = storage

    def reached(self, action: Action) -> bool:
        """Return whether it is gone."""
        return self._object(action) is None

    def start(self, action: Action, etag: str) -> str:
        """Delete it; refused while the bucket's retention policy keeps it."""
        found = self._object(action)
        if found is None:
            return ""
        if found.kept_until is not None and found.kept_until > datetime.now(UTC):
            raise ActionFailed(
                action.id,
                f"Den Snapshot {found.name} hält der Bucket bis"
                f" {found.kept_until:%Y-%m-%d %H:%M} UTC fest",
            )
        with suppress(NotFound):
            self._storage.delete(found)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is gone."""
        if not self.reached(action):
            raise ActionFailed(action.id, "Den Snapshot gibt es noch")
        return {}

    def _object(self, action: Action) -> Any:
        return self._storage.object(action.arguments["bucket"], action.arguments["object"])
