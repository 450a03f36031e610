"""Memorystore instances and their operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound
from leitstand.core.names import short_name

__all__ = ["Memorystore", "RedisInstance", "RedisOperation"]

_API = "redis.v1"
_INSTANCES = "projects.locations.instances"
_OPERATIONS = "projects.locations.operations"


@dataclass(frozen=True)
class RedisInstance:
    """An instance as it was read.

    Attributes:
        name: Full name.
        state: As the API names it, e.g. ``READY``.
        version: Such as ``REDIS_7_2``.
        identity: Who writes its exports, as policies name it; Google may change it.
        created_at: When it was made; None where the API does not say.
    """

    name: str
    state: str
    version: str
    identity: str
    created_at: datetime | None = None


@dataclass(frozen=True)
class RedisOperation:
    """An operation on an instance.

    Attributes:
        name: Full name.
        verb: What it does, e.g. ``export``; empty where the API does not say.
        done: Whether it is over.
        error: Why it failed, if so.
    """

    name: str
    verb: str
    done: bool
    error: str = ""


class Memorystore:
    """Reads and exports instances; each method is one call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def instance(self, name: str) -> RedisInstance:
        """Return an instance by its full name; read-only.

        Raises:
            NotFound: there is none.
        """
        found = self._get(_INSTANCES, name, f"Instanz {short_name(name)} lesen")
        created = found.get("createTime")
        return RedisInstance(
            name,
            state=str(found.get("state", "")),
            version=str(found.get("redisVersion", "")),
            identity=str(found.get("persistenceIamIdentity", "")),
            created_at=datetime.fromisoformat(created) if created else None,
        )

    def under_way(self, name: str) -> tuple[RedisOperation, ...]:
        """Return the operations on an instance that are not over; read-only."""
        place = name.rpartition("/instances/")[0]
        what = f"Operationen von {short_name(name)} auflisten"
        return tuple(
            _operation(operation)
            for page in self._connection.rest.pages(_API, _OPERATIONS, place, what=what)
            for operation in page.get("operations", ())
            if not operation.get("done") and _target(operation) == name
        )

    def start_export(self, name: str, uri: str) -> str:
        """Start an export to ``gs://BUCKET/OBJECT``; return the operation's full name.

        Raises:
            PermissionDenied: the instance's identity may not write there.
            Busy: another operation runs on the instance.
            CloudUnreachable: no answer; it may have been started all the same.
        """
        body = {"outputConfig": {"gcsDestination": {"uri": uri}}}
        what = f"Instanz {short_name(name)} exportieren"
        answer = self._connection.rest.call(_API, _INSTANCES, "export", name, what=what, body=body)
        return str(answer["name"])

    def operation(self, name: str) -> RedisOperation | None:
        """Return an operation by its full name; None where the API has forgotten it; read-only."""
        what = f"Operation {short_name(name)} lesen"
        try:
            return _operation(self._get(_OPERATIONS, name, what))
        except NotFound:
            return None

    def _get(self, collection: str, name: str, what: str) -> dict[str, Any]:
        return self._connection.rest.call(_API, collection, "get", name, what=what)


def _target(operation: Mapping[str, Any]) -> str:
    return str(operation.get("metadata", {}).get("target", ""))


def _operation(found: Mapping[str, Any]) -> RedisOperation:
    return RedisOperation(
        name=str(found["name"]),
        verb=str(found.get("metadata", {}).get("verb", "")),
        done=bool(found.get("done")),
        error=str(found.get("error", {}).get("message", "")),
    )
