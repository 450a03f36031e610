"""How an index becomes another one, and how it is made the old one again."""

from typing import Any

import pytest

from leitstand.core.vectors.maintenance import LeftOut, Reason
from leitstand.core.vectors.types import VectorColumn
from tests.core.vectors.store import (
    HNSW_POLICY,
    MEBIBYTE,
    POLICY,
    a_store,
    a_table,
    an_index,
    arguments,
    ids,
    name,
    planned,
)

WIDE = (VectorColumn("embedding", "vector", 3072),)
FLAT = "rag.embeddings_ivfflat"


def test_a_change_is_built_beside_and_exchanged_by_a_gate() -> None:
    store = a_store(a_table(), indexes=(an_index(),))
    maintenance = planned(store, HNSW_POLICY, change="policy", tenant="t-1")
    assert [
        f"build {FLAT}_lsnew", f"exchange {FLAT}", "analyze rag.embeddings",
    ] == ids(maintenance)  # fmt: skip
    build = arguments(maintenance, f"build {FLAT}_lsnew")
    definition = {
        "method": "hnsw", "column": "embedding", "operator_class": "vector_cosine_ops",
        "options": {"ef_construction": 64, "m": 16},
    }  # fmt: skip
    assert definition == {key: build[key] for key in definition}
    exchange = arguments(maintenance, f"exchange {FLAT}")
    assert [f"build {FLAT}_lsnew"] == exchange["after"]
    assert definition == exchange["definition"]
    assert ("embeddings_ivfflat", "embeddings_ivfflat_lsnew", "embeddings_hnsw") == tuple(
        exchange[key] for key in ("old", "new", "final")
    )
    assert {
        "k": 10, "sample": 200, "minimum": 0.95, "latency_ratio": 1.1, "tenant": "t-1",
        "settings_old": {"ivfflat.probes": "10", "ivfflat.iterative_scan": "relaxed_order"},
        "settings_new": {"hnsw.ef_search": "64", "hnsw.iterative_scan": "strict_order"},
    } == exchange["gate"]  # fmt: skip


def test_the_way_back_of_a_change_restores_the_old_definition() -> None:
    index = an_index(options={"lists": 37})
    plan = planned(a_store(a_table(), indexes=(index,)), HNSW_POLICY, change="policy").plan
    build, exchange = plan.way_back
    assert [f"back-build {FLAT}_lsnew", f"back-exchange {FLAT}"] == [build.id, exchange.id]
    old = {
        "method": "ivfflat", "column": "embedding", "operator_class": "vector_cosine_ops",
        "options": {"lists": 37},
    }  # fmt: skip
    assert old == {key: build.arguments[key] for key in old}
    assert old == exchange.arguments["definition"]
    assert ("embeddings_hnsw", "embeddings_ivfflat_lsnew", "embeddings_ivfflat", None) == tuple(
        exchange.arguments[key] for key in ("old", "new", "final", "gate")
    )
    assert [build.id] == exchange.arguments["after"]


def test_changes_are_taken_back_in_reverse_order() -> None:
    tables = [a_table("rag.a"), a_table("rag.b")]
    indexes = (an_index("x", "rag.a", bytes=40 * MEBIBYTE), an_index("y", "rag.b"))
    plan = planned(a_store(*tables, indexes=indexes), HNSW_POLICY, change="policy").plan
    made = [action.id for action in plan.actions if action.kind == "vector_exchange"]
    back = [action.id for action in plan.way_back if action.kind == "vector_exchange"]
    assert ["exchange rag.x", "exchange rag.y"] == made
    assert ["back-exchange rag.y", "back-exchange rag.x"] == back


@pytest.mark.parametrize(
    ("index", "policy", "options"),
    [
        (an_index(options={"lists": 10}), POLICY, {"lists": 100}),
        (an_index("e_hnsw"), POLICY, {"lists": 100}),
        (an_index("e_hnsw", options={"m": 8}), HNSW_POLICY, {"m": 16, "ef_construction": 64}),
    ],
)
def test_kind_and_options_change_only_when_that_is_asked_for(
    index: Any, policy: Any, options: dict[str, int]
) -> None:
    store = a_store(a_table(), indexes=(index,))
    assert [] == ids(planned(store, policy))
    build = next(
        action
        for action in planned(store, policy, change="policy").plan.actions
        if action.kind == "vector_build"
    )
    assert options == build.arguments["options"]


def test_an_index_that_is_changed_keeps_its_name_where_the_new_one_is_taken() -> None:
    indexes = (an_index("e_ivfflat"), an_index("e_hnsw", operator_class="vector_l2_ops"))
    maintenance = planned(a_store(a_table(), indexes=indexes), HNSW_POLICY, change="policy")
    assert "e_ivfflat" == arguments(maintenance, "exchange rag.e_ivfflat")["final"]


def test_long_names_that_are_cut_alike_get_names_of_their_own() -> None:
    indexes = (an_index("n" * 60 + "1"), an_index("n" * 60 + "2"))
    maintenance = planned(a_store(a_table(), indexes=indexes), HNSW_POLICY, change="policy")
    built = [a.arguments["index"] for a in maintenance.plan.actions if a.kind == "vector_build"]
    assert 2 == len(set(built))
    assert all(len(text.encode()) <= 63 and text.endswith("_lsnew") for text in built)


def test_the_other_way_drops_first_and_needs_no_second_copy() -> None:
    store = a_store(a_table(), indexes=(an_index(),))
    beside = planned(store, HNSW_POLICY, change="policy")
    instead = planned(store, HNSW_POLICY, change="policy", way="drop")
    assert [
        f"drop {FLAT}", "build rag.embeddings_hnsw", "analyze rag.embeddings",
    ] == ids(instead)  # fmt: skip
    assert ["vector_build", "vector_exchange"] == [a.kind for a in instead.plan.way_back]
    assert instead.disk_bytes < beside.disk_bytes
    broken = a_store(a_table(), indexes=(an_index(valid=False),))
    rebuilt = planned(broken, way="drop")
    assert [f"drop {FLAT}", f"build {FLAT}"] == ids(rebuilt)[:2]
    assert () == rebuilt.plan.way_back


def test_an_index_over_an_expression_is_rebuilt_and_never_changed() -> None:
    cast = an_index(
        "cast_hnsw", column="", operator_class="halfvec_cosine_ops", valid=False,
        definition="CREATE INDEX cast_hnsw ON t USING hnsw ((embedding::halfvec(3072)) x_ops)",
    )  # fmt: skip
    store = a_store(a_table(columns=WIDE), indexes=(cast,))
    for way in ("concurrently", "drop"):
        maintenance = planned(store, change="policy", way=way)
        assert ["reindex rag.cast_hnsw", "analyze rag.embeddings"] == ids(maintenance)
        assert (
            LeftOut(name("rag.embeddings"), "cast_hnsw", Reason.DEFINITION),
        ) == maintenance.left_out


def test_a_first_index_has_the_distance_that_other_tenants_use() -> None:
    store = a_store(
        a_table("tenant_rag_a.embeddings"), a_table("tenant_rag_b.embeddings"),
        indexes=(an_index("x", "tenant_rag_a.embeddings", operator_class="vector_ip_ops"),),
    )  # fmt: skip
    maintenance = planned(store)
    build = "build tenant_rag_b.embeddings_embedding_ivfflat"
    assert [build, "analyze tenant_rag_b.embeddings"] == ids(maintenance)
    assert "vector_ip_ops" == arguments(maintenance, build)["operator_class"]
    assert () == maintenance.plan.way_back
    alone = planned(a_store(a_table("rag.e")))
    assert "vector_cosine_ops" == alone.plan.actions[0].arguments["operator_class"]
