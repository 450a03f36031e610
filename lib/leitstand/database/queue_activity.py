"""What comes into a task queue and what is taken while it is watched; read-only."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.database.queue import opened, queue_keys

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["QueueActivity", "in_hand", "watch_queue"]

_UNACKED = "unacked"
"""Hash in which Celery keeps what workers have taken and not finished.

Source: kombu.transport.redis, ``unacked_key``; all queues share it.
"""


@dataclass(frozen=True)
class QueueActivity:
    """What was seen of a queue.

    Attributes:
        arrived: Tasks that came; at least so many, where all that waited before were taken.
        taken: Tasks that workers took; at least so many, likewise.
        in_hand: Tasks that are taken and not finished, at the end.
        seconds: How long it was watched.
    """

    arrived: int
    taken: int
    in_hand: int
    seconds: float


def in_hand(url: str, *, timeout: float = 5.0) -> int:
    """Return how many tasks workers have taken and not finished, killed workers included.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused, or ``url`` cannot be understood.
    """
    with opened(url, timeout) as redis:
        return int(redis.hlen(_UNACKED))


def watch_queue(
    url: str, name: str = "celery", *, seconds: float, timeout: float = 5.0
) -> QueueActivity:
    """Look at a queue twice and return what happened between.

    The newest message of the first look tells: what lies on top of it at the second one has come
    since (LPOS, Redis 6.0.6 and later).

    Args:
        url: ``redis://`` or ``rediss://``.
        name: Of the queue.
        seconds: Between the two looks.
        timeout: Seconds for the connection, and again for each answer.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused, or ``url`` cannot be understood.
    """
    began = time.monotonic()
    with opened(url, timeout) as redis:
        before = [_first_look(redis, key) for key in queue_keys(name)]
    time.sleep(seconds)
    arrived = taken = 0
    with opened(url, timeout) as redis:
        for key, (length, newest) in zip(queue_keys(name), before, strict=True):
            came, went = _second_look(redis, key, length, newest)
            arrived, taken = arrived + came, taken + went
        unfinished = int(redis.hlen(_UNACKED))
    return QueueActivity(arrived, taken, unfinished, time.monotonic() - began)


def _first_look(redis: "Redis", key: str) -> tuple[int, Any]:
    pipeline = redis.pipeline()
    pipeline.llen(key)
    pipeline.lindex(key, 0)
    length, newest = pipeline.execute()
    return int(length), newest


def _second_look(redis: "Redis", key: str, before: int, newest: Any) -> tuple[int, int]:
    """Return how many came and how many were taken.

    What a worker gives back counts against what was taken: it lies where the next is taken from.
    Source: kombu.transport.redis, ``_do_restore_message``.
    """
    pipeline = redis.pipeline()
    pipeline.llen(key)
    if newest is not None:
        pipeline.lpos(key, newest)
    length, *found = pipeline.execute()
    place = found[0] if found else None
    if place is None:
        return int(length), before
    return int(place), max(0, before + int(place) - int(length))
