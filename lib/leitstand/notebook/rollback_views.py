"""Tables of the rollback runbook."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leitstand.core.plan import Plan
from leitstand.core.recovery_types import LossReport
from leitstand.core.release_checks import Check
from leitstand.notebook import plan_views
from leitstand.notebook.rollback_wording import action_text, check_text, decision_text
from leitstand.notebook.views import Row, Table, Tone
from leitstand.notebook.wording import number

if TYPE_CHECKING:
    from leitstand.notebook.rollback_observer import Situation

__all__ = ["checks_table", "loss_table", "plan_table", "situation_table", "timing_table"]


def situation_table(situation: "Situation") -> Table:
    """Return what was observed and which way back it leaves."""
    window, loss = situation.window, situation.decision.loss
    rows = [
        Row(("Dienst", situation.service.short_name)),
        Row(("Läuft", _revision(situation.serving))),
        Row(("Zurück auf", _revision(situation.goal))),
        Row(("Schema der Datenbank", str(situation.live))),
        Row(("Wiederherstellbar", f"{_utc(window.earliest)} bis {_utc(window.latest)}")),
        Row(("Zeitpunkt", _utc(situation.target) if situation.target else "–")),
        Row(("Entscheidung", decision_text(situation.decision)), Tone.GOOD),
    ]
    if loss is not None:
        minutes = number(loss.total_seconds() / 60)
        rows.append(
            Row(("Verlust", f"was in den letzten {minutes} Minuten geschrieben wurde"), Tone.WAIT)
        )
    return Table("Lage", ("", ""), rows)


def plan_table(plan: Plan) -> Table:
    """Return the actions of a plan and its way back."""
    title = {
        "rollback/preparation": "Vorbereitung",
        "rollback/cut-over": "Umstellung",
    }.get(plan.runbook, "Plan")
    return plan_views.plan_table(plan, action_text, title=title)


def checks_table(checks: Sequence[Check]) -> Table:
    """Return the checks of a clone."""
    return plan_views.checks_table(checks, check_text, title="Prüfung des Klons")


def loss_table(report: LossReport, target: datetime) -> Table:
    """Return what exists on the damaged instance only."""
    rows = [
        Row((str(loss.table), str(loss.inserted), str(loss.changed), str(loss.deleted)), Tone.WAIT)
        for loss in report.differing
    ]
    rows += [
        Row((f"{table} (neue Tabelle)", str(count), "–", "–"), Tone.WAIT)
        for table, count in report.new_tables
    ]
    rows += [
        Row((f"{table} (entfernte Tabelle)", "–", "–", str(count)), Tone.WAIT)
        for table, count in report.dropped_tables
    ]
    return Table(
        f"Verlustbericht: was nach {_utc(target)} geschah",
        ("Tabelle", "eingefügt", "geändert", "gelöscht"),
        rows,
        "Nach diesem Zeitpunkt wurde nichts geschrieben.",
    )


def timing_table(events: Sequence[Mapping[str, Any]]) -> Table:
    """Return how long each phase took, and all of them from the first stop to the last start."""
    titles = {e["step"]: str(e["title"]) for e in events if e["event"] == "step.started"}
    done = [e for e in events if e["event"] == "step.completed"]
    rows = [Row((titles.get(e["step"], ""), f"{number(float(e['elapsed']))} s")) for e in done]
    away = [e for e in done if e["step"].startswith("pause-")]
    back = [e for e in done if e["step"].startswith("start-")]
    if away and back:
        span = datetime.fromisoformat(str(back[-1]["at"])) - datetime.fromisoformat(
            str(away[0]["at"])
        )
        rows.append(Row(("Unterbrechung", f"{number(span.total_seconds())} s"), Tone.WAIT))
    return Table("Dauer der Schritte", ("Schritt", "Dauer"), rows)


def _revision(revision: Any) -> str:
    known = revision.schema
    versions = f", versteht {known.minimum} bis {known.maximum}" if known else ""
    return f"{revision.name} ({revision.image.rsplit('/', 1)[-1][:24]}…{versions})"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
