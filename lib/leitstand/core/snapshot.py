"""Whether Redis may be exported, the plan that does it, and whether an export is whole.

Sources: what an export costs and needs,
https://cloud.google.com/memorystore/docs/redis/import-export-overview and
https://cloud.google.com/memorystore/docs/redis/import-export-restricted-permissions.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from leitstand.core.plan import Action, Plan
from leitstand.core.release_checks import Check
from leitstand.core.resources import Memorystore
from leitstand.core.snapshot_types import Content, Keys, Sampled, Situation

__all__ = [
    "GRANTED_ROLE",
    "bucket_of",
    "check_loaded",
    "check_situation",
    "may_write",
    "overdue",
    "plan_snapshot",
    "prefix_of",
]

GRANTED_ROLE = "roles/storage.legacyBucketWriter"
"""The smallest predefined role with what an export needs on its bucket."""
_SEES = frozenset(
    {
        "roles/storage.admin",
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketReader",
        "roles/storage.legacyBucketWriter",
    }
)
"""Roles with ``storage.buckets.get``."""
_CREATES = frozenset(
    {
        "roles/storage.admin",
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketWriter",
        "roles/storage.objectAdmin",
        "roles/storage.objectCreator",
        "roles/storage.objectUser",
    }
)
"""Roles with ``storage.objects.create``."""
_ALWAYS = 3.0
"""Celery keeps a queue, and what its workers hold, in three keys that come and go."""
_EVERY = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
_LATE = 1.25
"""A snapshot is overdue at so many times its interval."""


def bucket_of(settings: Memorystore, project: str) -> str:
    """Return the name of the bucket that the environment file states."""
    return settings.bucket.replace("${project}", project)


def prefix_of(instance: str) -> str:
    """Return how the names of an instance's exports begin; ``instance`` is its full name."""
    return f"{instance.rpartition('/')[2]}-"


def may_write(roles: frozenset[str]) -> bool:
    """Return whether these roles on a bucket let an instance's identity export into it."""
    return bool(roles & _SEES) and bool(roles & _CREATES)


def overdue(situation: Situation, settings: Memorystore) -> bool:
    """Return whether the newest snapshot is older than the policy allows.

    Without any, the age of the instance counts: one that was just made cannot have one yet.
    """
    every = _EVERY.get(settings.snapshot_export)
    if every is None:
        return False
    age = situation.age
    if age is None and situation.created_at is not None:
        age = situation.at - situation.created_at
    return age is None or age > every * _LATE


def check_situation(situation: Situation, settings: Memorystore) -> tuple[Check, ...]:
    """Return every condition of an export, passed or not, in the order in which they are shown.

    Where Redis could not be read, nothing is said against its memory: whoever shows the check
    says so.
    """
    bucket, source = situation.bucket, situation.source
    limit = source.max_bytes if source is not None else 0
    used = source.used_bytes if source is not None else 0
    return (
        Check("instance_ready", situation.state == "READY", {"state": situation.state}),
        Check("nothing_under_way", not situation.under_way, {"verbs": list(situation.under_way)}),
        Check("bucket_exists", bucket.exists, {"bucket": bucket.name}),
        Check("bucket_closed", bucket.closed or not bucket.exists, {"bucket": bucket.name}),
        Check(
            "memory_free",
            not limit or used <= settings.memory_share * limit,
            {
                "used": used,
                "limit": limit,
                "share": settings.memory_share,
                "unread": situation.unread,
            },
        ),
    )


def plan_snapshot(
    situation: Situation, settings: Memorystore, *, environment: str, run: str
) -> Plan:
    """Return the plan of one export; a grant that is missing is an action of its own.

    The object's name holds the run, so that a resumed run knows its own export again.
    """
    bucket, instance = situation.bucket, situation.instance
    name = f"{prefix_of(instance)}{run}.rdb"
    target = f"buckets/{bucket.name}"
    place = {"bucket": bucket.name, "object": name}
    actions = [Action("export", "redis_export", instance, place)]
    if not may_write(bucket.roles):
        grant = {"bucket": bucket.name, "role": GRANTED_ROLE, "member": situation.identity}
        actions.insert(0, Action("grant", "bucket_grant", target, grant))
    back = (Action("delete", "object_delete", target, place),)
    return Plan(
        runbook="snapshot_redis",
        environment=environment,
        target=instance,
        basis={
            "object": name,
            "before": situation.source.as_data() if situation.source is not None else None,
        },
        actions=tuple(actions),
        way_back=() if bucket.retention_seconds else back,
        returns_by_itself=False,
        restored="Der Snapshot dieses Laufs ist gelöscht.",
    )


def check_loaded(
    loaded: Mapping[int, Keys],
    before: Content | None,
    after: Content | None,
    sampled: Sampled | None,
    tolerance: float,
) -> tuple[Check, ...]:
    """Return whether a loaded export has what its source had.

    Between the two looks at the source the application goes on writing: the export may have any
    number of keys between both, and a share of ``tolerance`` beside it. Keys that expire may be
    gone when it is loaded.

    Args:
        loaded: Keys of the loaded export by database.
        before: The source before the export; None where it was not reached.
        after: The source after it.
        sampled: How a sample of the source's keys is in the export; None without one.
        tolerance: Share of the keys.
    """
    checks = [Check("file_loads", True, {"keys": _sum(loaded)})]
    looks = [look for look in (before, after) if look is not None]
    if looks:
        checks += _compared(loaded, [look.databases for look in looks], tolerance)
    if sampled is not None and sampled.compared:
        strange = sampled.missing + sampled.different
        evidence = {
            "compared": sampled.compared,
            "missing": sampled.missing,
            "different": sampled.different,
        }
        allowed = _slack(sampled.compared, tolerance)
        checks.append(Check("sample_matches", strange <= allowed, evidence))
    return tuple(checks)


def _compared(
    loaded: Mapping[int, Keys], looks: list[Mapping[int, Keys]], tolerance: float
) -> Iterator[Check]:
    for number in sorted({*loaded, *(n for look in looks for n in look)}):
        there = [look.get(number, Keys()) for look in looks]
        found = loaded.get(number, Keys())
        lasting = [keys.lasting for keys in there]
        expiring = [keys.expiring for keys in there]
        least = min(lasting) - _slack(min(lasting), tolerance)
        most = max(lasting) + _slack(max(lasting), tolerance)
        passing = max(expiring) + _slack(max(expiring), tolerance)
        yield Check(
            "keys_match",
            least <= found.lasting <= most and found.expiring <= passing,
            {
                "database": number,
                "lasting": found.lasting,
                "expiring": found.expiring,
                "source_lasting": [min(lasting), max(lasting)],
                "source_expiring": [min(expiring), max(expiring)],
            },
        )


def _slack(count: int, tolerance: float) -> float:
    """Return by how many keys an export may differ.

    Some always may: a queue that is worked off is no key any more.
    """
    return max(_ALWAYS, tolerance * count)


def _sum(databases: Mapping[int, Keys]) -> int:
    return sum(keys.lasting + keys.expiring for keys in databases.values())
