"""German words about schedules."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from leitstand.core.schedule.status import Problem, Standing, State
from leitstand.core.schedule.verdict import Ending

__all__ = ["ENDINGS", "PROBLEMS", "STATES", "moment_text", "standing_text"]

STATES: Mapping[State, str] = {
    State.MISSING: "nicht angelegt",
    State.WAITING: "wartet",
    State.RUNNING: "läuft",
    State.PAUSED: "angehalten",
}
ENDINGS: Mapping[Ending, str] = {
    Ending.SUCCESS: "Erfolg",
    Ending.FINDING: "Befund",
    Ending.FAILURE: "gescheitert",
}
PROBLEMS: Mapping[Problem, str] = {
    Problem.MISSING: "fehlt in Google Cloud",
    Problem.NEVER_RAN: "noch nie gelaufen und überfällig",
    Problem.OVERDUE: "überfällig",
    Problem.NOT_STARTED: "Cloud Scheduler konnte ihn nicht starten",
    Problem.HANGS: "läuft länger als seine Frist",
    Problem.FAILED: "zuletzt gescheitert",
    Problem.FOUND: "zuletzt mit Befund",
}


def moment_text(moment: datetime | None, zone: tzinfo) -> str:
    """Return a time in the zone of the schedules."""
    return f"{moment.astimezone(zone):%d.%m.%Y %H:%M}" if moment else "–"


def standing_text(standing: Standing) -> str:
    """Return what is wrong with a schedule, or that nothing is."""
    return ", ".join(PROBLEMS[problem] for problem in standing.problems) or "in Ordnung"
