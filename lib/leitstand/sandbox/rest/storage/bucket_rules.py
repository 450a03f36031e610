"""What Google refuses in a bucket, and what it fills in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.storage.lifecycle import check_rules
from leitstand.sandbox.rest.storage.refusals import bad, forbidden
from leitstand.sandbox.rest.times import timestamp

__all__ = ["CHANGEABLE", "check_bucket", "check_name", "fill"]

# https://cloud.google.com/storage/docs/buckets#naming
NAME = re.compile(
    r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*"
)
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
REGION = re.compile(r"[A-Z]+-[A-Z]+\d+")
MULTI_REGIONS = ("US", "EU", "ASIA")
DUAL_REGIONS = ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4")
CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
# A hundred years: https://cloud.google.com/storage/docs/bucket-lock
LONGEST_RETENTION = 3_155_760_000
UNIFORM_STAYS = timedelta(days=90)
SOFT_DELETE_SECONDS = "604800"
CHANGEABLE = (
    "autoclass", "billing", "cors", "defaultEventBasedHold", "encryption", "iamConfiguration",
    "labels", "lifecycle", "logging", "retentionPolicy", "rpo", "softDeletePolicy", "storageClass",
    "versioning", "website",
)  # fmt: skip


def check_name(name: str) -> None:
    """Refuse a name that no bucket can have.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    long = 63 if "." not in name else 222
    fits = NAME.fullmatch(name) and 3 <= len(name) <= long and not ADDRESS.fullmatch(name)
    if not fits or name.startswith("goog") or "google" in name:
        raise bad(f"Invalid bucket name: '{name}'")


def check_bucket(body: Body, before: Body | None) -> None:
    """Refuse settings that Google refuses.

    Raises:
        ApiError: INVALID_ARGUMENT, or PERMISSION_DENIED where a locked policy stands against it.
    """
    if body.get("storageClass", CLASSES[0]) not in CLASSES:
        raise bad(f"Invalid storage class: '{body['storageClass']}'")
    location = str(body.get("location", "US")).upper()
    if not (REGION.fullmatch(location) or location in (*MULTI_REGIONS, *DUAL_REGIONS)):
        raise bad(f"The specified location constraint is not valid: '{location}'")
    prevention = body.get("iamConfiguration", {}).get("publicAccessPrevention", "inherited")
    if prevention not in ("inherited", "enforced", "unspecified"):
        raise bad(f"Invalid value for publicAccessPrevention: '{prevention}'")
    check_rules(body)
    _check_retention(body, before)
    if before is not None:
        _check_uniform(body, before)


def fill(body: Body, before: Body | None) -> None:
    """Complete the settings in place, as Google shows them."""
    body["location"] = str(body.get("location", "US")).upper()
    body["locationType"] = _location_type(body["location"])
    body.setdefault("storageClass", CLASSES[0])
    body.setdefault("rpo", "DEFAULT") if body["locationType"] != "region" else None
    _fill_access(body, before)
    _fill_retention(body, before)
    soft = body.setdefault("softDeletePolicy", {"retentionDurationSeconds": SOFT_DELETE_SECONDS})
    soft.setdefault("effectiveTime", timestamp())
    for field in ("labels", "lifecycle", "retentionPolicy"):
        if not body.get(field):
            body.pop(field, None)


def _fill_access(body: Body, before: Body | None) -> None:
    access = body["iamConfiguration"] = dict(body.get("iamConfiguration", {}))
    uniform = dict(access.get("uniformBucketLevelAccess") or {})
    if before is not None and "uniformBucketLevelAccess" in access:
        pass
    elif "bucketPolicyOnly" in access:
        uniform = {**dict(access["bucketPolicyOnly"]), **uniform}
    enabled = bool(uniform.get("enabled"))
    known = (before or {}).get("iamConfiguration", {}).get("uniformBucketLevelAccess", {})
    shown: Body = {"enabled": enabled}
    if enabled:
        shown["lockedTime"] = known.get("lockedTime") or timestamp(
            datetime.now(UTC) + UNIFORM_STAYS
        )
    access["uniformBucketLevelAccess"] = shown
    access["bucketPolicyOnly"] = dict(shown)
    prevention = access.get("publicAccessPrevention", "inherited")
    access["publicAccessPrevention"] = "enforced" if prevention == "enforced" else "inherited"


def _fill_retention(body: Body, before: Body | None) -> None:
    policy = body.get("retentionPolicy")
    if not policy:
        return
    known = (before or {}).get("retentionPolicy", {})
    changed = int(policy["retentionPeriod"]) != int(known.get("retentionPeriod", 0))
    shown = {"retentionPeriod": str(policy["retentionPeriod"])}
    shown["effectiveTime"] = timestamp() if changed else known["effectiveTime"]
    body["retentionPolicy"] = shown | ({"isLocked": True} if known.get("isLocked") else {})


def _check_retention(body: Body, before: Body | None) -> None:
    policy = body.get("retentionPolicy") or {}
    period = int(policy.get("retentionPeriod", 0))
    if policy and not 0 < period < LONGEST_RETENTION:
        raise bad(
            "Retention period must be greater than 0 and less than 3155760000 seconds (100 years)."
        )
    known = (before or {}).get("retentionPolicy", {})
    if known.get("isLocked") and period < int(known["retentionPeriod"]):
        name = (before or {})["name"]
        verb = "reduce retention duration of" if period else "remove"
        raise forbidden(f"Cannot {verb} a locked Retention Policy for bucket '{name}'.")


def _check_uniform(body: Body, before: Body) -> None:
    known = before["iamConfiguration"]["uniformBucketLevelAccess"]
    wanted = body.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled")
    locked = str(known.get("lockedTime", ""))
    if known["enabled"] and not wanted and locked and locked < timestamp():
        raise bad("The uniform bucket-level access of this bucket cannot be disabled any more.")


def _location_type(location: str) -> str:
    if location in MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in DUAL_REGIONS else "region"
