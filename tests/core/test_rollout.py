"""The next move of a stage."""

import pytest

from leitstand.core.health import Sample, Verdict, diagnose
from leitstand.core.rollout import Move, baseline, next_move
from tests.core.test_health import GOOD, POLICY

SAMPLES = {
    Verdict.HEALTHY: Sample(200, 0, 300),
    Verdict.UNHEALTHY: Sample(200, 100, 300),
    Verdict.INCONCLUSIVE: Sample(5, 0, 300),
}
CASES = [
    (Verdict.HEALTHY, 10, Move.WAIT),
    (Verdict.HEALTHY, 539, Move.WAIT),
    (Verdict.HEALTHY, 540, Move.PROMOTE),
    (Verdict.HEALTHY, 5000, Move.PROMOTE),
    (Verdict.UNHEALTHY, 10, Move.ROLL_BACK),
    (Verdict.UNHEALTHY, 5000, Move.ROLL_BACK),
    (Verdict.INCONCLUSIVE, 540, Move.WAIT),
    (Verdict.INCONCLUSIVE, 1799, Move.WAIT),
    (Verdict.INCONCLUSIVE, 1800, Move.PAUSE),
]


@pytest.mark.parametrize(("verdict", "elapsed", "expected"), CASES)
def test_the_move_follows_from_verdict_and_time(
    verdict: Verdict, elapsed: float, expected: Move
) -> None:
    diagnosis = diagnose(SAMPLES[verdict], GOOD, POLICY)
    assert verdict == diagnosis.verdict
    assert expected == next_move(diagnosis, elapsed, POLICY)


def test_a_stable_revision_without_traffic_is_judged_by_the_stage_before() -> None:
    assert GOOD == baseline(Sample(3, 0, 1), GOOD, POLICY)
    assert Sample(100, 5, 1) == baseline(Sample(100, 5, 1), GOOD, POLICY)
