"""A restore drill: which times are recovered, and the plan that leaves nothing behind."""

from datetime import datetime, timedelta

from leitstand.core.plan import Action, Plan
from leitstand.core.recovery import RecoveryWindow, clone_name

__all__ = ["drill_times", "plan_drill"]


def drill_times(
    window: RecoveryWindow, last_migration: datetime | None, share: float
) -> dict[str, datetime]:
    """Return the times to recover: the newest one, and one inside the window.

    The inner one lies after the last migration, so that the code that runs now understands it.

    Args:
        window: Times that can be recovered.
        last_migration: When the schema changed last; ``None`` if never.
        share: Where the inner time lies between both ends, from 0 to 1.
    """
    start = max(window.earliest, last_migration or window.earliest)
    start = min(start, window.latest)
    inner = start + timedelta(seconds=(window.latest - start).total_seconds() * share)
    return {"newest": window.latest, "random": inner}


def plan_drill(
    times: dict[str, datetime], *, environment: str, source: str, taken: frozenset[str]
) -> Plan:
    """Return the plan that makes a clone for each time and deletes them all at the end.

    The source is only read; the way back is the deletion.
    """
    project, _, instance = source.rpartition("/instances/")
    names: dict[str, str] = {}
    for point, time in times.items():
        names[point] = clone_name(f"{instance}-drill", time, taken | frozenset(names.values()))
    clones = [
        Action(
            f"clone-{point}",
            "sql_clone",
            source,
            {"clone": names[point], "point_in_time": times[point].isoformat()},
        )
        for point in times
    ]
    deletions = tuple(
        Action(f"delete-{point}", "sql_delete", f"{project}/instances/{names[point]}")
        for point in times
    )
    return Plan(
        runbook="restore_drill",
        environment=environment,
        target=source,
        basis={point: time.isoformat() for point, time in times.items()},
        actions=(*clones, *deletions),
    )
