"""How the maintenance of the vector store is shown: store, findings, searches, plan, outcome."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from leitstand.core.german import capacity, number
from leitstand.core.plan import Action, Plan
from leitstand.core.resources import RagStore
from leitstand.core.vectors.findings import Finding, Severity
from leitstand.core.vectors.maintenance_types import LeftOut
from leitstand.core.vectors.searches import Searched
from leitstand.core.vectors.shards import WHOLE, Part, holds
from leitstand.core.vectors.types import VectorIndex, VectorInventory, VectorTable
from leitstand.core.vectors.versions import best
from leitstand.execution.parallel import Outcome
from leitstand.notebook.vector_wording import (
    REASONS,
    SEVERITIES,
    action_title,
    finding_title,
    index_kind,
    place,
    remedy,
    span,
)
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = [
    "findings_tables",
    "inventory_tables",
    "left_out_table",
    "outcome_table",
    "plan_tables",
    "searches_tables",
]

_MOST = 20
"""Rows of a table; the rest is counted."""
_TONES = {Severity.BROKEN: Tone.BAD, Severity.POOR: Tone.WAIT, Severity.NOTE: Tone.PLAIN}


def inventory_tables(inventory: VectorInventory, part: Part) -> tuple[Table, ...]:
    """Return what the store consists of, the largest tables and indexes first."""
    mine = [table for table in inventory.tables if holds(part, table.name)]
    names = {table.name for table in mine}
    indexes = [index for index in inventory.indexes if index.table in names]
    settings, extension = inventory.settings, inventory.extension
    share = "alle" if part == WHOLE else f"Teil {part}"
    head = [
        Row(("pgvector", extension.installed or "nicht installiert")),
        Row(("installierbar bis", best(extension) or "–")),
        Row(("Schemas", number(len(inventory.schemas)))),
        Row(("Tabellen mit Vektoren", f"{number(len(inventory.tables))} ({share})")),
        Row(("Indexe darauf", number(len(inventory.indexes)))),
        Row(("Speicher für einen Aufbau", capacity(settings.maintenance_work_mem))),
        Row(("Helfer für einen Aufbau", str(settings.max_parallel_maintenance_workers))),
    ]
    largest = sorted(mine, key=lambda table: (-table.bytes, table.name))
    heaviest = sorted(indexes, key=lambda index: (-index.bytes, index.full_name))
    return (
        Table("Vektorspeicher", ("", ""), head),
        Table(
            "Tabellen",
            ("Tabelle", "Zeilen", "davon tot", "Dimensionen", "Größe", "ANALYZE", "VACUUM"),
            _cut([_table_row(table) for table in largest], 7),
            empty="In diesen Schemas liegt keine Tabelle mit Vektoren.",
        ),
        Table(
            "Indexe",
            ("Index", "Art", "Größe", "Suchen"),
            _cut([_index_row(index) for index in heaviest], 4),
            empty="Es gibt keinen Index über Vektoren.",
        ),
    )


def findings_tables(findings: Sequence[Finding]) -> tuple[Table | Notice, ...]:
    """Return the findings by how much they matter; many of one kind in one line."""
    if not findings:
        return (Notice("Der Vektorspeicher ist, wie die Umgebung ihn vorgibt.", Tone.GOOD),)
    rows = []
    for severity in Severity:
        mine = [finding for finding in findings if finding.severity is severity]
        for kind in dict.fromkeys((f.code, f.evidence.get("id")) for f in mine):
            alike = [f for f in mine if (f.code, f.evidence.get("id")) == kind]
            cells = (finding_title(kind[0]), _places(alike), SEVERITIES[severity], remedy(alike[0]))
            rows.append(Row(cells, _TONES[severity]))
    return (Table("Befunde", ("Befund", "Wo", "Gewicht", "Mittel"), rows),)


def searches_tables(
    title: str, searched: Sequence[Searched], policy: RagStore, before: Sequence[Searched] = ()
) -> tuple[Table, ...]:
    """Return recall and latency of searches, with those from before; and what cures bad ones."""
    earlier = {one.key: one for one in before}
    columns = ("Tabelle", "Mandant", "Index", "Recall (95 %)", "Latenz p50 / p95", "zu wenige")
    table = Table(
        f"{title}: die nächsten {policy.recall.k}, verlangt sind"
        f" {number(100 * policy.recall.minimum)} %",
        columns,
        [_search_row(one, earlier.get(one.key), policy) for one in searched],
        empty="Es gibt keine Tabelle mit Zeilen, deren Suche zu messen wäre.",
    )
    cures = [
        Row((str(one.table), one.tenant, "\n".join(one.cures)), Tone.WAIT)
        for one in searched
        if one.cures
    ]
    if not cures:
        return (table,)
    return (table, Table("Was hilft", ("Tabelle", "Mandant", "Mittel"), cures))


def plan_tables(
    plan: Plan, takes: tuple[float, float, int, int] | None = None
) -> tuple[Table | Notice, ...]:
    """Return the plan; ``takes``: expected seconds, window in seconds, bytes of disk and memory."""
    rows = [
        Row(
            (str(position), action_title(action), span(float(action.arguments["expected_seconds"])))
        )
        for position, action in enumerate(plan.actions, 1)
    ]
    table = Table(
        f"Plan {plan.digest[:12]}",
        ("Nr.", "Aktion", "erwartet"),
        _cut(rows, 3, 2 * _MOST),
        empty="Es ist nichts zu tun.",
    )
    if takes is None or not rows:
        return (table,)
    seconds, window, disk, memory = takes
    text = (
        f"Erwartet: {span(seconds)} von {span(window)} im Fenster, bis zu {capacity(disk)} Platz"
        f" und {capacity(memory)} Speicher zusätzlich. Wer liest oder schreibt, wartet nicht."
    )
    if any(action.kind == "vector_drop" for action in plan.actions):
        text += " Bis ein gelöschter Index neu gebaut ist, sucht die Datenbank langsamer, exakt."
    return (table, Notice(text))


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """Return what would be done and is not planned, with the reason."""
    rows = []
    for reason in dict.fromkeys(one.reason for one in left_out):
        alike = [one for one in left_out if one.reason is reason]
        names = [place(one.table, one.index) for one in alike]
        rows.append(Row((REASONS[reason], _listed(names)), Tone.WAIT))
    return Table("Nicht im Plan", ("Grund", "Was"), rows)


def outcome_table(actions: Sequence[Action], outcome: Outcome) -> Table:
    """Return how each action ended."""
    rows = []
    for action in actions:
        title = action_title(action)
        if action.id in outcome.failed:
            error = outcome.failed[action.id]
            rows.append(Row((title, f"{error.message}\n{error.advice}"), Tone.BAD))
        elif action.id in outcome.skipped:
            rows.append(Row((title, outcome.skipped[action.id]), Tone.WAIT))
        else:
            rows.append(Row((title, _evidence(outcome.done.get(action.id, {}))), Tone.GOOD))
    rows.sort(key=lambda row: [Tone.BAD, Tone.WAIT, Tone.GOOD].index(row.tone))
    return Table("Was daraus wurde", ("Aktion", "Ergebnis"), _cut(rows, 2, 2 * _MOST))


def _table_row(table: VectorTable) -> Row:
    kinds = [
        f"{column.dimensions or 'beliebig'}"
        + (f" ({column.type})" if column.type != "vector" else "")
        for column in table.columns
    ]
    rows = "unbekannt" if table.rows < 0 else number(table.rows)
    cells = (
        str(table.name),
        rows,
        number(table.dead_rows),
        ", ".join(kinds),
        capacity(table.bytes),
        _day(table.analyzed_at),
        _day(table.vacuumed_at),
    )
    return Row(cells)


def _index_row(index: VectorIndex) -> Row:
    tone = Tone.PLAIN if index.valid else Tone.WAIT if index.building else Tone.BAD
    state = "" if index.valid else ", im Aufbau" if index.building else ", ungültig"
    return Row(
        (
            index.full_name,
            f"{index_kind(index.method, index.options)}{state}",
            capacity(index.bytes),
            number(index.scans),
        ),
        tone,
    )


def _search_row(one: Searched, earlier: Searched | None, policy: RagStore) -> Row:
    found = one.measurement
    if found is None:
        return Row((str(one.table), one.tenant, one.problem, "–", "–", "–"), Tone.BAD)
    good = found.recall_high >= policy.recall.minimum and not found.short
    before = earlier.measurement if earlier is not None else None
    recall = (
        f"{_percent(found.recall)} ({_percent(found.recall_low)}–{_percent(found.recall_high)})"
    )
    latency = f"{_ms(found.p50)} / {_ms(found.p95)} ms"
    if before is not None:
        recall = f"{_percent(before.recall)} → {recall}"
        latency = f"{_ms(before.p50)} / {_ms(before.p95)} → {latency}"
    index = found.index or "exakt, ohne Index"
    if found.index and earlier is not None:
        index += f", {capacity(earlier.bytes)} → {capacity(one.bytes)}"
    cells = (
        str(one.table),
        one.tenant,
        index,
        recall,
        latency,
        f"{found.short} von {found.queries}",
    )
    return Row(cells, Tone.GOOD if good else Tone.BAD)


def _evidence(evidence: Mapping[str, object]) -> str:
    if evidence.get("gone"):
        return "Tabelle oder Index gibt es nicht mehr."
    parts = []
    if "exchanged" in evidence:
        text = "getauscht" if evidence["exchanged"] else "nicht besser, der alte Index bleibt"
        parts.append(text)
    if isinstance(seconds := evidence.get("seconds"), int | float):
        parts.append(span(float(seconds)))
    before, after = evidence.get("bytes_before"), evidence.get("bytes_after")
    if isinstance(before, int) and isinstance(after, int):
        parts.append(f"{capacity(before)} → {capacity(after)}")
    if evidence.get("slow_build"):
        parts.append("langsam gebaut: maintenance_work_mem war zu klein")
    return ", ".join(parts) or "erledigt"


def _places(findings: Sequence[Finding]) -> str:
    return _listed([place(finding.table, finding.index) for finding in findings])


def _listed(names: Sequence[str], most: int = 3) -> str:
    names = list(dict.fromkeys(names))
    more = len(names) - most
    return "\n".join(names[:most]) + (f"\nund {number(more)} weitere" if more > 0 else "")


def _cut(rows: Sequence[Row], columns: int, most: int = _MOST) -> list[Row]:
    more = len(rows) - most
    if more <= 0:
        return list(rows)
    return [*rows[:most], Row((f"und {number(more)} weitere", *[""] * (columns - 1)))]


def _day(time: datetime | None) -> str:
    return "nie" if time is None else f"{time:%d.%m.%Y}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".", ",")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}".replace(".", ",")
