"""The scaling of a Cloud Run service, as JSON values of its API."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.workloads import Scaling

__all__ = ["at_least", "automatic", "exactly", "instances_of", "is_manual", "same", "stated"]


def stated(scaling: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are set; a mode that is not stated is automatic."""
    kept = {key: value for key, value in scaling.items() if value not in (None, 0, "")}
    if not is_manual(scaling):
        kept.pop("scaling_mode", None)
    return kept


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two scalings mean the same."""
    return stated(one) == stated(other)


def is_manual(scaling: Mapping[str, Any]) -> bool:
    """Return whether the service has exactly as many instances as it says."""
    return scaling.get("scaling_mode") == "MANUAL"


def instances_of(scaling: Mapping[str, Any]) -> int:
    """Return how many instances there are by scaling alone: without any request."""
    key = "manual_instance_count" if is_manual(scaling) else "min_instance_count"
    return int(scaling.get(key) or 0)


def exactly(instances: int) -> dict[str, Any]:
    """Return the manual scaling: so many, whatever comes."""
    return {"scaling_mode": "MANUAL", "manual_instance_count": instances}


def at_least(instances: int, wanted: Scaling) -> dict[str, Any]:
    """Return the automatic scaling with another lower limit."""
    return {**automatic(wanted), "min_instance_count": instances}


def automatic(wanted: Scaling) -> dict[str, Any]:
    """Return the scaling of the environment file."""
    return {
        "min_instance_count": wanted.min_instance_count,
        "max_instance_count": wanted.max_instance_count,
    }
