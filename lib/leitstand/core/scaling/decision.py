"""How many workers a queue needs: from its length, and from what workers were seen to do."""

import math
from dataclasses import dataclass
from enum import StrEnum

from leitstand.core.scaling.limits import Limits
from leitstand.core.workloads import ScalingPolicy

__all__ = ["Bound", "Decision", "Load", "Reason", "decide_instances"]


class Reason(StrEnum):
    """What the number of instances was taken from."""

    ASKED = "asked"
    EMPTY = "empty"
    THROUGHPUT = "throughput"
    LENGTH = "length"
    KEPT = "kept"


class Bound(StrEnum):
    """What kept a decision from giving as many instances as are needed."""

    NONE = ""
    MAXIMUM = "maximum"
    CONNECTIONS = "connections"


@dataclass(frozen=True)
class Load:
    """A queue that was watched for a while.

    Attributes:
        length: Tasks that wait, at the end.
        oldest_seconds: Age of the oldest of them, where it is known.
        arrived: Tasks that came meanwhile.
        taken: Tasks that workers took meanwhile.
        in_hand: Tasks that workers have taken and not finished.
        seconds: How long it was watched.
    """

    length: int
    oldest_seconds: float | None
    arrived: int
    taken: int
    in_hand: int
    seconds: float

    def rate(self, running: int) -> float | None:
        """Return tasks per second and instance; None where it cannot be told.

        Only while tasks wait is every instance busy, and only then does what they took tell what
        they can do.
        """
        if not (running and self.taken and self.length and self.seconds > 0):
            return None
        return self.taken / self.seconds / running


@dataclass(frozen=True)
class Decision:
    """How many instances there should be.

    Attributes:
        instances: So many.
        needed: So many would be needed without limits.
        reason: What that was taken from.
        bound: What kept ``instances`` below ``needed``.
    """

    instances: int
    needed: int
    reason: Reason
    bound: Bound = Bound.NONE


def decide_instances(load: Load, running: int, limits: Limits, policy: ScalingPolicy) -> Decision:
    """Return how many workers are wanted; never more than the limits allow.

    With a known throughput: what arrives, and the backlog within ``clear_within`` (Little's law).
    Without one: one instance per ``tasks_per_instance`` that wait. It grows at once and shrinks
    only below ``shrink_below``, so that a queue that swings does not make it swing.

    Args:
        load: What was seen.
        running: Instances now.
        limits: What is allowed.
        policy: The figures of the environment file.
    """
    needed, reason = _needed(load, running, policy)
    needed = max(needed, limits.minimum)
    wanted = needed
    if running * policy.shrink_below < needed < running:
        wanted, reason = running, Reason.KEPT
    bound = Bound.NONE
    if wanted > limits.maximum:
        wanted, bound = limits.maximum, Bound.MAXIMUM
    affordable = limits.affordable
    if affordable is not None and wanted > max(running, affordable, limits.minimum):
        wanted, bound = max(running, affordable, limits.minimum), Bound.CONNECTIONS
    return Decision(wanted, needed, reason, bound)


def _needed(load: Load, running: int, policy: ScalingPolicy) -> tuple[int, Reason]:
    if not load.length:
        return load.in_hand, Reason.EMPTY
    rate = load.rate(running)
    if rate is None:
        return math.ceil(load.length / policy.tasks_per_instance), Reason.LENGTH
    demand = load.arrived / load.seconds + load.length / policy.clear_within
    return math.ceil(demand / rate), Reason.THROUGHPUT
