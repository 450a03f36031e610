"""Tables of the release runbook."""

import json
from collections.abc import Sequence
from typing import Any

from leitstand.cloud.smoke import Probe
from leitstand.core.health import Verdict
from leitstand.core.release import Difference, Observation
from leitstand.execution.rollout import Stage
from leitstand.notebook.views import Row, Table, Tone
from leitstand.notebook.wording import (
    VERDICTS,
    finding_text,
    number,
    split_text,
)

__all__ = [
    "differences_table",
    "observation_table",
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


def differences_table(found: Sequence[Difference]) -> Table:
    """Return what the candidate changes against the running revision."""
    rows = [Row((d.path, _value(d.running), _value(d.candidate))) for d in found]
    return Table("Unterschiede zur laufenden Revision", ("Feld", "läuft", "neu"), rows, "Keine.")


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
