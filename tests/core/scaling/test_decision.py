"""How many workers a queue needs: a table of what was seen and what follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.configuration import load_environment
from leitstand.core.scaling.decision import Bound, Load, Reason, decide_instances
from leitstand.core.scaling.limits import BeyondLimits, Limits, check_limits

POLICY = load_environment("prod").scaling.model_copy(
    update={"clear_within": 600, "tasks_per_instance": 50, "shrink_below": 0.5}
)
LIMITS = Limits(1, 20)
FILES = {"min_instance_count": "base.yaml", "max_instance_count": "prod.yaml"}


def load(length: int, arrived: int = 0, taken: int = 0, in_hand: int = 0) -> Load:
    return Load(length, None, arrived, taken, in_hand, 10.0)


@pytest.mark.parametrize(
    ("seen", "running", "limits", "instances", "reason", "bound"),
    [
        pytest.param(load(0), 1, LIMITS, 1, Reason.EMPTY, Bound.NONE, id="nothing waits"),
        pytest.param(load(0), 8, LIMITS, 1, Reason.EMPTY, Bound.NONE, id="it is over"),
        pytest.param(
            load(0, 40, 40, 6), 8, LIMITS, 8, Reason.KEPT, Bound.NONE, id="empty, but most are busy"
        ),
        pytest.param(
            load(0, 40, 40, 3), 8, LIMITS, 3, Reason.EMPTY, Bound.NONE, id="empty, and few are busy"
        ),
        pytest.param(
            load(600, 10, 10), 1, LIMITS, 2, Reason.THROUGHPUT, Bound.NONE,
            id="as fast as it comes, and the backlog in ten minutes",
        ),
        pytest.param(
            load(60, 80, 20), 2, LIMITS, 9, Reason.THROUGHPUT, Bound.NONE,
            id="it comes four times as fast as it goes",
        ),
        pytest.param(
            load(60, 800, 20), 2, LIMITS, 20, Reason.THROUGHPUT, Bound.MAXIMUM,
            id="more than the file allows",
        ),
        pytest.param(
            load(60, 80, 20), 2, Limits(1, 20, 5), 5, Reason.THROUGHPUT, Bound.CONNECTIONS,
            id="more than the database can bear",
        ),
        pytest.param(
            load(60, 80, 20), 7, Limits(1, 20, 3), 7, Reason.THROUGHPUT, Bound.CONNECTIONS,
            id="what runs already is not taken away for want of connections",
        ),
        pytest.param(
            load(120), 0, LIMITS, 3, Reason.LENGTH, Bound.NONE, id="nobody works, 120 wait"
        ),
        pytest.param(
            load(120, 5, 0), 2, LIMITS, 3, Reason.LENGTH, Bound.NONE, id="nobody finishes, 120 wait"
        ),
        pytest.param(
            load(10, 30, 40), 8, LIMITS, 8, Reason.KEPT, Bound.NONE, id="slightly too many stay"
        ),
        pytest.param(
            load(10, 10, 40), 8, LIMITS, 3, Reason.THROUGHPUT, Bound.NONE, id="far too many go"
        ),
    ],
)  # fmt: skip
def test_the_number_of_workers_follows_from_the_queue(
    seen: Load, running: int, limits: Limits, instances: int, reason: Reason, bound: Bound
) -> None:
    found = decide_instances(seen, running, limits, POLICY)
    assert (instances, reason, bound) == (found.instances, found.reason, found.bound)


@given(
    st.builds(
        Load,
        length=st.integers(0, 100_000),
        oldest_seconds=st.none(),
        arrived=st.integers(0, 10_000),
        taken=st.integers(0, 10_000),
        in_hand=st.integers(0, 100),
        seconds=st.floats(0.1, 100),
    ),
    st.integers(0, 20),
)
def test_it_always_stays_within_the_limits_and_settles(seen: Load, running: int) -> None:
    found = decide_instances(seen, running, LIMITS, POLICY)
    assert LIMITS.minimum <= found.instances <= LIMITS.maximum
    assert found.instances <= found.needed or found.reason is Reason.KEPT


@pytest.mark.parametrize(
    ("instances", "text"),
    [
        (21, ("21 Instanzen von worker sind mehr als erlaubt: services.worker.scaling."
         "max_instance_count in prod.yaml steht auf 20.")),
        (1, ("Eine Instanz von worker ist weniger als erlaubt: services.worker.scaling."
         "min_instance_count in base.yaml steht auf 2.")),
    ],
)  # fmt: skip
def test_beyond_the_limits_the_refusal_names_limit_and_file(instances: int, text: str) -> None:
    with pytest.raises(BeyondLimits) as caught:
        check_limits("worker", instances, Limits(2, 20), FILES)
    assert text == caught.value.message


@pytest.mark.parametrize("instances", [2, 7, 20])
def test_within_the_limits_nothing_is_refused(instances: int) -> None:
    check_limits("worker", instances, Limits(2, 20), FILES)
