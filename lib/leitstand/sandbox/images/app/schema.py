"""The schema version of the database, and whether this code understands it.

A version is the number of the newest applied migration of a Django app: of `documents` for the
schema that code depends on, of `vectors` for the store of embeddings, which it does not.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

__all__ = ["SchemaWatch", "Seen", "as_json", "fits", "read"]

_QUERY = (
    "SELECT app, max(left(name, 4)::int) FROM django_migrations "
    "WHERE app IN ('documents', 'vectors') AND name ~ '^[0-9]{4}_' GROUP BY app"
)


@dataclass(frozen=True)
class Seen:
    """What the database says of itself.

    Attributes:
        documents: Schema version, 0 before the first migration, None where it is unknown.
        vectors: The same for the vector store.
        problem: Why it is unknown, or "".
    """

    documents: int | None = None
    vectors: int | None = None
    problem: str = ""


def read() -> Seen:
    """Ask the database; read-only, on a connection of its own."""
    # Heavy, and needed with a database only.
    import psycopg

    default = settings.DATABASES["default"]
    try:
        with psycopg.connect(
            dbname=default["NAME"],
            user=default["USER"],
            password=default["PASSWORD"],
            host=default["HOST"],
            port=default["PORT"],
            autocommit=True,
            **default["OPTIONS"],
        ) as connection:
            found = dict(connection.execute(_QUERY).fetchall())
    except psycopg.errors.UndefinedTable:
        found = {}
    except psycopg.Error as error:
        return Seen(problem=error.sqlstate or type(error).__name__)
    return Seen(found.get("documents", 0), found.get("vectors", 0))


def fits(seen: Seen) -> bool:
    """Whether the code understands the schema it sees; an unknown one does not fit."""
    return (
        seen.documents is not None and settings.SCHEMA_MIN <= seen.documents <= settings.SCHEMA_MAX
    )


def as_json(seen: Seen) -> dict[str, Any]:
    """For `/healthz` and `/smoke`: what is seen, what is understood, and whether both fit."""
    return {
        **asdict(seen),
        "min": settings.SCHEMA_MIN,
        "max": settings.SCHEMA_MAX,
        "fits": fits(seen),
    }


class SchemaWatch:
    """Keeps what was read last, so that a slow database never delays a probe for long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = Seen(problem="noch nicht gelesen")
        self._at = float("-inf")
        self._reading: threading.Event | None = None

    def seen(self, age: float = 1.0, wait: float = 0.4) -> Seen:
        """What the database said a moment ago, or what was known before it got slow.

        Args:
            age: Seconds that the answer may be old.
            wait: Seconds to wait for a newer one.
        """
        if settings.DATABASE_PROBLEM:
            return Seen(problem=settings.DATABASE_PROBLEM)
        with self._lock:
            if time.monotonic() - self._at < age:
                return self._seen
            if self._reading is None:
                self._reading = threading.Event()
                threading.Thread(target=self._read, args=[self._reading], daemon=True).start()
            reading = self._reading
        reading.wait(wait)
        return self._seen

    def _read(self, done: threading.Event) -> None:
        seen = read()
        with self._lock:
            self._seen, self._at, self._reading = seen, time.monotonic(), None
        done.set()
