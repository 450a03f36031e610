"""Reads what the preconditions of a migration rest on. Changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from leitstand.cloud.errors import NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.registry import Registry
from leitstand.cloud.run import CloudRun
from leitstand.cloud.sql import CloudSql, InstanceState
from leitstand.core.cut_over import pinned_version, reads_secret
from leitstand.core.job import JobState
from leitstand.core.migration import ADVISORY_LOCK
from leitstand.core.migration_checks import (
    LONG_TRANSACTION,
    DatabaseReadings,
    MigrationObservation,
)
from leitstand.core.schema import schema_version
from leitstand.core.service import RevisionState
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.job_runs import marks_of
from leitstand.notebook.run import Run

__all__ = ["MigrationObserver"]

_POSTGRES = 5432


class MigrationObserver:
    """Reads image, job, database, instance and the revisions that serve."""

    def __init__(self, run: Run, image: str) -> None:
        self._run = run
        self._reference = image
        self._cloud = CloudRun(run.connection)
        self._sql = CloudSql(run.connection)
        self.jobs = CloudRunJobs(run.connection)
        self.access = DatabaseAccess(run.connection)

    @property
    def job_name(self) -> str:
        """Full name of the migrate job."""
        return self._run.environment.job_name("migrate")

    @property
    def schema_app(self) -> str:
        """App whose migrations number the schema versions."""
        return self.access.settings.schema_app

    @property
    def log_days(self) -> int:
        """For how many days the environment file wants the write-ahead log kept."""
        settings = self._run.environment.instance_settings(self.access.settings.instance)
        backups = settings.get("backup_configuration", {})
        return int(backups.get("transaction_log_retention_days", 0))

    def observe(self, watch: Callable[[str], None]) -> MigrationObservation:
        """Return everything that is known before the job is asked for its plan."""
        watch("Abbild")
        image = Registry(self._run.connection).image(self._reference)
        watch("Job")
        job = self.jobs.job(self.job_name)
        running = [e for e in self.jobs.executions(self.job_name) if not e.completed]
        watch("Instanz")
        instance = self._sql.instance(self.access.instance)
        window = self._sql.recovery_window(self.access.instance)
        watch("Dienste")
        serving = self.serving()
        watch("Datenbank")
        database = self.database()
        return MigrationObservation(
            image=image,
            job=job,
            running=tuple(e.short_name for e in running if not marks_of(e, self._run.id)),
            job_instance=self._uses(job, instance),
            serving=serving,
            version=schema_version(database.applied.get(self.schema_app, ())),
            database=database,
            settings=instance.settings,
            window=window,
            at=datetime.now(UTC),
        )

    def database(self) -> DatabaseReadings:
        """Return what the database says of itself."""
        from leitstand.database.activity import (
            blocked_sessions,
            long_transactions,
            prepared_transactions,
        )
        from leitstand.database.advisory import lock_holders
        from leitstand.database.connection import connect
        from leitstand.database.health import database_health
        from leitstand.database.schema import applied_migrations
        from leitstand.database.sizes import table_sizes

        applied: dict[str, tuple[str, ...]] = {}
        url = self.access.administrator_url(self.access.instance)
        with connect(url, autocommit=True) as connection:
            for migration in applied_migrations(connection):
                applied[migration.app] = (*applied.get(migration.app, ()), migration.name)
            return DatabaseReadings(
                applied=applied,
                health=database_health(connection),
                long=long_transactions(connection, LONG_TRANSACTION),
                prepared=prepared_transactions(connection),
                blocks=blocked_sessions(connection),
                holders=lock_holders(connection, ADVISORY_LOCK),
                sizes=table_sizes(connection),
            )

    def serving(self) -> dict[str, tuple[RevisionState, ...]]:
        """Return the revisions with traffic of every service that reads the database."""
        found = {}
        for name in self.access.settings.moves_with:
            try:
                service = self._cloud.service(self._run.environment.service_name(name))
            except NotFound:
                continue  # not every environment has every service
            if reads_secret(service.template, self.access.settings.url_secret):
                shares = service.traffic.pinned(service.latest_ready_revision).serving()
                found[name] = tuple(self._cloud.revision(service.name, r) for r in sorted(shares))
        return found

    def _uses(self, job: JobState, instance: InstanceState) -> bool:
        """Return whether the job's database lies on the instance."""
        version = pinned_version(job.template["template"], self.access.settings.url_secret)
        if not version:
            return False
        place = urlsplit(self.access.application_url(version))
        return (place.hostname, place.port or _POSTGRES) == (instance.host, instance.port)
