"""What no plan of a maintenance may ever do, whatever was found and asked for."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.plan import Action
from leitstand.core.vectors.maintenance import Maintenance, Part
from leitstand.core.vectors.shards import holds
from leitstand.core.vectors.types import Build, VectorColumn, VectorInventory
from leitstand.core.vectors.window import duration
from tests.core.vectors.store import (
    HNSW_POLICY,
    MEBIBYTE,
    POLICY,
    SETTINGS,
    a_store,
    a_table,
    an_index,
    maintained,
    name,
    planned,
)

BUILDS = {"vector_reindex", "vector_build", "vector_exchange", "vector_drop"}
NAMES = ["a_ivfflat", "b_hnsw", "c_idx", "a_ivfflat_ccnew", "b_hnsw_ccold1", "c_idx_lsnew"]
columns = st.sampled_from(
    [("vector", 384), ("vector", 1536), ("vector", 3072), ("vector", 0), ("halfvec", 3072)]
).map(lambda column: (VectorColumn("embedding", *column),))
rows = st.sampled_from([-1, 0, 10, 5000, 200_000, 5_000_000])


@st.composite
def stores(draw: st.DrawFn) -> VectorInventory:
    tables, indexes, builds = [], [], []
    for number in range(draw(st.integers(0, 5))):
        text = f"tenant_rag_{number}.embeddings"
        table = a_table(
            text, oid=100 + number, columns=draw(columns), rows=draw(rows),
            dead_rows=draw(st.sampled_from([0, 10**4, 10**6])),
            changed_rows=draw(st.sampled_from([0, 10**6])), bytes=draw(st.integers(0, 10**10)),
            maintainable=draw(st.integers(0, 5)) > 0,
        )  # fmt: skip
        tables.append(table)
        if draw(st.integers(0, 5)) == 0:
            builds.append(Build(1, table.oid, 0, "building"))
        wide = table.columns[0].dimensions > 2000 and table.columns[0].type == "vector"
        for text_of_index in [] if wide else draw(st.lists(st.sampled_from(NAMES), unique=True)):
            left = text_of_index.partition("_cc")[0].removesuffix("_lsnew")
            indexes.append(
                an_index(
                    text_of_index, text, oid=1000 * number + len(indexes),
                    valid=draw(st.booleans()), bytes=draw(st.integers(0, 10**10)),
                    leftover_of=left if left != text_of_index else "",
                    options=draw(st.sampled_from([{}, {"lists": 1}, {"lists": 500}, {"m": 4}])),
                )
            )  # fmt: skip
    known = draw(st.lists(st.sampled_from(indexes), max_size=3)) if indexes else []
    ledger = tuple(
        maintained(index, seconds=draw(st.floats(0, 2000)), rows=draw(st.integers(0, 10**6)))
        for index in {index.full_name: index for index in known}.values()
    )
    return a_store(
        *tables, indexes=tuple(indexes), ledger=ledger, builds=tuple(builds),
        installed=draw(st.sampled_from(["", "0.4.4", "0.7.4", "0.8.1", "0.8.5"])),
        available=draw(st.sampled_from([(), ("0.8.5",), ("0.8.5", "0.9.0")])),
        settings=replace(SETTINGS, maintenance_work_mem=draw(st.integers(1, 1024)) * MEBIBYTE),
    )  # fmt: skip


requests = st.fixed_dictionaries(
    {
        "window_seconds": st.sampled_from([0, 1, 10, 100, 3600, 10**5, 10**7]),
        "free_bytes": st.none() | st.sampled_from([0, 10**7, 10**9, 10**11]),
        "memory_bytes": st.none() | st.sampled_from([MEBIBYTE, 10**8, 10**10]),
        "change": st.sampled_from(["keep", "policy"]),
        "way": st.sampled_from(["concurrently", "drop"]),
        "update_extension": st.booleans(),
        "part": st.sampled_from([Part(0, 1), Part(0, 2), Part(1, 2)]),
        "policy": st.sampled_from([POLICY, HNSW_POLICY]),
    }
)


def table_of(action: Action) -> str:
    return f"{action.arguments['schema']}.{action.arguments['table']}"


def by_table(maintenance: Maintenance) -> dict[str, list[Action]]:
    tables: dict[str, list[Action]] = {}
    for action in maintenance.plan.actions:
        if "table" in action.arguments:
            tables.setdefault(table_of(action), []).append(action)
    return tables


def before(maintenance: Maintenance, action: Action) -> set[str]:
    """All that has ended when an action begins."""
    known: set[str] = set()
    left = list(action.arguments["after"])
    while left:
        needed = left.pop()
        known.add(needed)
        left += maintenance.plan.action(needed).arguments["after"]
    return known


@settings(max_examples=30, deadline=None)
@given(stores(), requests)
def test_a_plan_keeps_to_what_it_was_given(store: VectorInventory, asked: dict[str, Any]) -> None:
    maintenance = planned(store, **asked)
    plan, jobs = maintenance.plan, POLICY.maintenance.jobs
    order = [action.id for action in plan.actions]
    assert len(order) == len({action.id for action in (*plan.actions, *plan.way_back)}) - len(
        plan.way_back
    )
    assert duration(plan.actions, jobs) <= asked["window_seconds"]
    if asked["free_bytes"] is not None:
        assert maintenance.disk_bytes <= asked["free_bytes"]
    if asked["memory_bytes"] is not None:
        assert maintenance.memory_bytes <= max(asked["memory_bytes"], jobs * MEBIBYTE)
    assert set(order) == set(maintenance.expected)
    for action in plan.actions:
        for needed in action.arguments["after"]:
            assert order.index(needed) < order.index(action.id)
        if "table" in action.arguments:
            assert holds(asked["part"], name(table_of(action)))


@settings(max_examples=30, deadline=None)
@given(stores(), requests)
def test_work_on_a_table_is_done_in_one_order_and_one_after_the_other(
    store: VectorInventory, asked: dict[str, Any]
) -> None:
    maintenance = planned(store, **asked)
    for actions in by_table(maintenance).values():
        for earlier, later in pairwise(actions):
            assert earlier.id in before(maintenance, later)
        kinds = [action.kind for action in actions]
        order = {"vector_leftover": 0, "vector_vacuum": 2, "vector_analyze": 3}
        steps = [action.arguments["step"] for action in actions]
        assert sorted(steps) == steps
        ranks = [order.get(kind, 1) for kind in kinds if kind != "vector_exchange"]
        if "vector_vacuum" in kinds:
            assert sorted(ranks) == ranks
        if set(kinds) & {"vector_reindex", "vector_build", "vector_vacuum"}:
            assert "vector_analyze" == kinds[-1]


@settings(max_examples=30, deadline=None)
@given(stores(), requests)
def test_nothing_is_done_where_it_must_not_be(
    store: VectorInventory, asked: dict[str, Any]
) -> None:
    tables = {str(table.name): table for table in store.tables}
    indexes = {index.full_name: index for index in store.indexes}
    building = {build.table_oid for build in store.builds}
    for text, actions in by_table(planned(store, **asked)).items():
        table = tables[text]
        assert table.maintainable
        assert table.oid not in building
        column = table.columns[0]
        if column.type == "vector" and column.dimensions > 2000:
            assert not BUILDS & {action.kind for action in actions}
        for action in actions:
            if action.kind not in ("vector_leftover", "vector_drop"):
                continue
            dropped = indexes[f"{table.name.schema}.{action.arguments['index']}"]
            assert dropped.oid == action.arguments["oid"]
            if action.kind == "vector_leftover" and dropped.valid:
                assert any(
                    other.valid and other.table == dropped.table and not other.leftover_of
                    for other in store.indexes
                )


@settings(max_examples=15, deadline=None)
@given(stores(), requests)
def test_each_change_of_a_valid_index_has_a_way_back_to_what_was(
    store: VectorInventory, asked: dict[str, Any]
) -> None:
    plan = planned(store, **asked).plan
    indexes = {index.full_name: index for index in store.indexes}
    back = {
        f"{action.arguments['schema']}.{action.arguments['final']}": action.arguments
        for action in plan.way_back
        if action.kind == "vector_exchange"
    }
    changed = {
        f"{action.arguments['schema']}.{action.arguments['old']}"
        for action in plan.actions
        if action.kind == "vector_exchange" and action.arguments["gate"]
    }
    assert changed <= set(back)
    for text, arguments in back.items():
        index = indexes[text]
        assert arguments["gate"] is None
        assert (index.method, dict(index.options)) == (
            arguments["definition"]["method"], arguments["definition"]["options"],
        )  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(stores(), requests, st.randoms(use_true_random=False))
def test_the_same_store_and_request_give_the_same_digest(
    store: VectorInventory, asked: dict[str, Any], random: Any
) -> None:
    tables, indexes, ledger = list(store.tables), list(store.indexes), list(store.ledger)
    for each in (tables, indexes, ledger):
        random.shuffle(each)
    shuffled = replace(store, tables=tuple(tables), indexes=tuple(indexes), ledger=tuple(ledger))
    one, other = planned(store, **asked), planned(shuffled, **asked)
    assert one.plan.digest == other.plan.digest
    assert one == other


@settings(max_examples=15, deadline=None)
@given(stores(), requests)
def test_the_parts_together_do_what_the_whole_does(
    store: VectorInventory, asked: dict[str, Any]
) -> None:
    enough = {
        **asked, "window_seconds": 10**9, "free_bytes": None, "update_extension": False,
    }  # fmt: skip
    whole = planned(store, **{**enough, "part": Part(0, 1)})
    parts = [planned(store, **{**enough, "part": Part(n, 3)}) for n in range(3)]
    assert sorted(action.id for action in whole.plan.actions) == sorted(
        action.id for part in parts for action in part.plan.actions
    )
