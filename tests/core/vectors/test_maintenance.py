"""What a maintenance plans, in which order, and what it never does."""

import json
from dataclasses import replace

from leitstand.core.plan import Plan
from leitstand.core.vectors.maintenance import LeftOut, Part, Reason
from leitstand.core.vectors.types import VectorColumn
from tests.core.vectors.store import (
    HNSW_POLICY,
    MEBIBYTE,
    a_store,
    a_table,
    an_index,
    arguments,
    ids,
    planned,
)

WIDE = (VectorColumn("embedding", "vector", 3072),)
FLAT = "rag.embeddings_ivfflat"


def test_what_is_healthy_is_left_alone() -> None:
    maintenance = planned(a_store(a_table(), indexes=(an_index(),)))
    assert () == maintenance.plan.actions
    assert () == maintenance.left_out
    assert (0, 0, 0.0) == (
        maintenance.disk_bytes, maintenance.memory_bytes, maintenance.seconds,
    )  # fmt: skip


def test_an_invalid_index_is_rebuilt_and_its_table_analyzed() -> None:
    maintenance = planned(a_store(a_table(), indexes=(an_index(valid=False, oid=7),)))
    assert [f"reindex {FLAT}", "analyze rag.embeddings"] == ids(maintenance)
    reindex = dict(arguments(maintenance, f"reindex {FLAT}"))
    assert reindex.pop("expected_seconds") > 0
    assert reindex.pop("memory") >= 64 * MEBIBYTE
    assert {
        "schema": "rag", "table": "embeddings", "index": "embeddings_ivfflat", "oid": 7,
        "workers": 2, "lock_seconds": 60.0, "step": 2, "after": [], "slow": False,
    } == reindex  # fmt: skip
    analyze = arguments(maintenance, "analyze rag.embeddings")
    assert [f"reindex {FLAT}"] == analyze["after"]


def test_a_plan_is_only_json_and_waits_for_its_operator() -> None:
    plan = planned(a_store(a_table(), indexes=(an_index("e_hnsw"),)), change="policy").plan
    assert plan == Plan.from_data(json.loads(json.dumps(plan.as_data())))
    assert ("pgvector_maintenance", "sandbox", False) == (
        plan.runbook, plan.environment, plan.returns_by_itself,
    )  # fmt: skip
    assert {plan.target} == set(plan.targets)


def test_the_order_in_which_things_were_read_does_not_change_the_digest() -> None:
    tables = [a_table(f"rag.t{n}", dead_rows=9000 * (n % 2)) for n in range(6)]
    indexes = [an_index(f"i{n}_ivfflat", f"rag.t{n % 6}", valid=n % 3 > 0) for n in range(12)]
    store = a_store(*tables, indexes=tuple(indexes), ledger=())
    backwards = replace(store, tables=store.tables[::-1], indexes=store.indexes[::-1])
    digests = {planned(each).plan.digest for each in (store, store, backwards)}
    assert 1 == len(digests)


def test_the_basis_names_the_extension_and_what_is_touched_and_nothing_else() -> None:
    bad, good = a_table("rag.bad", oid=11), a_table("rag.good", oid=12)
    indexes = (an_index("b", "rag.bad", valid=False, oid=21), an_index("g", "rag.good"))
    basis = planned(a_store(bad, good, indexes=indexes)).plan.basis
    assert {
        "extension": "0.8.5", "tables": {"rag.bad": 11}, "indexes": {"rag.b": 21},
    } == basis  # fmt: skip


def test_broken_comes_before_poor_and_poor_before_due_and_large_before_small() -> None:
    rows = {"a": 0, "b": 0, "c": 9000, "d": 9000, "e": 0}
    tables = [a_table(f"rag.{key}", dead_rows=dead) for key, dead in rows.items()]
    indexes = (
        an_index("due", "rag.a", bytes=40 * MEBIBYTE),
        an_index("broken", "rag.b", valid=False),
        an_index("poor_small", "rag.c"),
        an_index("poor_large", "rag.d", bytes=40 * MEBIBYTE),
        an_index("broken_large", "rag.e", valid=False, bytes=90 * MEBIBYTE),
    )
    maintenance = planned(a_store(*tables, indexes=indexes, ledger=()))
    rebuilt = [each.removeprefix("reindex rag.") for each in ids(maintenance) if "reindex" in each]
    assert ["broken_large", "broken", "poor_large", "poor_small", "due"] == rebuilt


def test_after_many_deletions_the_indexes_are_rebuilt_before_the_table_is_vacuumed() -> None:
    store = a_store(a_table(dead_rows=15_000), indexes=(an_index("a_hnsw"), an_index("b_ivfflat")))
    assert [
        "reindex rag.a_hnsw", "reindex rag.b_ivfflat", "vacuum rag.embeddings",
        "analyze rag.embeddings",
    ] == ids(planned(store))  # fmt: skip


def test_leftovers_go_first() -> None:
    left = an_index("embeddings_ivfflat_ccnew", valid=False, leftover_of="embeddings_ivfflat")
    maintenance = planned(a_store(a_table(), indexes=(an_index(valid=False), left)))
    assert [
        f"leftover {FLAT}_ccnew", f"reindex {FLAT}", "analyze rag.embeddings",
    ] == ids(maintenance)  # fmt: skip
    assert [f"leftover {FLAT}_ccnew"] == arguments(maintenance, f"reindex {FLAT}")["after"]
    assert {
        "schema": "rag", "table": "embeddings", "index": "embeddings_ivfflat_ccnew",
        "oid": left.oid, "step": 1, "after": [], "slow": False, "expected_seconds": 1.0,
    } == arguments(maintenance, f"leftover {FLAT}_ccnew")  # fmt: skip


def test_the_only_copy_is_given_its_name_and_not_dropped() -> None:
    new = an_index("e_ivfflat_lsnew", method="hnsw", options={"m": 16}, leftover_of="e_ivfflat")
    old = an_index("e_ivfflat", valid=False)
    for indexes in ((new,), (old, new)):
        maintenance = planned(a_store(a_table(), indexes=indexes), HNSW_POLICY)
        assert ["exchange rag.e_ivfflat"] == ids(maintenance)
        exchange = arguments(maintenance, "exchange rag.e_ivfflat")
        assert ("e_ivfflat", "e_ivfflat_lsnew", "e_hnsw", None) == tuple(
            exchange[key] for key in ("old", "new", "final", "gate")
        )


def test_what_needs_the_extension_waits_for_its_update() -> None:
    store = a_store(
        a_table(), indexes=(an_index(valid=False),), installed="0.8.4", available=("0.8.5",)
    )
    maintenance = planned(store, update_extension=True)
    assert "extension" == ids(maintenance)[0]
    assert ["extension"] == arguments(maintenance, f"reindex {FLAT}")["after"]
    update = arguments(maintenance, "extension")
    assert ("0.8.5", "0.8.4", 0) == (update["version"], update["before"], update["step"])
    assert "extension" not in ids(planned(store))


def test_only_the_first_part_updates_the_extension() -> None:
    store = a_store(a_table(), installed="0.8.4", available=("0.8.5",))
    other = planned(store, update_extension=True, part=Part(1, 2))
    assert "extension" not in ids(other)
    assert LeftOut(None, "", Reason.PART) in other.left_out


def test_indexes_that_a_defect_may_have_damaged_are_rebuilt_once_it_is_gone() -> None:
    store = a_store(
        a_table(), indexes=(an_index("a_hnsw"), an_index("b_ivfflat")), installed="0.8.2",
        available=("0.8.5",),
    )  # fmt: skip
    assert ["extension", "reindex rag.a_hnsw", "analyze rag.embeddings"] == ids(
        planned(store, update_extension=True)
    )
    assert [] == ids(planned(store))
