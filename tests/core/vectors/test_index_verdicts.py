"""Each thing that can be wrong with an index is found, and nothing else is."""

from typing import Any

import pytest

from leitstand.core.vectors.findings import FindingCode, Severity
from tests.core.vectors.store import (
    HNSW_POLICY,
    MEBIBYTE,
    POLICY,
    a_store,
    a_table,
    an_index,
    codes,
    found,
    maintained,
)

C = FindingCode


INDEXES: dict[str, tuple[Any, ...]] = {
    "invalid": (an_index(valid=False), {}, [C.INDEX_INVALID]),
    "of another kind": (an_index("embeddings_hnsw"), {}, [C.INDEX_KIND]),
    "of ten times too few lists": (an_index(options={"lists": 10}), {}, [C.LISTS_OFF]),
    "of twice as many lists": (
        an_index(options={"lists": 200}), {}, [C.LISTS_OFF],
    ),
    "of nearly twice as many lists": (an_index(options={"lists": 199}), {}, []),
    "without a stated option": (an_index(options={}), {}, []),
    "of lists that no longer fit the rows": (
        an_index(bytes=500 * MEBIBYTE),
        {"rows": 300_000},
        [C.LISTS_OFF],
    ),
    "half as large again": (an_index(bytes=51 * MEBIBYTE), {}, [C.INDEX_BLOATED]),
    "bloated and small": (an_index(bytes=900_000), {"rows": 10}, []),
    "over no rows": (an_index(bytes=99 * MEBIBYTE), {"rows": 0}, [C.NO_ROWS]),
}  # fmt: skip


@pytest.mark.parametrize("case", INDEXES)
def test_an_index_is_judged(case: str) -> None:
    index, changes, expected = INDEXES[case]
    assert expected == codes(a_store(a_table(**changes), indexes=(index,)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"m": 16, "ef_construction": 64}, None),
        ({}, None),
        ({"m": 8, "ef_construction": 64}, Severity.POOR),
        ({"m": 16, "ef_construction": 32}, Severity.POOR),
        ({"m": 24, "ef_construction": 200}, Severity.NOTE),
        ({"m": 24, "ef_construction": 48}, Severity.POOR),
    ],
)
def test_smaller_options_of_hnsw_are_worse_and_larger_ones_only_dearer(
    options: dict[str, int], expected: Severity | None
) -> None:
    store = a_store(a_table(), indexes=(an_index("e_hnsw", options=options),))
    findings = [f for f in found(store, policy=HNSW_POLICY) if f.code is C.HNSW_OPTIONS_OFF]
    assert ([expected] if expected else []) == [finding.severity for finding in findings]


@pytest.mark.parametrize(
    ("every", "days", "due"),
    [
        ("monthly", 20, False),
        ("monthly", 27, False),
        ("monthly", 28, True),
        ("weekly", 6, False),
        ("weekly", 7, True),
    ],
)
def test_maintenance_is_due_a_day_before_its_rhythm(every: str, days: int, due: bool) -> None:
    rhythm = POLICY.maintenance.model_copy(update={"every": every})
    policy = POLICY.model_copy(update={"maintenance": rhythm})
    index = an_index()
    store = a_store(a_table(), indexes=(index,), ledger=(maintained(index, days=days),))
    assert due == (C.MAINTENANCE_DUE in codes(store, policy))


def test_what_was_never_maintained_is_due_unless_it_is_empty() -> None:
    assert [C.MAINTENANCE_DUE] == codes(a_store(a_table(), indexes=(an_index(),), ledger=()))
    empty = a_store(a_table(rows=0), indexes=(an_index(),), ledger=())
    assert [C.NO_ROWS] == codes(empty)
