"""The next move of a rollout, decided from the diagnosis and the time that has passed."""

from enum import StrEnum

from leitstand.core.environment import Analysis
from leitstand.core.health import Diagnosis, Sample, Verdict

__all__ = ["Move", "baseline", "next_move"]


class Move(StrEnum):
    """What a stage does next."""

    WAIT = "wait"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    PAUSE = "pause"


def next_move(diagnosis: Diagnosis, elapsed: float, policy: Analysis) -> Move:
    """Return the next move of a stage that began ``elapsed`` seconds ago.

    An unhealthy candidate goes back at once; a healthy one is promoted only after the whole
    window; without enough evidence the stage waits until its deadline, then pauses.
    """
    if diagnosis.verdict is Verdict.UNHEALTHY:
        return Move.ROLL_BACK
    window_over = elapsed >= policy.full_window
    if window_over and diagnosis.verdict is Verdict.HEALTHY:
        return Move.PROMOTE
    return Move.PAUSE if elapsed >= policy.deadline else Move.WAIT


def baseline(stable: Sample, before: Sample, policy: Analysis) -> Sample:
    """Return the sample of the stable revision to compare with.

    In the last stage the stable revision has no traffic left; then its sample of the stage
    before counts.
    """
    return stable if stable.requests >= policy.min_requests else before
