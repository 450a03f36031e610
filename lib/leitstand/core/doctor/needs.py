"""What each runbook needs of Google Cloud: permissions on the project, and ways into its network.

A permission stands here when a run fails without it; one that only improves what it shows does
not. What is asked about single resources, such as secrets and buckets, stands in ``places.py``.

Names of permissions and the roles that hold them:
https://cloud.google.com/iam/docs/roles-permissions
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["NEEDS", "ROLES", "Need", "permissions_of"]


@dataclass(frozen=True)
class Need:
    """What a runbook needs.

    Attributes:
        permissions: On the project.
        database: Whether it talks to the database.
        queue: Whether it talks to Redis.
    """

    permissions: frozenset[str]
    database: bool = False
    queue: bool = False


_RUN = ("run.services.get", "run.services.list", "run.revisions.get", "run.revisions.list")
_RUN_CHANGE = (*_RUN, "run.services.update")
_JOBS = ("run.jobs.get", "run.jobs.list", "run.executions.get", "run.executions.list")
_JOBS_RUN = (*_JOBS, "run.jobs.update", "run.jobs.run", "run.jobs.runWithOverrides")
_SQL = ("cloudsql.instances.get", "cloudsql.instances.list", "cloudsql.backupRuns.list")
_SQL_CLONE = (*_SQL, "cloudsql.instances.clone", "cloudsql.instances.delete")
_METRICS = ("monitoring.timeSeries.list",)
_LOGS = ("logging.logEntries.list",)
_SECRETS = ("secretmanager.secrets.get", "secretmanager.versions.list")
_SECRETS_ADD = (*_SECRETS, "secretmanager.versions.add")
_LOOK = ("serviceusage.services.list", "resourcemanager.projects.getIamPolicy",
         "iam.serviceAccounts.list", "compute.networks.list", "logging.sinks.list")  # fmt: skip


def _need(*permissions: str, database: bool = False, queue: bool = False) -> Need:
    return Need(frozenset(permissions), database, queue)


NEEDS: Mapping[str, Need] = {
    "deviations": _need(*_RUN, *_SQL, *_LOOK),
    "end_session": _need(*_SQL, database=True),
    "incident": _need(*_RUN, *_SQL, *_METRICS, *_LOGS, database=True, queue=True),
    "litellm_quota": _need(*_RUN_CHANGE),
    "log_retention": _need("logging.buckets.get", "logging.buckets.update", "logging.sinks.list",
                           "logging.sinks.create", "logging.sinks.update"),
    "maintenance_mode": _need(*_RUN_CHANGE),
    "migrate": _need(*_RUN, *_JOBS_RUN, *_SQL, *_LOGS, "cloudsql.backupRuns.create",
                     database=True),
    "onboard_tenant": _need(*_SQL, database=True),
    "pause_queue": _need(*_RUN_CHANGE, *_METRICS, database=True, queue=True),
    "pgvector_maintenance": _need(*_SQL, database=True),
    "provision": _need(
        *_RUN_CHANGE, *_SQL, *_LOOK, "serviceusage.services.enable",
        "resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.create",
        "compute.networks.create", "cloudsql.instances.create", "redis.instances.create",
        "secretmanager.secrets.create", "run.services.create", "storage.buckets.create",
    ),
    "release": _need(*_RUN_CHANGE, *_METRICS, database=True),
    "restore_drill": _need(*_SQL_CLONE, database=True),
    "rollback": _need(*_RUN_CHANGE, *_JOBS, *_SQL_CLONE, *_SECRETS_ADD, "run.jobs.update",
                      "cloudsql.backupRuns.create", "cloudsql.instances.update",
                      database=True, queue=True),
    "rotate_secret": _need(*_RUN_CHANGE, *_SECRETS_ADD, "secretmanager.versions.disable",
                           database=True),
    "scale": _need(*_RUN_CHANGE, *_METRICS, database=True, queue=True),
    "schedules": _need(*_JOBS, "run.jobs.create", "run.jobs.update",
                       "cloudscheduler.jobs.list", "cloudscheduler.jobs.create",
                       "cloudscheduler.jobs.update"),
    "snapshot_redis": _need("redis.instances.get", "redis.instances.export",
                            "storage.buckets.get", queue=True),
    "tenant_isolation": _need(*_SQL, database=True),
}  # fmt: skip
"""By name of the runbook."""

ROLES: Mapping[str, tuple[str, str]] = {
    "run": ("roles/run.viewer", "roles/run.developer"),
    "cloudsql": ("roles/cloudsql.viewer", "roles/cloudsql.admin"),
    "monitoring": ("roles/monitoring.viewer", "roles/monitoring.viewer"),
    "logging": ("roles/logging.viewer", "roles/logging.configWriter"),
    "secretmanager": ("roles/secretmanager.viewer", "roles/secretmanager.admin"),
    "redis": ("roles/redis.viewer", "roles/redis.admin"),
    "storage": ("roles/storage.bucketViewer", "roles/storage.admin"),
    "cloudscheduler": ("roles/cloudscheduler.viewer", "roles/cloudscheduler.admin"),
    "compute": ("roles/compute.networkViewer", "roles/compute.admin"),
    "serviceusage": ("roles/serviceusage.serviceUsageViewer",
                     "roles/serviceusage.serviceUsageAdmin"),
    "resourcemanager": ("roles/iam.securityReviewer", "roles/resourcemanager.projectIamAdmin"),
    "iam": ("roles/iam.securityReviewer", "roles/iam.serviceAccountAdmin"),
}  # fmt: skip
"""By first word of a permission: the smallest role to look, and one to change."""


def permissions_of(needs: Mapping[str, Need] = NEEDS) -> tuple[str, ...]:
    """Return every permission that a runbook needs, sorted."""
    return tuple(sorted({one for need in needs.values() for one in need.permissions}))
