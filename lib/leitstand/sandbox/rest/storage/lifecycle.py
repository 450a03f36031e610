"""Which generations of objects the lifecycle rules of a bucket delete.

https://cloud.google.com/storage/docs/lifecycle
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.storage.refusals import bad

__all__ = ["check_rules", "expired"]

ACTIONS = ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")
MOST_RULES = 100


def check_rules(bucket: Body) -> None:
    """Refuse rules that Google refuses.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    rules = bucket.get("lifecycle", {}).get("rule", ())
    if len(rules) > MOST_RULES:
        raise bad(f"A lifecycle configuration can have at most {MOST_RULES} rules.")
    for rule in rules:
        kind = rule.get("action", {}).get("type", "")
        if kind not in ACTIONS:
            raise bad(f"Invalid lifecycle action type: '{kind}'.")
        condition = rule.get("condition", {})
        if not condition:
            raise bad("A lifecycle rule must have at least one condition.")
        if kind == "SetStorageClass" and not rule["action"].get("storageClass"):
            raise bad("The action SetStorageClass needs a storageClass.")
        if int(condition.get("age", 0)) < 0 or int(condition.get("numNewerVersions", 0)) < 0:
            raise bad("Lifecycle conditions must not be negative.")


def expired(bucket: Body, item: Mapping[str, Any], live: bool, newer: int, now: datetime) -> bool:
    """Whether a rule deletes a generation now.

    A rule with a condition that the sandbox does not know deletes nothing.

    Args:
        bucket: With its rules.
        item: The object.
        live: Whether it is the live generation.
        newer: How many generations of the object are newer.
        now: The time.
    """
    rules: Sequence[Body] = bucket.get("lifecycle", {}).get("rule", ())
    return any(
        rule.get("action", {}).get("type") == "Delete"
        and _holds(rule.get("condition", {}), item, live, newer, now)
        for rule in rules
    )


def _holds(
    condition: Mapping[str, Any], item: Mapping[str, Any], live: bool, newer: int, now: datetime
) -> bool:
    created = datetime.fromisoformat(str(item["timeCreated"]))
    name = str(item["name"])
    tests = {
        "age": lambda value: now - created >= timedelta(days=int(value)),
        "createdBefore": lambda value: created.date().isoformat() < str(value),
        "isLive": lambda value: live is value,
        "matchesPrefix": lambda value: name.startswith(tuple(value)),
        "matchesStorageClass": lambda value: item.get("storageClass") in value,
        "matchesSuffix": lambda value: name.endswith(tuple(value)),
        "numNewerVersions": lambda value: newer >= int(value),
    }
    if condition.keys() - tests.keys():
        return False
    return all(tests[key](value) for key, value in condition.items())
