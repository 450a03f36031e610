"""Ids of the tenants that `load_sample` makes; needs nothing of Django."""

from __future__ import annotations

import uuid

__all__ = ["tenant_id"]

_SPACE = uuid.UUID("6f0c7f0e-5d3b-4b0f-9a43-0c8f1b6f2f11")


def tenant_id(number: int) -> uuid.UUID:
    """Id of the n-th sample tenant, counted from 1; the same for every seed."""
    return uuid.uuid5(_SPACE, f"tenant-{number}")
