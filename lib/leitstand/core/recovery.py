"""Recovery to a point in time: the window, the target, and the order of the cut-over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leitstand.core.errors import GateRefused, InputError
from leitstand.core.names import short_name
from leitstand.core.plan import Action, Plan
from leitstand.core.service import ServiceState

__all__ = [
    "CutOver",
    "Moved",
    "MovedJob",
    "NaiveTime",
    "OutsideWindow",
    "RecoveryWindow",
    "check_target",
    "clone_name",
    "plan_cut_over",
    "plan_preparation",
    "plan_traffic_back",
]


class NaiveTime(InputError):
    """A time without its zone, which every clock would read differently."""

    def __init__(self, given: str) -> None:
        super().__init__(
            f"Der Zeitpunkt {given} hat keine Zeitzone.",
            "Geben Sie ihn mit Zeitzone an, zum Beispiel 2026-11-24T07:00:00+01:00.",
        )
        self.given = given


class OutsideWindow(GateRefused):
    """The target lies outside of what the instance can recover."""

    def __init__(self, target: datetime, window: "RecoveryWindow") -> None:
        super().__init__(
            f"Auf {target:%Y-%m-%d %H:%M:%S} UTC lässt sich nicht wiederherstellen.",
            f"Möglich ist {window.earliest:%Y-%m-%d %H:%M:%S} bis"
            f" {window.latest:%Y-%m-%d %H:%M:%S} UTC.",
        )
        self.target = target
        self.window = window


@dataclass(frozen=True)
class RecoveryWindow:
    """Times to which an instance can be recovered, both included, UTC."""

    earliest: datetime
    latest: datetime


def check_target(target: datetime, window: RecoveryWindow, now: datetime) -> None:
    """Raise unless ``target`` lies in the window and not in the future.

    Raises:
        NaiveTime: ``target`` has no time zone.
        OutsideWindow: before, after, or in the future.
    """
    if target.tzinfo is None:
        raise NaiveTime(target.isoformat())
    if not window.earliest <= target <= min(window.latest, now):
        raise OutsideWindow(target, window)


def clone_name(source: str, target: datetime, taken: frozenset[str]) -> str:
    """Return a free name for the clone of ``source`` at ``target``.

    Names of Cloud SQL instances cannot be used again for a week after a deletion, so the name
    holds the time; it is at most 84 characters long (cloud.google.com/sql/docs, instance names).
    """
    stem = f"{source[:60]}-pitr-{target:%Y%m%d-%H%M%S}"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


@dataclass(frozen=True)
class Moved:
    """A service that moves to the clone: full name, new revision, template, stable revision."""

    service: str
    revision: str
    template: Mapping[str, Any]
    stable: str


@dataclass(frozen=True)
class MovedJob:
    """A job that moves to the clone: full name, new template, template now."""

    name: str
    template: Mapping[str, Any]
    before: Mapping[str, Any]


@dataclass(frozen=True)
class CutOver:
    """Everything that a cut-over needs to know, observed beforehand.

    Attributes:
        source: Full name of the damaged instance: ``projects/P/instances/I``.
        clone: Short name of the clone.
        database: Name of the application's database.
        roles: Database roles of the application, which are fenced.
        secret: Full name of the secret that holds the database URL.
        old_version: Version that the services read now.
        new_version: Version that will hold the clone's URL.
        services: Services that move, in the order in which they come back.
        paused: Full names of services that stand still meanwhile, with their scaling now.
        job: The migrate job with its template then and now, or ``None``.
    """

    source: str
    clone: str
    database: str
    roles: tuple[str, ...]
    secret: str
    old_version: str
    new_version: str
    services: tuple[Moved, ...]
    paused: tuple[tuple[str, Mapping[str, Any]], ...]
    job: MovedJob | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def plan_preparation(
    *, environment: str, source: str, target: datetime, clone: str, run: str
) -> Plan:
    """Return the plan that saves the damaged instance and makes the clone.

    It changes nothing that the application sees.
    """
    return Plan(
        runbook="rollback/preparation",
        environment=environment,
        target=source,
        basis={"target": target.isoformat(), "clone": clone},
        actions=(
            Action("backup", "sql_backup", source, {"description": f"leitstand {run}"}),
            Action(
                "clone",
                "sql_clone",
                source,
                {
                    "clone": clone,
                    "point_in_time": target.isoformat(),
                },
            ),
        ),
    )


def plan_cut_over(cut: CutOver, *, environment: str, directory: str) -> Plan:
    """Return the plan that moves the application to the clone.

    Order (Google's procedure for recovery to a new instance, and facts of this environment):
    settings that a clone does not inherit; writers stand still; the old database is fenced; what
    was written after the target time is rescued; the secret gets the clone's address; every
    service gets a revision that reads it; then web serves, the worker works, and beat comes last.
    The way back leads to the old instance until the first service writes to the clone.
    """
    project = cut.source.rpartition("/instances/")[0]
    clone = f"{project}/instances/{cut.clone}"
    pause = [
        Action(
            f"pause-{short_name(name)}",
            "set_scaling",
            name,
            {
                "scaling": {"scaling_mode": "MANUAL", "manual_instance_count": 0},
            },
        )
        for name, _ in cut.paused
    ]
    resume = {
        name: Action(f"start-{short_name(name)}", "set_scaling", name, {"scaling": dict(scaling)})
        for name, scaling in cut.paused
    }
    fence = {"database": cut.database, "roles": list(cut.roles), "secret_version": cut.old_version}
    move = [
        Action(
            f"move-{short_name(m.service)}",
            "deploy_revision",
            m.service,
            {
                "revision": m.revision,
                "template": dict(m.template),
                "traffic": [{"revision": m.revision, "percent": 100, "tag": ""}],
            },
        )
        for m in cut.services
    ]
    job = [
        Action("move-job", "update_job", job.name, {"template": dict(job.template)})
        for job in ([cut.job] if cut.job else [])
    ]
    back = [
        Action(
            f"back-{short_name(m.service)}",
            "set_traffic",
            m.service,
            {
                "traffic": [{"revision": m.stable, "percent": 100, "tag": ""}],
            },
        )
        for m in cut.services
    ]
    restart = [
        Action(f"restart-{short_name(name)}", "set_scaling", name, {"scaling": dict(scaling)})
        for name, scaling in cut.paused
    ]
    return Plan(
        runbook="rollback/cut-over",
        environment=environment,
        target=cut.source,
        basis={"clone": cut.clone, "new_version": cut.new_version, "old_version": cut.old_version},
        actions=(
            Action("settings", "sql_settings", clone, {"settings": dict(cut.settings)}),
            *pause,
            Action("fence", "sql_fence", cut.source, fence),
            Action(
                "rescue",
                "sql_rescue",
                cut.source,
                {
                    "clone": cut.clone,
                    "database": cut.database,
                    "directory": directory,
                },
            ),
            Action(
                "secret",
                "add_database_url",
                cut.secret,
                {
                    "instance": cut.clone,
                    "old_version": cut.old_version,
                    "new_version": cut.new_version,
                },
            ),
            *job,
            *move,
            *(resume[m.service] for m in cut.services if m.service in resume),
        ),
        way_back=(
            *back,
            *(
                Action("back-job", "update_job", job.name, {"template": dict(job.before)})
                for job in ([cut.job] if cut.job else [])
            ),
            Action("unfence", "sql_unfence", cut.source, fence),
            *restart,
        ),
        returns_by_itself=False,
        point_of_no_return=next(
            (resume[m.service].id for m in cut.services if m.service in resume), ""
        ),
    )


def plan_traffic_back(service: ServiceState, serving: str, goal: str, *, environment: str) -> Plan:
    """Return the plan that only sends the traffic back; empty where there is no earlier one.

    Tags stay where they are.
    """
    split = service.traffic.pinned(service.latest_ready_revision)

    def whole(revision: str) -> list[dict[str, Any]]:
        return split.whole(revision).as_data()

    forth = Action("traffic", "set_traffic", service.name, {"traffic": whole(goal)})
    return Plan(
        runbook="rollback/cut-over",
        environment=environment,
        target=service.name,
        basis={"etag": service.etag, "stable": serving, "goal": goal},
        actions=() if goal == serving else (forth,),
        way_back=(Action("back", "set_traffic", service.name, {"traffic": whole(serving)}),),
    )
