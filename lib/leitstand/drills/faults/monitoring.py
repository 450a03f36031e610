"""Nobody sees anything."""

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_METHOD = "google.monitoring.v3.MetricService/ListTimeSeries"
_CALLS = 60
"""So many calls get no answer, then Google's outage is over: some fifteen looks of a runbook."""
_SECONDS = 2.0


def _inject(scene: Scene) -> None:
    scene.sandbox.add_fault(_METHOD, "hang", times=_CALLS)


def _recovered(scene: Scene) -> bool:
    """Whether Cloud Monitoring tells anything within two seconds."""
    from datetime import UTC, datetime, timedelta

    from leitstand.cloud.errors import CloudRefused, CloudUnreachable
    from leitstand.cloud.glance import Glance

    now = datetime.now(UTC)
    wanted = (
        'metric.type = "run.googleapis.com/request_count" AND resource.type = "cloud_run_revision"'
    )
    try:
        Glance(scene.connection, _SECONDS).time_series(wanted, now - timedelta(seconds=60), now)
    except (CloudRefused, CloudUnreachable):
        return False
    return True


def _clean(scene: Scene) -> None:
    """Take this fault away, and keep those that somebody else has put there."""
    scene.sandbox.clear_faults(_METHOD)


DRILLS = (
    Drill(
        name="monitoring-silent",
        title="Im Blindflug",
        story=(
            "Die Übersicht mit den Messwerten bleibt leer, und seit Minuten kommt kein Alarm mehr,"
            " auch keine Entwarnung. Ob die Anwendung antwortet, weiß gerade niemand."
        ),
        cause=Cause.MONITORING_SILENT,
        treatments=("deviations",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
