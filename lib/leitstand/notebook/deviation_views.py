"""What the deviations runbook shows."""

from collections.abc import Sequence

from leitstand.core.deviations import Contrast, Departure
from leitstand.core.difference import Difference
from leitstand.core.hardening import Finding, Rule
from leitstand.core.report import Report, ReportVerdict
from leitstand.notebook.provision_views import CHANGES, difference_text, value_change
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = ["contrasts_table", "departures_view", "findings_table", "report_notice"]

_SEVERITIES = {"error": "Fehler", "warning": "Warnung", "note": "Hinweis"}


def departures_view(found: Sequence[Departure]) -> Table | Notice:
    """Show where the world is not as the file says."""
    if not found:
        return Notice("Die Wirklichkeit ist, wie die Datei sie beschreibt.", Tone.GOOD)
    rows = [
        Row(
            (
                entry.key,
                difference_text(Difference(entry.path, entry.wanted, entry.found))
                if entry.path
                else CHANGES[entry.change],
                entry.agreed or entry.blocked or "nicht vereinbart",
            ),
            Tone.WAIT if entry.agreed else Tone.BAD,
        )
        for entry in found
    ]
    return Table("Soll und Ist", ("Ressource", "Ist → Soll", "Grund"), rows)


def contrasts_table(here: str, production: str, found: Sequence[Contrast]) -> Table:
    """Show where the files of two environments differ."""
    rows = [
        Row(
            (
                entry.path,
                value_change(entry.here, entry.production),
                entry.agreed or "nicht vereinbart",
            ),
            Tone.GOOD if entry.agreed else Tone.BAD,
        )
        for entry in found
    ]
    return Table(f"{here} und {production}", ("Stelle", f"{here} → {production}", "Grund"), rows)


def findings_table(rules: Sequence[Rule], found: Sequence[Finding]) -> Table:
    """Show every rule, broken ones first, each with what breaks it."""
    rows: list[Row] = []
    for rule in rules:
        mine = [finding for finding in found if finding.rule == rule.id]
        if not mine:
            rows.append(Row((rule.title, _SEVERITIES[rule.severity], "eingehalten"), Tone.GOOD))
        for finding in mine:
            text = finding.evidence
            if finding.agreed:
                text = f"{text}\nVereinbart: {finding.agreed}"
            tone = Tone.WAIT if finding.agreed or finding.severity == "note" else Tone.BAD
            rows.append(Row((rule.title, _SEVERITIES[finding.severity], text), tone))
    rows.sort(key=lambda row: (Tone.BAD, Tone.WAIT, Tone.GOOD).index(row.tone))
    open_ = [finding for finding in found if not finding.agreed]
    broken = len({finding.rule for finding in open_ if finding.severity != "note"})
    notes = sum(finding.severity == "note" for finding in open_)
    title = f"{len(rules)} Regeln, {broken} nicht eingehalten, {_count(notes, 'Hinweis', 'e')}"
    return Table(title, ("Regel", "Schwere", "Befund"), rows)


def report_notice(report: Report) -> Notice:
    """Say in one sentence what the report comes to."""
    counts = report.counts
    if report.verdict is ReportVerdict.CLEAN:
        return Notice("Nichts weicht ab.", Tone.GOOD)
    if report.verdict is ReportVerdict.AGREED_ONLY:
        return Notice(
            f"{_count(counts['agreed'], 'Abweichung', 'en')}, alles vereinbart.", Tone.GOOD
        )
    return Notice(
        f"Nicht vereinbart: {counts['error']} Fehler, {_count(counts['warning'], 'Warnung', 'en')},"
        f" {_count(counts['note'], 'Hinweis', 'e')}. Vereinbart: {counts['agreed']}.",
        Tone.BAD,
    )


def _count(number: int, noun: str, plural: str) -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
