"""What is left out of a maintenance, and why."""

from dataclasses import replace
from typing import Any

import pytest

from leitstand.core.vectors.builds import Builds
from leitstand.core.vectors.findings import FindingCode
from leitstand.core.vectors.maintenance import LeftOut, Part, Reason, plan_maintenance
from leitstand.core.vectors.shards import holds
from leitstand.core.vectors.types import Build, VectorColumn
from leitstand.core.vectors.window import duration
from tests.core.vectors.store import (
    HNSW_POLICY,
    MEBIBYTE,
    POLICY,
    SETTINGS,
    a_store,
    a_table,
    an_index,
    arguments,
    found,
    ids,
    name,
    planned,
    request,
)

WIDE = (VectorColumn("embedding", "vector", 3072),)
FLAT = "rag.embeddings_ivfflat"


def test_a_window_too_short_for_anything_gives_an_empty_plan() -> None:
    maintenance = planned(a_store(a_table(), indexes=(an_index(valid=False),)), window_seconds=0.1)
    assert () == maintenance.plan.actions
    assert (LeftOut(name("rag.embeddings"), "embeddings_ivfflat", Reason.WINDOW),) == (
        maintenance.left_out
    )


def test_what_is_too_large_for_the_window_leaves_room_for_what_is_not() -> None:
    large, small = a_table("rag.large", rows=10**7), a_table("rag.small")
    indexes = (
        an_index("large_hnsw", "rag.large", valid=False),
        an_index("small_ivfflat", "rag.small", valid=False),
    )
    maintenance = planned(a_store(large, small, indexes=indexes), HNSW_POLICY, window_seconds=60)
    assert ["reindex rag.small_ivfflat", "analyze rag.small"] == ids(maintenance)
    assert [LeftOut(name("rag.large"), "large_hnsw", Reason.WINDOW)] == list(maintenance.left_out)


def test_vacuum_is_left_out_where_the_graph_that_it_would_repair_is_not_rebuilt() -> None:
    store = a_store(a_table(rows=10**6, dead_rows=10**6), indexes=(an_index("e_hnsw"),), ledger=())
    short = planned(store, HNSW_POLICY, window_seconds=300)
    assert () == short.plan.actions
    assert {("e_hnsw", Reason.WINDOW), ("", Reason.WINDOW)} == {
        (left.index, left.reason) for left in short.left_out
    }


def test_a_rebuild_that_does_not_fit_the_disk_is_left_out() -> None:
    store = a_store(a_table(), indexes=(an_index(valid=False, bytes=0),))
    enough = planned(store)
    assert enough.disk_bytes > 20 * MEBIBYTE
    assert ids(enough) == ids(planned(store, free_bytes=enough.disk_bytes))
    short = planned(store, free_bytes=enough.disk_bytes - 1)
    assert () == short.plan.actions
    assert [Reason.DISK] == [left.reason for left in short.left_out]


def test_ivfflat_is_left_out_where_its_memory_would_be_too_little_and_hnsw_is_only_slow() -> None:
    broken = {"valid": False, "options": {"lists": 1000}}
    flat = a_store(a_table(rows=10**6), indexes=(an_index(**broken),))
    short = planned(flat, memory_bytes=100 * MEBIBYTE)
    assert () == short.plan.actions
    assert [Reason.MEMORY] == [left.reason for left in short.left_out]
    index = an_index("e_hnsw", valid=False)
    graph = a_store(a_table(rows=200_000), indexes=(index,), ledger=())
    fast = planned(graph, HNSW_POLICY, memory_bytes=4096 * MEBIBYTE)
    slow = planned(graph, HNSW_POLICY, memory_bytes=100 * MEBIBYTE)
    assert 50 * MEBIBYTE == arguments(slow, "reindex rag.e_hnsw")["memory"] == slow.memory_bytes
    assert fast.expected["reindex rag.e_hnsw"] * 2 < slow.expected["reindex rag.e_hnsw"]


def test_without_word_of_the_memory_ivfflat_gets_what_it_needs() -> None:
    index = an_index(valid=False, options={"lists": 1000})
    store = a_store(
        a_table(rows=10**6), indexes=(index,), settings=replace(SETTINGS, maintenance_work_mem=0)
    )
    assert arguments(planned(store), f"reindex {FLAT}")["memory"] > 250 * MEBIBYTE


def test_a_version_that_leaks_data_in_parallel_builds_builds_without_workers() -> None:
    indexes = (an_index("a_hnsw", valid=False), an_index("b_ivfflat", valid=False))
    store = a_store(a_table(), indexes=indexes, installed="0.8.1", available=("0.8.5",))
    now, then = planned(store), planned(store, update_extension=True)
    assert [0, 2] == [arguments(now, f"reindex rag.{i.name}")["workers"] for i in indexes]
    assert [2, 2] == [arguments(then, f"reindex rag.{i.name}")["workers"] for i in indexes]


@pytest.mark.parametrize(
    ("changes", "asked", "reason"),
    [
        ({"maintainable": False}, {}, Reason.RIGHTS),
        ({}, {"only": ("rag.other", "tenant_*.*")}, Reason.ONLY),
        ({}, {"part": Part(0, 2)}, Reason.PART),
    ],
)
def test_a_table_that_is_not_for_this_run_is_left_out(
    changes: dict[str, Any], asked: dict[str, Any], reason: Reason
) -> None:
    table = a_table(dead_rows=9000, **changes)
    assert not holds(Part(0, 2), table.name)
    left = an_index("e_ccnew", valid=False, leftover_of="embeddings_ivfflat")
    maintenance = planned(a_store(table, indexes=(an_index(), left)), **asked)
    assert () == maintenance.plan.actions
    assert {("", reason), ("e_ccnew", reason), ("embeddings_ivfflat", reason)} == {
        (out.index, out.reason) for out in maintenance.left_out
    }


def test_a_table_where_somebody_builds_is_left_alone() -> None:
    table = a_table(dead_rows=9000)
    store = a_store(table, indexes=(an_index(),), builds=(Build(1, table.oid, 0, "scanning"),))
    maintenance = planned(store)
    assert () == maintenance.plan.actions
    assert {Reason.BUILDING} == {left.reason for left in maintenance.left_out}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("rag.embeddings", True), ("rag.*", True), ("*", True), ("ra?.embeddings", False),
     ("rag", False), ("r*g.e*s", True), ("RAG.*", False), ("ragXembeddings", False)],
)  # fmt: skip
def test_tables_are_chosen_by_patterns_with_stars_only(pattern: str, matches: bool) -> None:
    store = a_store(a_table(), indexes=(an_index(valid=False),))
    assert matches == bool(ids(planned(store, only=("nothing.*", pattern))))


@pytest.mark.parametrize("change", ["keep", "policy"])
@pytest.mark.parametrize("columns", [WIDE, (VectorColumn("embedding", "vector", 0),)])
def test_what_cannot_be_indexed_never_gets_an_index(columns: Any, change: str) -> None:
    maintenance = planned(a_store(a_table(columns=columns, dead_rows=9000)), change=change)
    assert ["vacuum rag.embeddings", "analyze rag.embeddings"] == ids(maintenance)
    assert [Reason.DIMENSIONS] == [left.reason for left in maintenance.left_out]


def test_without_the_extension_nothing_is_planned() -> None:
    maintenance = planned(a_store(installed="", available=("0.8.5",)), update_extension=True)
    assert () == maintenance.plan.actions
    assert (LeftOut(None, "", Reason.EXTENSION),) == maintenance.left_out


def test_old_statistics_alone_are_renewed() -> None:
    maintenance = planned(a_store(a_table(changed_rows=9000), indexes=(an_index(),)))
    assert ["analyze rag.embeddings"] == ids(maintenance)


def test_only_what_was_found_is_planned() -> None:
    store = a_store(a_table(), indexes=(an_index(valid=False),))
    chosen = [f for f in found(store) if f.code is not FindingCode.INDEX_INVALID]
    assert [] == list(plan_maintenance(store, chosen, request(), POLICY).plan.actions)


def test_two_jobs_are_faster_than_one_but_not_on_one_table() -> None:
    tables = [a_table(f"rag.t{n}", rows=10**6) for n in range(2)]
    apart = tuple(an_index(f"i{n}", f"rag.t{n}", valid=False) for n in range(2))
    together = tuple(an_index(f"i{n}", "rag.t0", valid=False) for n in range(2))
    both = planned(a_store(*tables, indexes=apart))
    one = planned(a_store(tables[0], indexes=together))
    assert both.seconds < 0.7 * sum(both.expected.values())
    assert one.seconds == pytest.approx(sum(one.expected.values()))
    assert both.seconds == pytest.approx(duration(both.plan.actions, 2), abs=0.01)


def test_vacuum_gets_memory_for_its_dead_rows_within_the_limit() -> None:
    table = a_table(rows=10**6, dead_rows=50 * 10**6)
    limited = Builds(request(memory_bytes=200 * MEBIBYTE), POLICY, SETTINGS, "0.8.5")
    assert 100 * MEBIBYTE == limited.vacuum_memory(table)
    free = Builds(request(), POLICY, SETTINGS, "0.8.5")
    assert 300_000_000 <= free.vacuum_memory(table) <= 1 << 30
