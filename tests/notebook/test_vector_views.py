"""What the maintenance of the vector store shows, in German and for any number of tables."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from leitstand.configuration import load_environment
from leitstand.core.errors import RunFailed
from leitstand.core.german import capacity
from leitstand.core.plan import Action, Plan
from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.maintenance_types import LeftOut, Reason
from leitstand.core.vectors.recall import Measurement
from leitstand.core.vectors.searches import Searched, judge_searches
from leitstand.core.vectors.shards import Part
from leitstand.core.vectors.types import (
    Extension,
    ServerSettings,
    VectorColumn,
    VectorIndex,
    VectorInventory,
    VectorTable,
)
from leitstand.execution.parallel import Outcome
from leitstand.notebook.vector_plots import searches_picture
from leitstand.notebook.vector_searches import as_data, from_data
from leitstand.notebook.vector_views import (
    findings_tables,
    inventory_tables,
    left_out_table,
    outcome_table,
    plan_tables,
    searches_tables,
)
from leitstand.notebook.vector_wording import (
    REASONS,
    action_title,
    finding_title,
    remedy,
    span,
)

POLICY = load_environment("sandbox").rag_store
TABLE = TableName("rag", "embeddings")
MEASURED = Measurement(10, 200, 0.97, 0.94, 0.985, 0.002, 0.004, 0.006, 0.07, 0, 0, "e_ivf")
WHOLE = Part(0, 1)


def searched(**changes: Any) -> Searched:
    return Searched(TABLE, "embedding", "t-1", replace(MEASURED, **changes), bytes=3 * 2**20)


def store(tables: int) -> VectorInventory:
    names = [TableName(f"tenant_rag_{number}", "embeddings") for number in range(tables)]
    return VectorInventory(
        taken_at=datetime(2026, 11, 25, tzinfo=UTC),
        database="app",
        role="administrator",
        extension=Extension("0.8.5", ("0.8.5",)),
        settings=ServerSettings(160014, 64 * 2**20, 2, 8, 8),
        schemas=tuple(name.schema for name in names),
        tables=tuple(
            VectorTable(
                name,
                1,
                (VectorColumn("embedding", "vector", 384),),
                1000 + number,
                3,
                0,
                2**20,
                None,
                datetime(2026, 11, 1, tzinfo=UTC),
                False,
                False,
                False,
                True,
            )
            for number, name in enumerate(names)
        ),
        indexes=tuple(
            VectorIndex(
                "e",
                name,
                2,
                "ivfflat",
                "embedding",
                "vector_cosine_ops",
                {"lists": 100},
                number != 0,
                2**20,
                7,
                "CREATE INDEX …",
            )
            for number, name in enumerate(names)
        ),
    )


@pytest.mark.parametrize("code", FindingCode)
def test_every_finding_has_a_title_and_a_remedy(code: FindingCode) -> None:
    finding = Finding(code, TABLE, "e_ivf", Severity.POOR, {})
    assert finding_title(code)
    assert remedy(finding)


def test_every_reason_to_leave_something_out_is_worded() -> None:
    assert set(Reason) == set(REASONS)


def test_thousands_of_tables_are_counted_and_a_few_are_named() -> None:
    head, tables, indexes = inventory_tables(store(3000), WHOLE)
    assert "3.000 (alle)" in repr(head)
    assert "und 2.980 weitere" in repr(tables)
    assert "tenant_rag_0.e" in repr(indexes)
    assert "ungültig" in repr(indexes)
    assert 30 > len(repr(indexes).splitlines())


def test_a_part_shows_its_own_tables_only() -> None:
    shown = [inventory_tables(store(40), Part(number, 4))[1] for number in range(4)]
    names = [str(row.cells[0]) for table in shown for row in table.rows]
    assert 40 == len(set(names)) == len(names)


def test_an_empty_store_says_so() -> None:
    _, tables, indexes = inventory_tables(store(0), WHOLE)
    assert "keine Tabelle mit Vektoren" in repr(tables)
    assert "keinen Index" in repr(indexes)
    assert "Der Vektorspeicher ist" in repr(findings_tables(())[0])


def test_findings_of_a_kind_stand_in_one_line_the_worst_first() -> None:
    many = [
        Finding(FindingCode.MAINTENANCE_DUE, TableName(f"t{n}", "e"), "i", Severity.POOR)
        for n in range(500)
    ]
    broken = Finding(FindingCode.INDEX_INVALID, TABLE, "e_ivf", Severity.BROKEN)
    (table,) = findings_tables([*many, broken])
    assert ["kaputt", "schlecht"] == [row.cells[2] for row in getattr(table, "rows")]  # noqa: B009
    assert "und 497 weitere" in repr(table)
    assert "rag.e_ivf" in repr(table)


def test_searches_show_what_was_before_and_what_helps() -> None:
    after = [replace(searched(recall=0.99, p95=0.003), cures=("Setzen Sie hnsw.ef_search höher.",))]
    table, cures = searches_tables("Suchen", after, POLICY, [searched()])
    assert "97,0 % → 99,0 %" in repr(table)
    assert "2,0 / 4,0 → 2,0 / 3,0 ms" in repr(table)
    assert "hnsw.ef_search" in repr(cures)


def test_a_search_that_the_application_may_not_do_is_shown_with_the_reason() -> None:
    one = Searched(TABLE, "embedding", "", None, "Die Datenbank lehnt ab: permission denied.")
    (table,) = searches_tables("Suchen", [one], POLICY)
    assert "permission denied" in repr(table)
    (finding,) = judge_searches([one], POLICY)
    assert (FindingCode.NOT_SEARCHABLE, Severity.BROKEN) == (finding.code, finding.severity)


JUDGED: Mapping[str, tuple[dict[str, Any], list[FindingCode]]] = {
    "good enough": ({}, []),
    "perhaps good enough": ({"recall": 0.93, "recall_high": 0.96}, []),
    "certainly too little": (
        {"recall": 0.6, "recall_low": 0.5, "recall_high": 0.7},
        [FindingCode.RECALL_LOW],
    ),
    "no rows and no error": (
        {"short": 200, "empty": 200, "recall": 0.0, "recall_low": 0.0, "recall_high": 0.02},
        [FindingCode.RESULTS_SHORT, FindingCode.RECALL_LOW],
    ),
    "an empty table": ({"queries": 0, "recall": 0.0, "recall_high": 0.0}, []),
}


@pytest.mark.parametrize("case", JUDGED)
def test_only_what_is_certain_is_a_finding(case: str) -> None:
    changes, wanted = JUDGED[case]
    assert wanted == [finding.code for finding in judge_searches([searched(**changes)], POLICY)]


def test_measurements_come_back_from_a_journal_as_they_were() -> None:
    import json

    told = [replace(searched(), cures=("So.",)), Searched(TABLE, "e", "", None, "Nein.")]
    assert told == list(from_data(json.loads(json.dumps(as_data(told)))))


def test_plan_and_outcome_name_every_action() -> None:
    same = {"schema": "rag", "table": "embeddings", "expected_seconds": 90.0, "step": 2}
    definition = {"method": "hnsw", "options": {"m": 16}}
    actions = [
        Action("a", "vector_leftover", "db", {**same, "index": "x_ccnew"}),
        Action("b", "vector_reindex", "db", {**same, "index": "x"}),
        Action("c", "vector_build", "db", {**same, "index": "y", **definition}),
        Action("d", "vector_exchange", "db",
               {**same, "old": "x", "definition": definition, "gate": {"k": 10}}),
        Action("e", "vector_analyze", "db", same),
    ]  # fmt: skip
    plan = Plan("pgvector_maintenance", "sandbox", "db", {}, tuple(actions))
    table, notice = plan_tables(plan, (400.0, 10800.0, 2**30, 2**26))
    assert "rag.x durch HNSW, m 16 ersetzen, wenn es nicht schlechter sucht" in repr(table)
    assert "7 min von 3 h" in repr(notice)
    outcome = Outcome(
        {"a": {}, "c": {"seconds": 3.5, "bytes_before": 2**21, "bytes_after": 2**20}},
        {"b": RunFailed("Kein Platz.", "Schaffen Sie Platz.")},
        {"d": "„b“ ist fehlgeschlagen.", "e": "zu spät"},
    )
    shown = repr(outcome_table(actions, outcome))
    assert shown.index("Kein Platz.") < shown.index("zu spät") < shown.index("3,5 s")
    assert "2 MiB → 1 MiB" in shown
    assert action_title(actions[0]) in shown


def test_what_is_left_out_says_why() -> None:
    left = [LeftOut(TABLE, f"i{n}", Reason.WINDOW) for n in range(9)]
    table = left_out_table([*left, LeftOut(None, "", Reason.EXTENSION)])
    assert "und 6 weitere" in repr(table)
    assert "pgvector" in repr(table)


def test_the_picture_needs_no_script_and_describes_itself() -> None:
    picture = searches_picture([searched()], [searched(recall=0.99)])
    assert "<script" not in picture.svg
    assert "für eine Suche." in repr(picture)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 Byte"), (2**20, "1 MiB"), (1.5 * 2**30, "1,5 GiB")]
)
def test_bytes_are_written_for_people(value: float, text: str) -> None:
    assert text == capacity(value)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0 s"), (3.25, "3,2 s"), (600, "10 min"), (10800, "3 h")]
)
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    assert text == span(seconds)
