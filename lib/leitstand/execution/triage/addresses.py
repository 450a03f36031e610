"""Where the database and Redis are, and how to log in there.

A URL never leaves this package: not into a signal, a reason or a journal.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitstand.cloud.errors import CloudRefused, PermissionDenied
from leitstand.cloud.glance import Glance
from leitstand.core.environment import Database, Environment
from leitstand.core.names import short_name
from leitstand.execution.triage.reasons import NothingThere
from leitstand.execution.triage.services import Estate, pinned_by

__all__ = ["administrator_url", "application_place", "instance_at", "redis_url"]

Body = Mapping[str, Any]
_REDIS = "REDIS_URL"
_QUEUE_READERS = ("worker", "web", "beat")


def application_place(
    glance: Glance, database: Database, estate: Callable[[], Estate]
) -> tuple[str, int] | None:
    """Return host and port of the database that the application works on; None unknown.

    The address that the first service reads tells: after a recovery it leads to a clone.
    """
    from leitstand.database.connection import address

    try:
        for service in database.moves_with:
            for revision in estate().serving(service):
                version = pinned_by(revision).get(database.url_secret)
                if version is not None:
                    return address(glance.secret_value(database.url_secret, version))
    except Exception:  # noqa: BLE001  # whoever asks for services or secrets is told why
        pass
    return None


def instance_at(
    place: tuple[str, int] | None, database: Database, instances: Sequence[Body]
) -> Body:
    """Return the instance at a place; where that is unknown, the one of the environment file.

    Raises:
        NothingThere: there is no such instance.
    """
    for instance in instances:
        if place is not None and _place(instance) == place:
            return instance
    for instance in instances:
        if instance["name"] == database.instance:
            return instance
    raise NothingThere(f"Die Instanz {database.instance} gibt es nicht.")


def administrator_url(glance: Glance, database: Database, place: tuple[str, int] | None) -> str:
    """Return the administrator's URL, by the newest version that can be read.

    Where the application's place is unknown, the one that the URL itself names has to do.
    """
    from leitstand.database.connection import replace_host

    secret = database.administrator_url_secret
    try:
        url = glance.secret_value(secret, "latest")
    except PermissionDenied:
        raise
    except CloudRefused:  # it is disabled, perhaps
        url = glance.secret_value(secret, _newest(glance, secret))
    return url if place is None else replace_host(url, *place)


def redis_url(glance: Glance, environment: Environment, estate: Callable[[], Estate]) -> str:
    """Return the URL of Redis as the worker reads it, or else web.

    Raises:
        NothingThere: no service reads one.
    """
    secret, version = _redis_reference(environment, estate)
    return glance.secret_value(secret, version)


def _redis_reference(environment: Environment, estate: Callable[[], Estate]) -> tuple[str, str]:
    try:
        found = estate()
        for service in _QUEUE_READERS:
            for revision in found.serving(service):
                for container in revision.get("containers", []):
                    for variable in container.get("env", []):
                        if variable["name"] == _REDIS:
                            reference = variable["valueSource"]["secretKeyRef"]
                            return short_name(reference["secret"]), str(reference["version"])
    except Exception:  # noqa: BLE001  # then the environment file has to do
        pass
    for service in _QUEUE_READERS:
        if service not in environment.services:
            continue
        for entry in environment.services[service].template.containers[0].env:
            if entry.name == _REDIS and entry.value_source is not None:
                key = entry.value_source.secret_key_ref
                return key.secret, key.version
    raise NothingThere(f"Kein Dienst liest {_REDIS}.")


def _newest(glance: Glance, secret: str) -> str:
    """Return the newest version that is enabled."""
    enabled = [
        int(short_name(version["name"]))
        for version in glance.secret_versions(secret)
        if version.get("state") == "ENABLED"
    ]
    if not enabled:
        raise CloudRefused(f"{secret} lesen", "Keine Version ist eingeschaltet.")
    return str(max(enabled))


def _place(instance: Body) -> tuple[str, int]:
    """Return host and port; only the sandbox has ports of its own."""
    host = next(
        (a["ipAddress"] for a in instance.get("ipAddresses", []) if a.get("type") == "PRIVATE"), ""
    )
    labels = instance.get("settings", {}).get("userLabels", {})
    return str(host), int(labels.get("sandbox-port", 5432))
