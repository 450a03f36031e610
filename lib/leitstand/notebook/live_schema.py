"""The schema version of the database that a service reads."""

from datetime import datetime

from leitstand.core.cut_over import pinned_version
from leitstand.core.errors import RunFailed
from leitstand.core.schema import schema_version
from leitstand.core.service import ServiceState
from leitstand.execution.database_access import DatabaseAccess

__all__ = ["live_version", "url_version"]


def url_version(access: DatabaseAccess, service: ServiceState) -> str:
    """Return the version of the URL secret that a service is pinned to.

    Raises:
        RunFailed: the service does not read the secret.
    """
    secret = access.settings.url_secret
    version = pinned_version(service.template, secret)
    if not version:
        raise RunFailed(
            f"{service.short_name} liest das Secret {secret} nicht.",
            "Prüfen Sie den Abschnitt database der Umgebungsdatei.",
        )
    return version


def live_version(
    access: DatabaseAccess, service: ServiceState, until: datetime | None = None
) -> int:
    """Return the number of the newest migration in the database that a service reads; read-only.

    Args:
        access: Addresses and secrets of the environment's database.
        service: The service.
        until: Only migrations that were applied by then count, UTC.
    """
    from leitstand.database.connection import connect
    from leitstand.database.schema import applied_migrations

    with connect(access.application_url(url_version(access, service))) as connection:
        applied = applied_migrations(connection)
    app = access.settings.schema_app
    return schema_version(
        migration.name
        for migration in applied
        if migration.app == app and (until is None or migration.applied_at <= until)
    )
