"""The verdict on a candidate, as a table of cases and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.environment import Analysis
from leitstand.core.health import Sample, Verdict, diagnose, lower_bound

POLICY = Analysis(
    window=300,
    deadline=1800,
    ingest_delay=180,
    sample_period=60,
    interval=15,
    min_requests=100,
    max_error_rate=0.01,
    max_error_rate_increase=0.005,
    max_latency_p95_ms=1500,
    max_latency_ratio=1.5,
    latency_floor_ms=200,
)
GOOD = Sample(requests=900, errors=0, latency_p95_ms=300)

CASES = [
    ("as good as the stable revision", Sample(100, 0, 300), GOOD, Verdict.HEALTHY),
    ("too few requests, all good", Sample(99, 0, 300), GOOD, Verdict.INCONCLUSIVE),
    ("too few requests, all errors", Sample(99, 99, 300), GOOD, Verdict.INCONCLUSIVE),
    ("no requests at all", Sample(), GOOD, Verdict.INCONCLUSIVE),
    ("every fifth request fails", Sample(100, 20, 300), GOOD, Verdict.UNHEALTHY),
    ("one error in a hundred is allowed", Sample(100, 1, 300), GOOD, Verdict.HEALTHY),
    ("two errors in a hundred may be chance", Sample(100, 2, 300), GOOD, Verdict.INCONCLUSIVE),
    ("two in a hundred among many are none", Sample(5000, 100, 300), GOOD, Verdict.UNHEALTHY),
    (
        "no worse than a bad stable revision",
        Sample(1000, 50, 300),
        Sample(9000, 450, 300),
        Verdict.HEALTHY,
    ),
    ("slower than the absolute limit", Sample(100, 0, 1501), Sample(), Verdict.UNHEALTHY),
    ("slower than the stable revision allows", Sample(100, 0, 451), GOOD, Verdict.UNHEALTHY),
    ("slower by ratio, but still fast", Sample(100, 0, 190), Sample(900, 0, 10), Verdict.HEALTHY),
    ("no latency measured", Sample(100, 0, None), GOOD, Verdict.INCONCLUSIVE),
    ("stable revision without traffic", Sample(100, 0, 1400), Sample(), Verdict.HEALTHY),
]


@pytest.mark.parametrize(("case", "candidate", "stable", "expected"), CASES, ids=lambda c: str(c))
def test_the_verdict_follows_from_both_samples(
    case: str, candidate: Sample, stable: Sample, expected: Verdict
) -> None:
    assert expected == diagnose(candidate, stable, POLICY).verdict


samples = st.integers(0, 5000).flatmap(
    lambda n: st.builds(
        Sample,
        requests=st.just(n),
        errors=st.integers(0, n),
        latency_p95_ms=st.none() | st.floats(0, 10_000),
    )
)


@given(candidate=samples, stable=samples)
def test_too_little_traffic_never_decides(candidate: Sample, stable: Sample) -> None:
    verdict = diagnose(candidate, stable, POLICY).verdict
    if candidate.requests < POLICY.min_requests:
        assert verdict is Verdict.INCONCLUSIVE


@given(candidate=samples, stable=samples)
def test_a_healthy_candidate_has_no_finding_against_it(candidate: Sample, stable: Sample) -> None:
    diagnosis = diagnose(candidate, stable, POLICY)
    if diagnosis.verdict is Verdict.HEALTHY:
        assert {Verdict.HEALTHY} == {finding.verdict for finding in diagnosis.findings}


@given(stable=samples, candidate=samples, more=st.integers(1, 500))
def test_more_errors_never_make_a_candidate_healthier(
    candidate: Sample, stable: Sample, more: int
) -> None:
    worse = Sample(
        candidate.requests,
        min(candidate.requests, candidate.errors + more),
        candidate.latency_p95_ms,
    )
    if diagnose(candidate, stable, POLICY).verdict is not Verdict.HEALTHY:
        assert diagnose(worse, stable, POLICY).verdict is not Verdict.HEALTHY


@given(n=st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_lower_bound_lies_below_the_rate(n: tuple[int, int]) -> None:
    requests, errors = n
    assert 0 <= lower_bound(errors, requests) <= errors / requests + 1e-12


def test_the_lower_bound_matches_the_published_example() -> None:
    # 10 of 100 at 95 %: 0.0552 (Newcombe 1998, method 3).
    assert lower_bound(10, 100) == pytest.approx(0.0552, abs=5e-5)
