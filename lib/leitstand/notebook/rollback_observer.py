"""What a rollback reads of the world, and the cut-over that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.sql import CloudSql
from leitstand.core.cut_over import move_job, move_service, reads_secret
from leitstand.core.plan import Plan
from leitstand.core.recovery import CutOver, RecoveryWindow, plan_cut_over, plan_traffic_back
from leitstand.core.schema import Decision
from leitstand.core.service import RevisionState, ServiceState
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.live_schema import url_version
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["Observer", "Situation"]


@dataclass(frozen=True)
class Situation:
    """What was observed, and which way back it leaves.

    Attributes:
        service: The service that goes back.
        serving: The revision that serves now.
        goal: The revision to go back to.
        live: Schema version of the database.
        window: Times to which the instance can be recovered.
        target: Time to recover, if there is one to recover.
        decision: Which way is open.
    """

    service: ServiceState
    serving: RevisionState
    goal: RevisionState
    live: int
    window: RecoveryWindow
    target: datetime | None
    decision: Decision


class Observer:
    """Reads services, revisions, database and instances; changes nothing."""

    def __init__(self, connection: Connection, *, revision: str, rescue: Path) -> None:
        self._connection = connection
        self.environment = connection.environment
        self.cloud = CloudRun(connection)
        self.sql = CloudSql(connection)
        self.secrets = Secrets(connection)
        self.access = DatabaseAccess(connection)
        self._revision = revision
        self._rescue = rescue

    def plan_cut_over(self, situation: Situation, clone: str) -> Plan:
        """Return the plan that moves every service to the clone, or the traffic back alone."""
        if not clone:
            return plan_traffic_back(
                situation.service,
                situation.serving.name,
                situation.goal.name,
                environment=self.environment.name,
            )
        settings = self.access.settings
        newest = self.secrets.newest_version(self.access.url_secret)
        services, paused = [], []
        for name in settings.moves_with:
            full = self.environment.service_name(name)
            try:
                service = self.cloud.service(full)
            except NotFound:
                show(Notice(f"Den Dienst {name} gibt es hier nicht; er zieht nicht um.", Tone.WAIT))
                continue
            if not reads_secret(service.template, settings.url_secret):
                continue
            serving, _ = self.serving(service)
            same = serving.digest == situation.serving.digest
            goal = situation.goal
            services.append(
                move_service(
                    service,
                    serving.name,
                    secret=settings.url_secret,
                    version=str(newest + 1),
                    image=goal.image if same else "",
                    annotations=goal.schema.as_annotations() if same and goal.schema else None,
                )
            )
            paused.append((full, self.cloud.scaling(full)))
        source = self.sql.instance(self.access.instance)
        job = CloudRunJobs(self._connection).job(self.environment.job_name("migrate"))
        cut = CutOver(
            source=self.access.instance,
            clone=clone,
            database=settings.name,
            roles=tuple(settings.roles),
            secret=self.access.url_secret,
            old_version=url_version(self.access, situation.service),
            new_version=str(newest + 1),
            services=tuple(services),
            paused=tuple(reversed(paused)),
            job=move_job(
                job.name,
                job.template,
                secret=settings.url_secret,
                version=str(newest + 1),
                image=situation.goal.image,
            ),
            settings=_not_inherited(source.settings),
        )
        directory = str(self._rescue)
        return plan_cut_over(cut, environment=self.environment.name, directory=directory)

    def revisions(
        self, service: ServiceState, version: int | None
    ) -> tuple[RevisionState, RevisionState]:
        """Return the revision that serves, and the one to go back to.

        With a schema version it is the newest one that understands it; otherwise the one before.
        """
        serving, revisions = self.serving(service)
        if self._revision:
            return serving, self.cloud.revision(service.name, self._revision)
        if version is not None:
            fitting = [
                revision
                for revision in (serving, *revisions)
                if revision.ready and revision.schema and revision.schema.understands(version)
            ]
        else:
            fitting = [r for r in revisions if r.ready and r.digest != serving.digest]
        return serving, fitting[0] if fitting else serving

    def serving(self, service: ServiceState) -> tuple[RevisionState, tuple[RevisionState, ...]]:
        """Return the revision with the most traffic, and the revisions older than it."""
        percents = service.traffic.pinned(service.latest_ready_revision).serving()
        name = max(percents, key=lambda revision: percents[revision])
        revisions = self.cloud.list_revisions(service.name)
        position = next(i for i, revision in enumerate(revisions) if revision.name == name)
        return revisions[position], revisions[position + 1 :]


def _not_inherited(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a clone does not take over from its source."""
    names = ("backup_configuration", "maintenance_window", "deletion_protection_enabled")
    return {name: settings[name] for name in names if settings.get(name)}
