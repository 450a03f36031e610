"""A Cloud Run service in the sandbox's own status."""

from __future__ import annotations

from typing import Any

from google.cloud import run_v2

__all__ = ["service_status"]


def service_status(service: run_v2.Service) -> dict[str, Any]:
    """Name, address, whether it is ready, and which revisions get how much; JSON values."""
    return {
        "name": service.name,
        "uri": service.uri,
        "ready": service.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED,
        "traffic": [
            {"revision": status.revision, "percent": status.percent, "tag": status.tag}
            for status in service.traffic_statuses
        ],
    }
