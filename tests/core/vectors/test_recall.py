"""What a sample of searches says: recall and its limits, latencies, short answers, a comparison."""

import random
from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.vectors.confidence import interval_of_mean
from leitstand.core.vectors.cures import CureKind, SearchContext, cure
from leitstand.core.vectors.recall import Measurement, Sample, compare, summarise


def _sample(exact: list[float], found: list[float], seconds: float = 0.001) -> Sample:
    return Sample(tuple(exact), tuple(found), 0.05, seconds)


def _measured(recall: float = 1.0, half: float = 0.02, **other: float) -> Measurement:
    low, high = max(0.0, recall - half), min(1.0, recall + half)
    base = Measurement(10, 200, recall, low, high, 0.002, 0.004, 0.006, 0.05, 0, 0)
    return replace(base, **other)


PERFECT = _sample([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("recall", "exact", "found"),
    [
        pytest.param(1.0, [0.1, 0.2], [0.1, 0.2], id="all found"),
        pytest.param(0.5, [0.1, 0.2], [0.1, 0.9], id="a farther row instead"),
        pytest.param(0.5, [0.1, 0.2], [0.1], id="a row is missing"),
        pytest.param(0.0, [0.1, 0.2], [], id="nothing found"),
        pytest.param(1.0, [0.2, 0.2], [0.2, 0.2], id="other rows, as near"),
        pytest.param(1.0, [0.0, 0.0], [0.0, 0.0], id="duplicates of the query"),
        pytest.param(1.0, [0.1], [0.1], id="fewer rows than asked for"),
        pytest.param(1.0, [-0.9, -0.8], [-0.9, -0.8], id="negative inner products"),
        pytest.param(0.5, [-0.9, -0.8], [-0.9, -0.7], id="a smaller inner product instead"),
        pytest.param(1.0, [0.1, 0.2], [0.2, 0.1], id="out of order, as a relaxed scan gives them"),
        pytest.param(1.0, [0.1, nan], [0.1], id="a zero vector has no distance"),
        pytest.param(1.0, [0.1, 0.2], [0.1, 0.2, 0.3], id="more than asked for"),
    ],
)
def test_recall_is_the_share_of_the_nearest_that_was_found(
    recall: float, exact: list[float], found: list[float]
):
    assert recall == summarise([_sample(exact, found)], 2).recall


def test_only_rows_that_exist_make_an_answer_short():
    samples = [PERFECT, _sample([0.1], [0.1]), _sample([0.1, 0.2], [0.1]), _sample([0.1], [])]
    measured = summarise(samples, 3)
    assert (4, 2, 1) == (measured.queries, measured.short, measured.empty)


def test_queries_without_an_answer_say_nothing():
    measured = summarise([_sample([], []), _sample([nan], []), PERFECT], 3)
    assert (1, 1.0, 0) == (measured.queries, measured.recall, measured.short)


def test_no_queries_leave_everything_open():
    measured = summarise([], 10)
    assert (0, 0.0, 0.0, 1.0) == (
        measured.queries, measured.recall, measured.recall_low, measured.recall_high,
    )  # fmt: skip


def test_percentiles_lie_between_the_values():
    measured = summarise([_sample([0.1], [0.1], n / 1000) for n in range(101)], 1)
    assert [0.05, 0.095, 0.099] == [
        pytest.approx(value) for value in (measured.p50, measured.p95, measured.p99)
    ]
    assert 0.05 == measured.exact_p50


def test_perfect_answers_do_not_prove_a_perfect_index():
    assert (0.97, 0.98) < interval_of_mean([1.0] * 200) <= (0.98, 1.0)
    assert interval_of_mean([1.0] * 10)[0] < 0.7
    assert (0.0, 1.0) == interval_of_mean([])


@pytest.mark.parametrize("share", [0.5, 0.95, 0.995])
def test_the_limits_hold_the_truth_at_least_as_often_as_they_say(share: float):
    rng = random.Random(1)
    held = 0
    for _ in range(60):
        # Whole queries fail together, which is worse than rows that are missed one by one.
        low, high = interval_of_mean([float(rng.random() < share) for _ in range(40)])
        held += low <= share <= high
    assert held >= 57


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_limits_lie_around_the_mean(values: list[float]):
    low, high = interval_of_mean(values)
    mean = sum(values) / len(values)
    assert -1e-6 <= low <= mean + 1e-6
    assert mean - 1e-6 <= high <= 1 + 1e-6


def test_more_queries_say_more():
    few, many = (interval_of_mean([0.9, 1.0] * count) for count in (10, 100))
    assert many[1] - many[0] < few[1] - few[0]


EMPTY = summarise([], 10)


@pytest.mark.parametrize(
    ("better", "before", "after"),
    [
        pytest.param(True, _measured(), _measured(), id="the same"),
        pytest.param(True, _measured(1.0), _measured(0.985), id="lower, within what is uncertain"),
        pytest.param(False, _measured(1.0), _measured(0.97), id="lower than the old can be"),
        pytest.param(False, _measured(0.95), _measured(0.94), id="below the minimum"),
        pytest.param(True, _measured(0.5), _measured(0.9), id="below, but surely better"),
        pytest.param(False, _measured(), _measured(p50=0.003), id="slower"),
        pytest.param(False, _measured(), _measured(p95=0.006), id="slower at times"),
        pytest.param(True, _measured(p50=1e-4), _measured(p50=9e-4), id="under a millisecond"),
        pytest.param(
            True,
            _measured(0.4, 0.5, p95=0.001),
            _measured(0.99),
            id="slower than one that misses half",
        ),
        pytest.param(
            False, _measured(0.4, 0.5), _measured(0.9, p95=0.1), id="slower, and still too little"
        ),
        pytest.param(True, EMPTY, _measured(0.99, p50=1.0), id="nothing before"),
        pytest.param(False, EMPTY, _measured(0.5), id="nothing before, and bad"),
        pytest.param(True, EMPTY, EMPTY, id="no rows"),
        pytest.param(False, _measured(), EMPTY, id="not measurable any more"),
    ],
)
def test_a_changed_index_must_be_at_least_as_good(
    better: bool, before: Measurement, after: Measurement
):
    found = compare(before, after, latency_ratio=1.2, minimum=0.95)
    assert (better, better) == (found.better, not found.reasons)


def test_reasons_are_german_sentences_with_figures():
    found = compare(_measured(), _measured(0.9, p50=0.0123), latency_ratio=1.25, minimum=0.95)
    assert (
        "Der Recall fällt von 100,0 % (mindestens 98,0 %) auf 90,0 %.",
        "Der Recall 90,0 % liegt unter dem Minimum 95,0 %.",
        "Die Latenz p50 steigt von 2,0 ms auf 12,3 ms, erlaubt ist das 1,25-Fache.",
    ) == found.reasons


HNSW = SearchContext("hnsw", "0.8.5", 100_000, 500)
IVFFLAT = SearchContext("ivfflat", "0.8.5", 100_000, 500, lists=100)
SCAN, LARGER, MORE = CureKind.ITERATIVE_SCAN, CureKind.LARGER_SCAN, CureKind.MORE_CANDIDATES
TENANT, PARTIAL, PARTITION = CureKind.TENANT_INDEX, CureKind.PARTIAL_INDEX, CureKind.PARTITION


@pytest.mark.parametrize(
    ("kinds", "context", "short", "recall"),
    [
        pytest.param([], HNSW, 0, 1.0, id="all is well"),
        pytest.param([], SearchContext("", "0.8.5", 100, 100), 0, 0.5, id="exact itself"),
        pytest.param([SCAN, MORE, TENANT, PARTITION], HNSW, 9, 0.0, id="few rows per tenant"),
        pytest.param([SCAN, MORE, TENANT, PARTITION], IVFFLAT, 9, 0.0, id="likewise, IVFFLAT"),
        pytest.param(
            [CureKind.UPDATE_EXTENSION, MORE, TENANT, PARTITION],
            replace(HNSW, version="0.7.4"), 9, 0.0, id="too old to go on",
        ),
        pytest.param(
            [LARGER, MORE, TENANT, PARTITION],
            replace(HNSW, settings={"hnsw.iterative_scan": "strict_order"}), 9, 0.5,
            id="gone on, but not far enough",
        ),
        pytest.param(
            [SCAN, MORE, PARTIAL], replace(HNSW, visible=20_000, tenants=5), 9, 0.5,
            id="five large tenants",
        ),
        pytest.param([MORE], replace(HNSW, visible=100_000), 0, 0.8, id="low without a filter"),
        pytest.param(
            [], replace(HNSW, visible=100_000, settings={"hnsw.ef_search": "1000"}), 0, 0.8,
            id="there is no more",
        ),
    ],
)  # fmt: skip
def test_each_trouble_has_its_cures(
    kinds: list[CureKind], context: SearchContext, short: int, recall: float
):
    found = cure(_measured(recall, short=short), context)
    assert kinds == [one.kind for one in found]
    assert all(one.text.endswith(".") for one in found)


@pytest.mark.parametrize(
    ("settings", "context"),
    [
        pytest.param(
            [{"hnsw.iterative_scan": "strict_order"}, {"hnsw.ef_search": "1000"}], HNSW, id="hnsw"
        ),
        pytest.param(
            [{"ivfflat.iterative_scan": "relaxed_order"}, {"ivfflat.probes": "10"}], IVFFLAT,
            id="ivfflat",
        ),
        pytest.param(
            [{"hnsw.iterative_scan": "strict_order"}, {"hnsw.ef_search": "200"}],
            replace(HNSW, visible=10_000), id="a tenth of the rows",
        ),
        pytest.param(
            [{"ivfflat.iterative_scan": "relaxed_order"}, {"ivfflat.probes": "40"}],
            replace(IVFFLAT, settings={"ivfflat.probes": "20"}), id="more than before",
        ),
    ],
)  # fmt: skip
def test_cures_name_the_settings_to_try(settings: list[dict[str, str]], context: SearchContext):
    found = cure(_measured(0.1, short=9), context)
    assert settings == [one.settings for one in found if one.settings]
