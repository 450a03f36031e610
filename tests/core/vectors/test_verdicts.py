"""Each thing that can be wrong is found, and nothing else is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leitstand.core.vectors.findings import FindingCode, Severity
from leitstand.core.vectors.types import Build, VectorColumn, VectorInventory
from tests.core.vectors.store import (
    MEBIBYTE,
    NOW,
    SETTINGS,
    TENANCY,
    a_store,
    a_table,
    an_index,
    codes,
    found,
    maintained,
)

C = FindingCode


def one(inventory: VectorInventory, code: FindingCode, **options: Any) -> dict[str, Any]:
    """Evidence and severity of the only finding with a code."""
    (finding,) = [f for f in found(inventory, **options) if f.code is code]
    return {**finding.evidence, "severity": finding.severity}


def test_a_healthy_store_gives_no_findings() -> None:
    assert [] == codes(a_store(a_table(), indexes=(an_index(),)))


def column(**changes: Any) -> tuple[VectorColumn, ...]:
    return (VectorColumn(**{"name": "embedding", "type": "vector", "dimensions": 384, **changes}),)


TABLES = {
    "dead rows": (a_table(rows=800, dead_rows=200, changed_rows=0), [C.DEAD_ROWS]),
    "a few dead rows in a small table": (a_table(rows=100, dead_rows=50), []),
    "fewer dead rows than the policy allows": (a_table(dead_rows=4999), []),
    "never analyzed": (a_table(rows=-1, analyzed_at=None), [C.STATISTICS_OLD]),
    "more than a tenth changed": (a_table(changed_rows=2001), [C.STATISTICS_OLD]),
    "just a tenth changed": (a_table(changed_rows=2000), []),
    "no rows": (a_table(rows=0, bytes=0), [C.NO_ROWS]),
    "never analyzed and no byte": (a_table(rows=-1, bytes=0, analyzed_at=None), [C.NO_ROWS]),
    "no rights": (a_table(maintainable=False), [C.NOT_MAINTAINABLE]),
    "no row security": (
        a_table(row_security=False, row_security_forced=False), [C.ROW_SECURITY_OFF],
    ),
    "row security that the owner escapes": (
        a_table(row_security_forced=False), [C.ROW_SECURITY_NOT_FORCED],
    ),
    "no tenant in the table": (a_table(tenant_column=False, row_security=False), []),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_table_is_judged(case: str) -> None:
    table, expected = TABLES[case]
    assert expected == codes(a_store(table, indexes=(an_index(bytes=MEBIBYTE),)))


def test_with_a_schema_per_tenant_row_security_is_not_asked_for() -> None:
    tenancy = TENANCY.model_copy(update={"model": "schema_per_tenant"})
    table = a_table(row_security=False, row_security_forced=False)
    assert [] == found(a_store(table, indexes=(an_index(),)), tenancy=tenancy)


COLUMNS = {
    "without an index": (a_table(), [C.INDEX_MISSING]),
    "with few rows": (a_table(rows=999), []),
    "with just enough rows": (a_table(rows=1000), [C.INDEX_MISSING]),
    "of an unknown number of rows": (
        a_table(rows=-1, analyzed_at=None), [C.STATISTICS_OLD],
    ),
    "as wide as possible": (a_table(columns=column(dimensions=2000)), [C.INDEX_MISSING]),
    "too wide": (a_table(columns=column(dimensions=2001)), [C.TOO_MANY_DIMENSIONS]),
    "of half width": (
        a_table(columns=column(type="halfvec", dimensions=4000)), [C.INDEX_MISSING],
    ),
    "of half width and too wide": (
        a_table(columns=column(type="halfvec", dimensions=4001)), [C.TOO_MANY_DIMENSIONS],
    ),
    "of any width": (a_table(columns=column(dimensions=0)), [C.NO_DIMENSIONS]),
    "sparse": (
        a_table(columns=column(type="sparsevec", dimensions=100_000)), [C.INDEX_MISSING],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_is_judged(case: str) -> None:
    table, expected = COLUMNS[case]
    assert expected == codes(a_store(table))


def test_too_many_dimensions_come_with_the_type_that_can_be_indexed() -> None:
    wide = one(a_store(a_table(columns=column(dimensions=3072))), C.TOO_MANY_DIMENSIONS)
    assert ("halfvec", 2000, Severity.POOR) == (wide["advice"], wide["limit"], wide["severity"])
    wider = one(a_store(a_table(columns=column(dimensions=8000))), C.TOO_MANY_DIMENSIONS)
    assert "bit" == wider["advice"]
    few = one(a_store(a_table(rows=10, columns=column(dimensions=3072))), C.TOO_MANY_DIMENSIONS)
    assert Severity.NOTE == few["severity"]


def test_an_index_over_an_expression_counts_for_its_column() -> None:
    cast = an_index(
        column="",
        operator_class="halfvec_cosine_ops",
        definition="CREATE INDEX i ON t USING hnsw ((embedding::halfvec(3072)) halfvec_cosine_ops)",
    )
    assert [] == codes(a_store(a_table(columns=column(dimensions=3072)), indexes=(cast,)))


def test_a_broken_index_is_not_missing_as_well() -> None:
    store = a_store(a_table(), indexes=(an_index(valid=False),))
    assert [C.INDEX_INVALID] == codes(store)


def test_an_index_of_which_only_a_leftover_is_there_is_missing() -> None:
    store = a_store(a_table(), indexes=(an_index("e_ccnew", valid=False, leftover_of="e"),))
    assert {C.LEFTOVER, C.INDEX_MISSING} == set(codes(store))


LEFTOVERS = {
    "of a broken rebuild": ("e_ccnew", False, True, False),
    "of a second broken rebuild": ("e_ccnew1", False, True, False),
    "of a late failure": ("e_ccold", False, True, False),
    "that is valid and merely called so": ("e_ccnew", True, False, False),
    "of an exchange before it was built": ("e_lsnew", False, True, False),
    "of an exchange that decided nothing": ("e_lsnew", True, True, False),
}


@pytest.mark.parametrize("case", LEFTOVERS)
def test_a_leftover_is_told_from_an_index(case: str) -> None:
    name, valid, left, only = LEFTOVERS[case]
    index = an_index(name, valid=valid, leftover_of="e")
    store = a_store(a_table(), indexes=(an_index("e"), index))
    findings = [f for f in found(store) if f.code is C.LEFTOVER]
    assert ([only] if left else []) == [finding.evidence["only_copy"] for finding in findings]


@pytest.mark.parametrize("old", [(), (an_index("e", valid=False),)])
def test_the_successor_of_a_dropped_index_is_the_only_copy(old: tuple[Any, ...]) -> None:
    store = a_store(a_table(), indexes=(*old, an_index("e_lsnew", leftover_of="e")))
    assert one(store, C.LEFTOVER)["only_copy"]


def test_what_is_being_built_is_neither_left_over_nor_invalid() -> None:
    index = an_index("e_ccnew", valid=False, building=True, leftover_of="e")
    store = a_store(a_table(), indexes=(an_index("e"), index))
    assert [C.BUILD_UNDER_WAY] == codes(store)


def test_a_build_under_way_is_told_with_who_does_it() -> None:
    table = a_table()
    build = Build(4711, table.oid, 0, "building index: loading tuples")
    store = a_store(table, indexes=(an_index(),), builds=(build,))
    assert 4711 == one(store, C.BUILD_UNDER_WAY)["pid"]


def test_too_little_memory_is_told_and_whether_a_build_would_fail() -> None:
    store = a_store(
        a_table(),
        indexes=(an_index("a_hnsw"), an_index("b_ivfflat")),
        settings=replace(SETTINGS, maintenance_work_mem=4 * MEBIBYTE),
    )
    short = {f.index: f.evidence["fails"] for f in found(store) if f.code is C.MEMORY_SHORT}
    assert {"a_hnsw": False, "b_ivfflat": True} == short


EXTENSIONS = {
    "missing": ("", ("0.8.5",), [], [C.EXTENSION_MISSING]),
    "as new as possible": ("0.8.5", ("0.8.5", "0.8.4"), [], []),
    "without any known on the server": ("0.8.5", (), [], []),
    "outdated": ("0.8.5", ("0.8.5", "0.8.10"), [], [C.EXTENSION_OUTDATED]),
    "with defects of what is in use": (
        "0.8.2", ("0.8.2",), [an_index("e_hnsw")], [C.EXTENSION_DEFECT] * 2,
    ),
    "too old": (
        "0.7.4", ("0.7.4",), [an_index()], [C.EXTENSION_TOO_OLD, C.EXTENSION_DEFECT],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXTENSIONS)
def test_the_extension_is_judged(case: str) -> None:
    installed, available, indexes, expected = EXTENSIONS[case]
    store = a_store(
        a_table(), indexes=tuple(indexes), installed=installed, available=tuple(available)
    )
    findings = [f for f in found(store) if f.table is None and f.evidence.get("concerns", True)]
    assert expected == [finding.code for finding in findings]


def test_a_defect_of_what_is_not_used_is_only_a_note() -> None:
    store = a_store(a_table(), indexes=(an_index(),), installed="0.8.2", available=("0.8.4",))
    severities = {f.evidence["id"]: f.severity for f in found(store) if "id" in f.evidence}
    assert {"#986": Severity.POOR, "#988": Severity.NOTE, "#993": Severity.NOTE} == severities


def test_a_defect_says_whether_an_update_cures_it() -> None:
    store = a_store(a_table(), installed="0.8.2", available=("0.8.2", "0.8.3"))
    cured = {f.evidence["id"]: f.evidence["curable"] for f in found(store) if "id" in f.evidence}
    assert {"#986": False, "#988": True, "#993": False} == cured


def test_the_worst_comes_first_and_the_order_is_always_the_same() -> None:
    store = a_store(
        a_table("rag.a", dead_rows=20_000),
        a_table("rag.b", row_security=False),
        a_table("rag.c", rows=0),
        indexes=(an_index(table="rag.a"), an_index("x", table="rag.b", valid=False)),
        ledger=(),
    )
    findings = found(store)
    assert sorted(f.severity.rank for f in findings) == [f.severity.rank for f in findings]
    backwards = replace(store, tables=store.tables[::-1], indexes=store.indexes[::-1])
    assert findings == found(backwards)


def test_a_store_of_another_time_is_judged_by_its_own_clock() -> None:
    index = an_index()
    store = a_store(a_table(), indexes=(index,), ledger=(maintained(index, days=1),))
    later = replace(store, taken_at=NOW + timedelta(days=40))
    assert [C.MAINTENANCE_DUE] == codes(later)
