"""What is known before and after an export of Redis, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = ["Bucket", "Content", "Keys", "Sampled", "Situation", "Snapshot"]


@dataclass(frozen=True)
class Keys:
    """How many keys a database has.

    Attributes:
        lasting: Without an expiry.
        expiring: With one.
    """

    lasting: int = 0
    expiring: int = 0


@dataclass(frozen=True)
class Content:
    """What a Redis server says of itself at one moment.

    Attributes:
        used_bytes: Memory in use.
        max_bytes: Memory that it may use; 0 is no limit.
        databases: Keys by number of the database; empty databases are left out.
    """

    used_bytes: int
    max_bytes: int
    databases: Mapping[int, Keys]

    @property
    def keys(self) -> int:
        """Keys in all databases."""
        return sum(keys.lasting + keys.expiring for keys in self.databases.values())

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "used_bytes": self.used_bytes,
            "max_bytes": self.max_bytes,
            "databases": {
                str(number): [keys.lasting, keys.expiring]
                for number, keys in sorted(self.databases.items())
            },
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Content":
        """Return the content that ``as_data`` gave."""
        databases = {int(number): Keys(*counts) for number, counts in data["databases"].items()}
        return cls(int(data["used_bytes"]), int(data["max_bytes"]), databases)


@dataclass(frozen=True)
class Snapshot:
    """An export in the bucket: the object's name, its size in bytes, and when it was written."""

    name: str
    size: int
    created_at: datetime


@dataclass(frozen=True)
class Bucket:
    """Where exports lie.

    Attributes:
        name: Its name.
        exists: Whether it is there.
        closed: Whether nothing in it can be public.
        retention_seconds: For so long no object can be deleted; 0 is no such rule.
        delete_after_days: Age at which objects are deleted; None without such a rule.
        roles: What the instance's identity holds on it.
    """

    name: str
    exists: bool
    closed: bool = False
    retention_seconds: int = 0
    delete_after_days: int | None = None
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Situation:
    """Everything that decides about an export.

    Attributes:
        instance: Full name.
        state: As the API names it.
        version: Such as ``REDIS_7_2``.
        identity: Who writes the export.
        under_way: What operations on the instance do that are not over.
        bucket: Where exports lie.
        source: What Redis says; None where it could not be reached.
        unread: Why, then, as a German sentence.
        snapshots: Earlier exports, the newest first.
        at: When all this was read.
        created_at: When the instance was made; None where the API does not say.
    """

    instance: str
    state: str
    version: str
    identity: str
    under_way: tuple[str, ...]
    bucket: Bucket
    source: Content | None
    unread: str
    snapshots: tuple[Snapshot, ...]
    at: datetime
    created_at: datetime | None = None

    @property
    def age(self) -> timedelta | None:
        """Age of the newest snapshot; None where there is none."""
        return self.at - self.snapshots[0].created_at if self.snapshots else None


@dataclass(frozen=True)
class Sampled:
    """How a sample of the source's keys is in the loaded export.

    Attributes:
        compared: Keys of the sample.
        missing: Of these, those that the export lacks.
        different: Those that are of another type there.
    """

    compared: int = 0
    missing: int = 0
    different: int = 0
