"""Tables of the release runbook."""

import json
from collections.abc import Sequence
from typing import Any

from leitstand.cloud.smoke import Probe
from leitstand.core.health import Verdict
from leitstand.core.plan import Plan
from leitstand.core.release import Difference, Observation
from leitstand.core.release_checks import Check
from leitstand.execution.rollout import Stage
from leitstand.notebook.views import Row, Table, Tone
from leitstand.notebook.wording import (
    VERDICTS,
    action_text,
    check_text,
    finding_text,
    number,
    split_text,
)

__all__ = [
    "checks_table",
    "differences_table",
    "observation_table",
    "plan_table",
    "probes_table",
    "stage_table",
]

_TONES = {
    Verdict.HEALTHY: Tone.GOOD,
    Verdict.UNHEALTHY: Tone.BAD,
    Verdict.INCONCLUSIVE: Tone.WAIT,
}


def observation_table(observation: Observation) -> Table:
    """Return what was observed."""
    service, image, stable = observation.service, observation.image, observation.stable
    rows = [
        Row(("Dienst", service.short_name)),
        Row(("Verkehr", split_text(list(service.traffic.shares)) or "100 % neueste Revision")),
        Row(("Läuft", f"{stable.name} ({stable.image.rsplit('/', 1)[-1]})" if stable else "–")),
        Row(("Abbild", f"{image.reference} → {image.digest or 'nicht vorhanden'}")),
    ]
    return Table("Beobachtung", ("", ""), rows)


def checks_table(checks: Sequence[Check]) -> Table:
    """Return all checks with their evidence."""
    rows = [Row(check_text(check), Tone.GOOD if check.passed else Tone.BAD) for check in checks]
    return Table("Vorprüfung", ("Prüfung", "Beleg"), rows)


def differences_table(found: Sequence[Difference]) -> Table:
    """Return what the candidate changes against the running revision."""
    rows = [Row((d.path, _value(d.running), _value(d.candidate))) for d in found]
    return Table("Unterschiede zur laufenden Revision", ("Feld", "läuft", "neu"), rows, "Keine.")


def plan_table(plan: Plan) -> Table:
    """Return the actions of a plan and its way back."""
    rows = [Row((action.id, action_text(action))) for action in plan.actions]
    rows += [Row((f"Rückweg: {a.id}", action_text(a))) for a in plan.way_back]
    return Table(f"Plan {plan.digest[:12]}", ("Aktion", "Was geschieht"), rows)


def probes_table(probes: Sequence[Probe]) -> Table:
    """Return the answers of the smoke tests."""
    rows = [
        Row(
            (probe.path, str(probe.status or probe.problem), f"{number(probe.milliseconds)} ms"),
            Tone.GOOD if probe.passed else Tone.BAD,
        )
        for probe in probes
    ]
    return Table("Smoke-Tests", ("Seite", "Antwort", "Dauer"), rows)


def stage_table(stage: Stage) -> Table:
    """Return the findings of one stage."""
    diagnosis = stage.diagnosis
    rows = [Row(finding_text(f), _TONES[f.verdict]) for f in diagnosis.findings]
    title = f"Stufe {stage.percent} %: {VERDICTS[diagnosis.verdict]}"
    return Table(title, ("Messwert", "neu", "bisher", "Grenze"), rows)


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
