"""How many instances a revision may have: by its service's scaling and its share of traffic."""

from __future__ import annotations

import math

from google.cloud import run_v2

__all__ = ["instance_range", "is_manual"]

_DEFAULT_MAXIMUM = 100


def is_manual(service: run_v2.Service) -> bool:
    """Whether the service has exactly as many instances as it says."""
    return service.scaling.scaling_mode == run_v2.ServiceScaling.ScalingMode.MANUAL


def instance_range(
    service: run_v2.Service, revision: run_v2.Revision, percent: int
) -> tuple[int, int]:
    """Least and most instances of a revision that gets so many percent of the traffic.

    With a manual scaling to 0 a revision that serves may have none.
    """
    scaling = service.scaling
    low, high = scaling.min_instance_count, scaling.max_instance_count
    if is_manual(service):
        low = high = scaling.manual_instance_count
    minimum = max(revision.scaling.min_instance_count, math.ceil(low * percent / 100))
    maximum = revision.scaling.max_instance_count or _DEFAULT_MAXIMUM
    if percent and (high or is_manual(service)):
        maximum = min(maximum, max(min(1, high), math.ceil(high * percent / 100)))
    return minimum, max(minimum, maximum)
