"""Sampling, alignment and reduction, without an API around them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.sandbox import timeseries
from leitstand.sandbox.timeseries import align, bucket_counts, percentile, reduce, sample
from leitstand.sandbox.traffic_log import RequestRecord

SECOND = 1_000_000


def record(at, latency_ms=10.0, status=200, revision="web-1"):
    return RequestRecord(at, "p", "l", "web", revision, status, latency_ms, "GET", "/", "", "")


def test_a_sample_covers_its_start_and_not_its_end():
    (series,) = sample([record(10.0), record(10.999999), record(11.0)], "request_count", SECOND)
    assert {11 * SECOND: 2, 12 * SECOND: 1} == series.points


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=50),
    st.integers(1, 30),
    st.integers(100, 130),
)
def test_alignment_loses_no_request(times, period, end):
    (series,) = sample([record(at) for at in times], "request_count", SECOND)
    aligned = align(series, "ALIGN_DELTA", period * SECOND, end * SECOND)
    assert len(times) == sum(aligned.points.values())
    assert all((end * SECOND - at) % (period * SECOND) == 0 for at in aligned.points)


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=100))
def test_every_observation_is_in_one_bucket(observations):
    assert len(observations) == sum(bucket_counts(observations))


@pytest.mark.parametrize("rank", [0.05, 0.5, 0.95, 0.99])
def test_percentiles_are_right_within_a_bucket(rank):
    values = sorted(random.Random(7).lognormvariate(4, 1) for _ in range(2000))
    true = values[int(rank * len(values))]
    assert pytest.approx(true, rel=timeseries.GROWTH - 1) == percentile(values, rank)


def test_a_bound_belongs_to_the_bucket_above_it():
    for index in range(timeseries.BUCKETS):
        counts = bucket_counts([timeseries.SCALE * timeseries.GROWTH**index])
        assert index + 1 == counts.index(1)


def test_reduction_joins_distributions_before_it_takes_a_percentile():
    records = [record(1.0, 10.0)] * 90 + [record(1.0, 400.0, status=500)] * 10
    aligned = [
        align(series, "ALIGN_DELTA", 10 * SECOND, 10 * SECOND)
        for series in sample(records, "request_latencies", SECOND)
    ]
    (value,) = reduce(aligned, "REDUCE_PERCENTILE_95", {}, {}).points.values()
    assert pytest.approx(400, rel=0.1) == value


@pytest.mark.parametrize(
    ("reducer", "value"),
    [
        ("REDUCE_SUM", 10),
        ("REDUCE_MEAN", 2.5),
        ("REDUCE_MIN", 1),
        ("REDUCE_MAX", 4),
        ("REDUCE_COUNT", 4),
        ("REDUCE_PERCENTILE_50", 2.5),
    ],
)
def test_counts_of_several_series_are_reduced(reducer, value):
    records = [record(1.0, revision=f"web-{n}") for n in range(1, 5) for _ in range(n)]
    aligned = [
        align(series, "ALIGN_DELTA", 10 * SECOND, 10 * SECOND)
        for series in sample(records, "request_count", SECOND)
    ]
    assert [value] == list(reduce(aligned, reducer, {}, {}).points.values())


@pytest.mark.parametrize(
    ("metric", "aligner"),
    [
        ("request_count", "ALIGN_PERCENTILE_95"),
        ("request_latencies", "ALIGN_RATE"),
        ("request_count", "ALIGN_INTERPOLATE"),
    ],
)
def test_an_aligner_that_does_not_fit_is_refused(metric, aligner):
    (series,) = sample([record(1.0)], metric, SECOND)
    with pytest.raises(timeseries.BadAggregation):
        align(series, aligner, SECOND, SECOND * 10)


def test_a_reducer_that_does_not_fit_is_refused():
    (series,) = sample([record(1.0)], "request_latencies", SECOND)
    with pytest.raises(timeseries.BadAggregation):
        reduce([series], "REDUCE_MAX", {}, {})
