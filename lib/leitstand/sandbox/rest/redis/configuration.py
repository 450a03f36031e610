"""What Memorystore lets its users configure, and how a redis-server is configured from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.sandbox.errors import ApiError, invalid

__all__ = ["BLOCKED", "BYTES_PER_GB", "Configuration", "check_configs", "secret_name"]

# https://cloud.google.com/memorystore/docs/redis/product-constraints: "Blocked Redis commands".
BLOCKED = (
    "ACL",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "DEBUG",
    "LASTSAVE",
    "MIGRATE",
    "MONITOR",
    "OBJECT",
    "REPLICAOF",
    "SAVE",
    "SHUTDOWN",
    "SLAVEOF",
)
# A gigabyte of an instance is ten megabytes here: enough to fill it in a moment.
BYTES_PER_GB = 10 * 1024 * 1024
POLICIES = (
    "noeviction",
    "allkeys-lfu",
    "allkeys-lru",
    "volatile-lfu",
    "volatile-lru",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
)
DEFAULT_POLICY = "volatile-lru"


def _one_of(*allowed: str) -> Callable[[str], bool]:
    return lambda text: text in allowed


def _number(least: int, most: int = 2**63 - 1) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(r"\d{1,19}", text) is not None and least <= int(text) <= most


def _gigabytes(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


# https://cloud.google.com/memorystore/docs/redis/supported-redis-configurations, and the versions
# from the field redisConfigs of the discovery document: values, and the first version with it.
CONFIGS: Mapping[str, tuple[Callable[[str], bool], tuple[int, int]]] = {
    "maxmemory-policy": (_one_of(*POLICIES), (3, 2)),
    "notify-keyspace-events": (lambda text: not set(text) - set("KEg$lshzxetmdnA"), (3, 2)),
    "databases": (_number(1, 100), (3, 2)),
    "timeout": (_number(0, 2**31 - 1), (3, 2)),
    "activedefrag": (_one_of("yes", "no"), (4, 0)),
    "lfu-decay-time": (_number(0), (4, 0)),
    "lfu-log-factor": (_number(0), (4, 0)),
    "maxmemory-gb": (_gigabytes, (4, 0)),
    "stream-node-max-bytes": (_number(0), (5, 0)),
    "stream-node-max-entries": (_number(0), (5, 0)),
    "lazyfree-lazy-eviction": (_one_of("yes", "no"), (7, 0)),
    "lazyfree-lazy-expire": (_one_of("yes", "no"), (7, 0)),
    "lazyfree-lazy-user-del": (_one_of("yes", "no"), (7, 0)),
    "lazyfree-lazy-user-flush": (_one_of("yes", "no"), (7, 0)),
}
# Of these redis-server 6.2 knows nothing at run time, or was built without it.
NOT_LIVE = ("databases", "maxmemory-gb", "activedefrag")


@dataclass(frozen=True)
class Configuration:
    """What one redis-server is started with and kept at.

    Attributes:
        port: TCP port on 127.0.0.1.
        auth: The AUTH string; "" is none.
        admin: Random part of the names under which blocked commands are called by the sandbox.
        bytes: Of memory for data.
        settings: Further parameters of redis.conf that can be changed at run time.
        databases: How many there are.
    """

    port: int
    auth: str
    admin: str
    bytes: int
    settings: Mapping[str, str]
    databases: int = 16

    @classmethod
    def of(cls, instance: Mapping[str, Any], auth: str, admin: str) -> Configuration:
        """The configuration of an instance as the API holds it."""
        given = dict(instance.get("redisConfigs", {}))
        gigabytes = float(given.get("maxmemory-gb", instance["memorySizeGb"]))
        live = {name: text for name, text in given.items() if name not in NOT_LIVE}
        return cls(
            port=instance["port"],
            auth=auth,
            admin=admin,
            bytes=int(gigabytes * BYTES_PER_GB),
            settings={"maxmemory-policy": DEFAULT_POLICY, **live},
            databases=int(given.get("databases", 16)),
        )

    def live(self) -> dict[str, str]:
        """Everything that can be changed while it runs, names and values of CONFIG SET."""
        defaults = {
            "notify-keyspace-events": "",
            "timeout": "0",
            "lfu-decay-time": "1",
            "lfu-log-factor": "10",
            "stream-node-max-bytes": "4096",
            "stream-node-max-entries": "100",
        }
        own = {"maxmemory": str(self.bytes), "requirepass": self.auth}
        return {**defaults, **self.settings, **own}

    def text(self) -> str:
        """The file redis.conf; holds the AUTH string."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            "daemonize no",
            "protected-mode no",
            'logfile ""',
            "dbfilename dump.rdb",
            "appendonly no",
            "save 300 1",
            # A full disk must not refuse writes: persistence is the sandbox's own affair.
            "stop-writes-on-bgsave-error no",
            f"databases {self.databases}",
            *(f"rename-command {name} {secret_name(name, self.admin)}" for name in BLOCKED),
            *(f"{name} {_quoted(value)}" for name, value in self.live().items()),
        ]
        return "\n".join(lines) + "\n"


def check_configs(given: Mapping[str, Any], version: str, memory: float) -> None:
    """Make sure that an instance can have these redisConfigs.

    Args:
        given: Names and values.
        version: Such as `REDIS_6_X`.
        memory: Of the instance, in gigabytes.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    for name, value in given.items():
        accepts, since = CONFIGS.get(name, (None, (0, 0)))
        if accepts is None or _numbers(version) < since:
            raise _not_possible(f"Redis config '{name}' is not supported for {version}.")
        if not accepts(str(value)):
            raise _not_possible(f"Invalid value '{value}' for Redis config '{name}'.")
    if "maxmemory-gb" in given and not 0 < float(given["maxmemory-gb"]) <= memory:
        raise _not_possible(
            f"Redis config 'maxmemory-gb' must be greater than 0 and at most {memory:g}."
        )


def secret_name(command: str, admin: str) -> str:
    """What a blocked command is called for the sandbox itself."""
    return f"{command.lower()}-{admin}"


def _not_possible(message: str) -> ApiError:
    return invalid(message, "instance.redis_configs")


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("REDIS_").split("_")
    return int(major), 99 if minor == "X" else int(minor)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
