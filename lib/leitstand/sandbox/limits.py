"""How long instances of a revision wait, rest and are waited for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Times of the sandbox that Cloud Run does not publish or has longer.

    Attributes:
        queue: Seconds a request waits for an instance (Cloud Run: about 10).
        idle: Seconds after which an instance above the minimum is ended (Cloud Run: 15 minutes).
        grace: Seconds between SIGTERM and SIGKILL (Cloud Run: 10).
        revival: Seconds after which instances of the minimum that failed are started again.
        instances: More processes than this are never started for one revision.
    """

    queue: float = 10.0
    idle: float = 20.0
    grace: float = 3.0
    revival: float = 5.0
    instances: int = 10
