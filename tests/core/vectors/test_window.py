"""What is handed out is never more than there is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.vectors.window import Disk, Window, duration
from leitstand.core.vectors.work import Step, act, chain
from tests.core.vectors.store import name

work = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 100)), max_size=40)
tables = [name(f"rag.t{number}") for number in range(6)]


def plan(parts: list[tuple[int, int]]):
    """Actions on tables, each of so many seconds."""
    return chain(
        (tables[table], act(f"a{place}", "vector_analyze", "t", Step.REST, seconds))
        for place, (table, seconds) in enumerate(parts)
    )


def test_work_on_one_table_is_done_one_after_the_other() -> None:
    assert 30.0 == duration(plan([(0, 10), (0, 20)]), 4)
    assert 20.0 == duration(plan([(0, 10), (1, 20)]), 4)
    assert 30.0 == duration(plan([(0, 10), (1, 20)]), 1)


def test_a_step_begins_when_the_one_before_has_ended() -> None:
    first = act("first", "vector_leftover", "t", Step.LEFTOVERS, 10)
    second = act("second", "vector_analyze", "t", Step.REST, 5)
    assert 15.0 == duration((first, second), 8)


@settings(max_examples=30)
@given(work, st.integers(1, 8))
def test_a_plan_takes_as_long_as_its_jobs_and_its_tables_need(
    parts: list[tuple[int, int]], jobs: int
) -> None:
    taken = duration(plan(parts), jobs)
    total = sum(seconds for _, seconds in parts)
    longest = max((sum(s for t, s in parts if t == n) for n in range(6)), default=0)
    assert max(total / jobs, longest) <= taken + 1e-6
    assert taken <= total / jobs + longest + 1e-6  # Graham, 1969: chains on equal machines


@settings(max_examples=30)
@given(work, st.integers(1, 8), st.integers(0, 500))
def test_time_is_handed_out_only_as_far_as_there_is_some(
    parts: list[tuple[int, int]], jobs: int, seconds: int
) -> None:
    window = Window(seconds, jobs)
    got = [part for part in parts if window.take(tables[part[0]], part[1])]
    assert sum(part[1] for part in got) <= jobs * seconds
    for number in range(6):
        assert sum(part[1] for part in got if part[0] == number) <= seconds


rebuilds = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 100), st.integers(0, 100)), max_size=30
)


@settings(max_examples=30)
@given(rebuilds, st.integers(1, 4), st.integers(0, 400))
def test_disk_is_never_overdrawn_whichever_tables_come_together(
    parts: list[tuple[int, int, int]], jobs: int, free: int
) -> None:
    disk = Disk(free, jobs)
    got = []
    for table, kept, meanwhile in parts:
        if disk.fits(tables[table], kept + meanwhile, kept):
            disk.take(tables[table], kept + meanwhile, kept)
            got.append((table, kept, meanwhile))
    worst = sorted(
        (max((m for t, _, m in got if t == number), default=0) for number in range(6)),
        reverse=True,
    )
    assert sum(kept for _, kept, _ in got) + sum(worst[:jobs]) == disk.needed
    assert disk.needed <= free
