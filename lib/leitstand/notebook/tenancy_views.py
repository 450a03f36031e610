"""Tables about tenants: what is there, what is planned, what was tried, what is wrong."""

from collections import Counter
from collections.abc import Sequence

from leitstand.core.tenancy.isolation import Finding, Model, Severity
from leitstand.core.tenancy.types import Attempt, IsolationFacts, Operation, Outcome
from leitstand.notebook.tenancy_wording import (
    MODELS,
    OPERATIONS,
    finding_text,
)
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = [
    "attempts_table",
    "facts_table",
    "findings_view",
]

_SHOWN = 50
"""So many subjects of one kind of finding a table names."""
_SEVERITIES = {Severity.BROKEN: "nicht getrennt", Severity.POOR: "Mangel", Severity.NOTE: "Hinweis"}
_TONES = {Severity.BROKEN: Tone.BAD, Severity.POOR: Tone.WAIT, Severity.NOTE: Tone.PLAIN}


def facts_table(facts: IsolationFacts, model: Model) -> Table:
    """Return what was observed."""
    shared = facts.shared
    forced = sum(table.row_security and table.forced for table in shared)
    rows = [
        Row(("Modell", MODELS[model])),
        Row(("Mandanten", str(len(facts.tenants)))),
        Row(("Gemeinsame Tabellen", ", ".join(str(table.name) for table in shared) or "keine")),
        Row(("davon mit erzwungener Row-Level Security", str(forced))),
        Row(("Schemas von Mandanten", str(len(facts.schemas)))),
        Row(("Gelesen als", facts.administrator)),
    ]
    return Table("Beobachtung", ("", ""), rows)


def attempts_table(attempts: Sequence[Attempt]) -> Table:
    """Return how often what was tried, by table, and how it ended."""
    grouped: dict[tuple[str, Operation], Counter[str]] = {}
    for attempt in attempts:
        # What happens in a tenant's own schema is told by table, whoever's it is.
        key = (str(attempt.table), attempt.operation)
        grouped.setdefault(key, Counter())[attempt.outcome] += 1
    order = list(Operation)
    rows = []
    for (table, operation), counts in sorted(
        grouped.items(), key=lambda item: (item[0][0], order.index(item[0][1]))
    ):
        own = operation is Operation.OWN
        done, unproven = counts[Outcome.DONE], counts[Outcome.UNPROVEN]
        tried = counts.total() - unproven
        bad = tried - done if own else done
        tone = Tone.BAD if bad else Tone.GOOD if tried else Tone.PLAIN
        held = f"{done} gelesen" if own else f"{tried - done} abgewehrt, {done} gelungen"
        open_ = f", {unproven} nicht bewiesen" if unproven else ""
        rows.append(Row((table, OPERATIONS[operation], str(tried), held + open_), tone))
    hidden = len(rows) - _SHOWN * len(order)
    title = "Versuche über die Grenzen, alle zurückgenommen"
    if hidden > 0:
        rows.sort(key=lambda row: row.tone is not Tone.BAD)
        rows, title = rows[: _SHOWN * len(order)], f"{title} ({hidden} weitere Zeilen)"
    return Table(title, ("Tabelle", "Versuch", "Anzahl", "Ergebnis"), rows)


def findings_view(findings: Sequence[Finding]) -> Table | Notice:
    """Show what is wrong; alike findings on one subject stand once."""
    if not findings:
        return Notice("Die Mandanten sind getrennt; es gibt keinen Befund.", Tone.GOOD)
    rows: dict[tuple[str, str], Row] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        key = (finding.code.value, finding.subject)
        counts[key] += 1
        cells = (finding.subject, _SEVERITIES[finding.severity], finding_text(finding))
        rows.setdefault(key, Row(cells, _TONES[finding.severity]))
    shown = [
        Row((*row.cells[:2], f"{row.cells[2]} ({counts[key]}-mal)"), row.tone)
        if counts[key] > 1
        else row
        for key, row in rows.items()
    ]
    broken = sum(row.tone is Tone.BAD for row in shown)
    title = f"Befunde: {len(shown)}, davon {broken} mit fehlender Trennung"
    return Table(title, ("Wo", "Schwere", "Befund"), shown[: 4 * _SHOWN])
