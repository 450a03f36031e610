"""What a Redis server holds: memory, keys by database, a sample of keys with their types.

Read-only; names and values of keys stay in memory. No message holds an address or a password.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.snapshot_types import Content, Keys, Sampled
from leitstand.database.queue import opened

__all__ = ["SampleKey", "compare_sample", "read_content", "sample_keys"]

SampleKey = tuple[int, bytes, str]
"""Number of the database, the key, and its type as TYPE names it."""

_SCAN = 500


def read_content(url: str, *, timeout: float = 5.0) -> Content:
    """Return what INFO says.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or the command was refused, or ``url`` cannot be understood.
    """
    with opened(url, timeout) as redis:
        info: Mapping[str, Any] = redis.info()
    databases = {
        int(name.removeprefix("db")): Keys(
            int(counts["keys"]) - int(counts["expires"]), int(counts["expires"])
        )
        for name, counts in info.items()
        if name.startswith("db") and name[2:].isdigit()
    }
    return Content(int(info["used_memory"]), int(info.get("maxmemory", 0)), databases)


def sample_keys(
    url: str, databases: Sequence[int], count: int, *, timeout: float = 5.0
) -> tuple[SampleKey, ...]:
    """Return about so many keys, evenly from all databases, with their types.

    Keys that expire are left out: they may be gone at any moment.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: the login or a command was refused.
    """
    found: list[SampleKey] = []
    for number in databases:
        share = max(1, count // len(databases))
        with opened(url, timeout, number) as redis:
            keys: list[bytes] = []
            for key in redis.scan_iter(count=_SCAN):
                keys.append(key)
                if len(keys) >= share:
                    break
            pipeline = redis.pipeline(transaction=False)
            for key in keys:
                pipeline.type(key)
                pipeline.ttl(key)
            answers = pipeline.execute() if keys else []
        for at, key in enumerate(keys):
            kind, left = answers[2 * at], answers[2 * at + 1]
            if left == -1:
                found.append((number, key, kind.decode()))
    return tuple(found)


def compare_sample(url: str, sample: Sequence[SampleKey], *, timeout: float = 5.0) -> Sampled:
    """Return how the keys of a sample are in another server.

    Raises:
        QueueUnreachable: no answer in time.
        QueueRefused: a command was refused.
    """
    missing = different = 0
    for number in sorted({number for number, _, _ in sample}):
        with opened(url, timeout, number) as redis:
            own = [(key, kind) for at, key, kind in sample if at == number]
            pipeline = redis.pipeline(transaction=False)
            for key, _ in own:
                pipeline.type(key)
            for (_, kind), answer in zip(own, pipeline.execute(), strict=True):
                there = answer.decode()
                missing += there == "none"
                different += there not in ("none", kind)
    return Sampled(len(sample), missing, different)
