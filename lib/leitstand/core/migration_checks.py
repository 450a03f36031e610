"""The checks of a migration: before the plan is asked for, and once its statements are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from leitstand.core.database_state import (
    Block,
    DatabaseHealth,
    LockHolder,
    OpenTransaction,
    PreparedTransaction,
)
from leitstand.core.job import JobState
from leitstand.core.migration import Migration
from leitstand.core.recovery import RecoveryWindow
from leitstand.core.release import Image
from leitstand.core.release_checks import Check
from leitstand.core.service import RevisionState
from leitstand.core.statements import Effect

__all__ = [
    "LONG_TRANSACTION",
    "DatabaseReadings",
    "MigrationObservation",
    "check_preconditions",
    "check_statements",
]

LONG_TRANSACTION = 30.0
"""Seconds after which an open transaction is in the way of a migration."""

_WINDOW_AGE = timedelta(minutes=10)
"""Cloud SQL uploads its log every five minutes at least (PITR documentation); this is late."""


@dataclass(frozen=True)
class DatabaseReadings:
    """What the database says of itself.

    Attributes:
        applied: Names of the applied migrations by app.
        health: Archiver, invalid indexes, size.
        long: Transactions that are open for longer than ``LONG_TRANSACTION``.
        prepared: Transactions that were prepared and not ended.
        blocks: Who waits for whom.
        holders: Who holds the lock of the migrate job.
        sizes: Bytes by name of table.
    """

    applied: Mapping[str, tuple[str, ...]]
    health: DatabaseHealth
    long: tuple[OpenTransaction, ...] = ()
    prepared: tuple[PreparedTransaction, ...] = ()
    blocks: tuple[Block, ...] = ()
    holders: tuple[LockHolder, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MigrationObservation:
    """Everything that a migration's preconditions rest on.

    Attributes:
        image: The image whose migrations are to be applied.
        job: The migrate job.
        running: Short names of its executions under way, those of this run left out.
        job_instance: Whether the job's database lies on the instance of the environment file.
        serving: Revisions with traffic that read the database, by service.
        version: Schema version of the database.
        database: What it says of itself.
        settings: Settings of the instance, as JSON values of the API.
        window: Times to which the instance can be recovered.
        at: When all this was read.
    """

    image: Image
    job: JobState
    running: tuple[str, ...]
    job_instance: bool
    serving: Mapping[str, tuple[RevisionState, ...]]
    version: int
    database: DatabaseReadings
    settings: Mapping[str, Any]
    window: RecoveryWindow
    at: datetime


def check_preconditions(
    seen: MigrationObservation,
    log_days: int,
    *,
    require_signature: bool,
    repair: bool,
) -> tuple[Check, ...]:
    """Return every precondition, passed or not, in the order in which they are shown.

    Args:
        seen: What was observed.
        log_days: Days of write-ahead log that the environment file asks for.
        require_signature: Whether the image must be signed.
        repair: Whether this run clears away what a broken run has left.
    """
    image, database = seen.image, seen.database
    reference = {"reference": image.reference, "known": list(image.known_tags)}
    invalid = [i for i in database.health.invalid_indexes if not i.building]
    holders = [holder.application or f"pid {holder.pid}" for holder in database.holders]
    return (
        Check("image_exists", bool(image.digest), {**reference, "digest": image.digest}),
        Check(
            "image_signed",
            image.signed or not require_signature,
            {**reference, "required": require_signature},
        ),
        Check("job_idle", not seen.running, {"executions": list(seen.running)}),
        Check("job_uses_instance", seen.job_instance, {"job": seen.job.short_name}),
        Check("lock_free", not holders, {"holders": holders}),
        _recovery_enabled(seen.settings, log_days),
        Check(
            "window_recent",
            seen.at - seen.window.latest <= _WINDOW_AGE,
            {"latest": seen.window.latest.isoformat()},
        ),
        Check(
            "log_archived",
            database.health.archiver.enabled and not database.health.archiver.failing,
            {
                "enabled": database.health.archiver.enabled,
                "failed": database.health.archiver.failed_count,
            },
        ),
        _space(seen.settings, database.health.size_bytes),
        Check(
            "no_long_transaction",
            not (database.long or database.prepared),
            {"open": [_open(t) for t in database.long] + [_prepared(t) for t in database.prepared]},
        ),
        Check(
            "nobody_waits", not database.blocks, {"blocks": [_block(b) for b in database.blocks]}
        ),
        Check(
            "indexes_valid",
            not invalid or repair,
            {
                "invalid": [f"{i.table.schema}.{i.name}" for i in invalid],
                "accepted": bool(invalid) and repair,
            },
        ),
    )


def check_statements(
    seen: MigrationObservation,
    pending: Sequence[Migration],
    version: int,
    *,
    allow: Effect,
    downtime: bool,
) -> tuple[Check, ...]:
    """Return what must hold of the pending migrations.

    Args:
        seen: What was observed.
        pending: What would be applied.
        version: Schema version afterwards; where it stays, code is not asked whether it
            understands it.
        allow: The worst effect that the operator has allowed.
        downtime: Whether the operator accepts that running code stops working.
    """
    worst = max(pending, key=lambda migration: migration.effect, default=None)
    changes = version != seen.version
    broken = [
        _revision(service, revision)
        for service, revisions in seen.serving.items()
        for revision in revisions
        if changes and (revision.schema is None or not revision.schema.understands(version))
    ]
    serving = [_revision(s, r) for s, found in seen.serving.items() for r in found]
    image = seen.image.schema
    return (
        Check(
            "image_understands",
            not changes or (image is not None and image.understands(version)),
            {
                "reference": seen.image.reference,
                "version": version,
                "minimum": image.minimum if image else None,
                "maximum": image.maximum if image else None,
            },
        ),
        Check(
            "serving_understands",
            not broken or downtime,
            {
                "version": version,
                "serving": serving,
                "broken": broken,
                "accepted": bool(broken) and downtime,
            },
        ),
        Check(
            "effect_allowed",
            worst is None or worst.effect <= allow,
            {
                "migration": worst.name if worst else "",
                "effect": worst.effect.word if worst else Effect.HARMLESS.word,
                "allowed": allow.word,
            },
        ),
    )


def _recovery_enabled(settings: Mapping[str, Any], log_days: int) -> Check:
    backup = settings.get("backup_configuration", {})
    days = int(backup.get("transaction_log_retention_days", 0))
    enabled = bool(backup.get("enabled") and backup.get("point_in_time_recovery_enabled"))
    return Check(
        "recovery_enabled",
        enabled and days >= log_days,
        {"enabled": enabled, "days": days, "wanted": log_days},
    )


def _space(settings: Mapping[str, Any], size: int) -> Check:
    """A migration may write every row again, so twice the database must fit."""
    grows = bool(settings.get("storage_auto_resize"))
    disk = int(settings.get("data_disk_size_gb", 0)) * 1024**3
    evidence = {"grows": grows, "disk": disk, "size": size}
    return Check("space", grows or 2 * size <= disk, evidence)


def _revision(service: str, revision: RevisionState) -> dict[str, Any]:
    known = revision.schema
    return {
        "service": service,
        "revision": revision.name,
        "minimum": known.minimum if known else None,
        "maximum": known.maximum if known else None,
    }


def _open(found: OpenTransaction) -> dict[str, Any]:
    session = found.session
    return {
        "who": session.application or session.role,
        "pid": session.pid,
        "state": found.state,
        "seconds": round(found.age),
    }


def _prepared(found: PreparedTransaction) -> dict[str, Any]:
    return {"who": found.role, "pid": 0, "state": f"prepared {found.id}", "seconds": found.age}


def _block(found: Block) -> dict[str, Any]:
    return {
        "waiting": found.waiting.application or f"pid {found.waiting.pid}",
        "blocker": found.blocker.application or f"pid {found.blocker.pid}",
        "pid": found.blocker.pid,
        "relation": found.relation,
    }
