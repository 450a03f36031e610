"""Which rollback treats a revision: by traffic where the code understands the schema, else by PITR.

The rule is that of ``leitstand.core.schema``: a rollback never reverses migrations.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from leitstand.core.german import duration
from leitstand.core.triage.hypotheses import Treatment
from leitstand.core.triage.signals import Missing, RevisionSignal, ServiceSignal
from leitstand.core.triage.view import View

__all__ = ["live_schema", "migration_run", "recovery", "traffic_back", "understands", "unusable"]


def live_schema(view: View) -> int | None:
    """Return the version of the database's schema; None where it is unknown."""
    database = view.signals.database
    return None if isinstance(database, Missing) else database.schema_version


def understands(revision: RevisionSignal, live: int | None) -> bool | None:
    """Return whether a revision's code works on the schema; None where that is unknown."""
    if revision.schema is None or live is None:
        return None
    return revision.schema.understands(live)


def unusable(view: View, revision: RevisionSignal) -> tuple[tuple[str, str, str], ...]:
    """Return name, version and state of each pinned secret version that cannot be read."""
    if isinstance(view.signals.secrets, Missing):
        return ()
    states = {secret.name: secret.states for secret in view.signals.secrets}
    return tuple(
        (name, version, states[name].get(version, "DESTROYED"))
        for name, version in sorted(revision.secrets.items())
        if name in states
        and version != "latest"
        and states[name].get(version, "DESTROYED") != "ENABLED"
    )


def migration_run(view: View, felt: datetime | None) -> tuple[str, datetime] | None:
    """Return id and end of the newest migration before the first sign, if one is known."""
    latest = felt or view.signals.at
    slack = timedelta(seconds=view.policy.slack_seconds)
    for change in view.changes("migrate"):
        if "-migrate-" in change.run and change.at <= latest + slack:
            return change.run, change.at
    return None


def traffic_back(
    view: View, service: ServiceSignal, away: Iterable[str], *, newer: bool = False
) -> tuple[Treatment, ...]:
    """Return the rollback by traffic alone; none where no other revision could take it.

    Args:
        service: Whose traffic is moved.
        away: Names of revisions that must not get it.
        newer: Whether a newer revision would do as well.
    """
    left = set(away)
    names = [revision.name for revision in service.revisions]
    first = (
        0 if newer else max((names.index(name) + 1 for name in left if name in names), default=0)
    )
    live = live_schema(view)
    goals = [
        revision
        for revision in service.revisions[first:]
        if revision.name not in left
        and revision.ready
        and understands(revision, live) is not False
        and not unusable(view, revision)
    ]
    if not goals:
        return ()
    proven = _answered(view, service.name)
    goal = min(
        goals,
        key=lambda r: (understands(r, live) is None, r.name not in proven, names.index(r.name)),
    )
    text = f"Gibt den ganzen Verkehr von {service.name} an {goal.name} ({_tag(goal)})."
    if understands(goal, live):
        text += " Diese Revision versteht das Schema der Datenbank; Daten gehen nicht verloren."
    else:
        text += " Ob diese Revision das Schema der Datenbank versteht, prüft das Runbook."
    return (Treatment("rollback", {"service": service.name, "revision": goal.name}, text),)


def recovery(view: View, service: str, felt: datetime | None) -> tuple[Treatment, ...]:
    """Return the rollback that recovers the database; the newest migration decides how far."""
    loses = (
        " Was seitdem geschrieben wurde, liegt nur noch auf der alten Instanz;"
        " das Runbook zählt den Verlust, bevor es umstellt."
    )
    known = migration_run(view, felt)
    if known is not None:
        run, ended = known
        text = (
            "Stellt die Datenbank auf den Stand vor der Migration wieder her"
            f" (Lauf {run}, vor {duration(view.ago(ended))})."
        )
        parameters = {"service": service, "before_run": run}
        return (Treatment("rollback", parameters, text + loses),)
    if felt is None:
        return ()
    moment = felt - timedelta(seconds=view.policy.slack_seconds)
    text = "Stellt die Datenbank auf den Stand kurz vor dem ersten Fehler wieder her."
    parameters = {"service": service, "target": moment.isoformat()}
    return (Treatment("rollback", parameters, text + loses),)


def _answered(view: View, service: str) -> set[str]:
    names: set[str] = set()
    for source in (view.signals.traffic, view.signals.baseline):
        if not isinstance(source, Missing):
            names |= {name for name, s in source.get(service, {}).items() if s.requests}
    return names


def _tag(revision: RevisionSignal) -> str:
    return revision.image.rsplit("/", 1)[-1].partition("@")[0] or "Abbild unbekannt"
