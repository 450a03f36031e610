"""What waits in the task queue and how the Redis behind it is, read from Redis itself; read-only.

::

    RunFailed
    ├── QueueUnreachable   no answer, or none in time
    └── QueueRefused       Redis said no, or the address cannot be understood

No message holds an address or its password.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import RunFailed

if TYPE_CHECKING:
    from redis import Redis

__all__ = [
    "QueueRefused",
    "QueueState",
    "QueueUnreachable",
    "RedisState",
    "opened",
    "queue_keys",
    "read_queues",
    "read_redis",
]

_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""Suffixes of the lists that Celery keeps for one queue.

Source: kombu.transport.redis, ``priority_steps`` and ``sep``.
"""
_ROOM = 64 * 1024
"""With fewer bytes left, a message with its copies in the server's buffers has no room."""


class QueueUnreachable(RunFailed):
    """Redis did not answer, or not in time."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Die Warteschlange antwortet nicht: {reason}",
            "Prüfen Sie Netz und Zustand von Memorystore, und setzen Sie den Lauf fort.",
        )
        self.reason = reason


class QueueRefused(RunFailed):
    """Redis refused a command or the login, or its address cannot be understood."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Die Warteschlange lehnt ab: {reason}",
            "Prüfen Sie die Version des Secrets mit der Adresse, und setzen Sie den Lauf fort.",
        )
        self.reason = reason


@dataclass(frozen=True)
class QueueState:
    """One queue at one moment.

    Attributes:
        name: Of the queue.
        length: Messages that no worker has taken.
        oldest_seconds: Age of the oldest of them; None where there is none, or where its
            publisher did not say when it put it there.
    """

    name: str
    length: int
    oldest_seconds: float | None


@dataclass(frozen=True)
class RedisState:
    """A Redis server at one moment.

    Attributes:
        used_bytes: Memory in use.
        max_bytes: Memory that it may use; 0 is no limit.
        evicted_keys: Keys that were thrown away for room since its start.
        clients: Connections.
        policy: Name of the eviction policy.
        blocked: Whether writes are refused, since memory is full and nothing may be thrown away.
    """

    used_bytes: int
    max_bytes: int
    evicted_keys: int
    clients: int
    policy: str
    blocked: bool


def read_queues(
    url: str, names: Sequence[str] = ("celery",), *, timeout: float = 5.0
) -> tuple[QueueState, ...]:
    """Return length and age of each queue.

    The age comes from the header ``enqueued_at`` (seconds since the epoch) of a message.

    Args:
        url: ``redis://`` or ``rediss://``, as the application reads it.
        names: Of the queues.
        timeout: Seconds for the connection, and again for the answer.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused, or ``url`` cannot be understood.
    """
    with opened(url, timeout) as redis:
        pipeline = redis.pipeline(transaction=False)
        for name in names:
            for key in queue_keys(name):
                pipeline.llen(key)
                pipeline.lindex(key, -1)
        answers = pipeline.execute()
    now = time.time()
    each = 2 * len(_PRIORITIES)
    states = []
    for number, name in enumerate(names):
        own = answers[number * each : (number + 1) * each]
        ages = [age for raw in own[1::2] if (age := _age(raw, now)) is not None]
        states.append(QueueState(name, sum(own[0::2]), max(ages, default=None)))
    return tuple(states)


def read_redis(url: str, *, timeout: float = 5.0) -> RedisState:
    """Return memory, evictions and connections of the server; arguments as ``read_queues``.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused, or ``url`` cannot be understood.
    """
    with opened(url, timeout) as redis:
        info: Mapping[str, Any] = redis.info()
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    return RedisState(
        used_bytes=used,
        max_bytes=most,
        evicted_keys=int(info.get("evicted_keys", 0)),
        clients=int(info.get("connected_clients", 0)),
        policy=policy,
        blocked=policy == "noeviction" and 0 < most <= used + _ROOM,
    )


def queue_keys(name: str) -> tuple[str, ...]:
    """Return the lists in which Celery keeps a queue, the most urgent one first."""
    return tuple(f"{name}{suffix}" for suffix in _PRIORITIES)


@contextmanager
def opened(url: str, timeout: float, database: int | None = None) -> Iterator["Redis"]:
    """A client for the block; what goes wrong in it is told without the address.

    It sends no command of its own beside AUTH and SELECT: Memorystore restricts CLIENT.

    Args:
        url: ``redis://`` or ``rediss://``.
        timeout: Seconds for the connection, and again for each answer.
        database: Number of the database, also after a connection broke; the one of ``url`` where
            none is given.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused, or ``url`` cannot be understood.
    """
    import redis
    from redis import Redis
    from redis import exceptions as refused
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # Without CLIENT SETINFO; redis-py before 7.2 has no DriverInfo.
    has_info = hasattr(redis, "DriverInfo")
    nameless: Any = {"driver_info": None} if has_info else {"lib_name": None, "lib_version": None}
    try:
        client = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # without HELLO
            **nameless,
        )
    except (ValueError, TypeError):
        # What redis-py says of a bad address quotes it, password and all.
        raise QueueRefused("Ihre Adresse ist keine gültige Redis-URL.") from None
    if database is not None:
        # What the address says comes before any argument.
        client.connection_pool.connection_kwargs["db"] = database
    try:
        with client:
            yield client
    except (refused.AuthenticationError, refused.NoPermissionError):
        raise QueueRefused("Die Anmeldung ist ungültig.") from None
    except (refused.TimeoutError, TimeoutError):
        raise QueueUnreachable(f"keine Antwort in {timeout:g} s.") from None
    except (refused.ConnectionError, OSError):
        raise QueueUnreachable("keine Verbindung.") from None
    except (refused.RedisError, TypeError, UnicodeError) as error:
        raise QueueRefused(f"{_first_line(error)}.") from None


def _age(raw: bytes | str | None, now: float) -> float | None:
    """Return the age of a message in seconds; None where it does not tell."""
    if raw is None:
        return None
    try:
        since = json.loads(raw)["headers"]["enqueued_at"]
        return max(0.0, now - float(since))
    except (ValueError, KeyError, TypeError):
        return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
