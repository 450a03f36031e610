"""Moves a service's template to another version of the database URL, and to another image."""

import hashlib
from collections.abc import Mapping
from typing import Any

from leitstand.core.names import short_name
from leitstand.core.recovery import Moved, MovedJob
from leitstand.core.secrets_read import secrets_read
from leitstand.core.service import ServiceState

__all__ = ["move_job", "move_service", "pinned_version", "reads_secret", "with_version"]


def pinned_version(template: Mapping[str, Any], secret: str) -> str:
    """Return the version of a secret (short name) that a template reads; empty if it does not."""
    return next((version for name, version in secrets_read(template) if name == secret), "")


def reads_secret(template: Mapping[str, Any], secret: str) -> bool:
    """Return whether a template reads this secret (short name)."""
    return bool(pinned_version(template, secret))


def with_version(template: Mapping[str, Any], secret: str, version: str) -> dict[str, Any]:
    """Return the template with every reference to ``secret`` pinned to ``version``.

    A volume that shows the newest version gets an item for the file that it shows it as.
    """
    containers = []
    for container in template.get("containers", []):
        env = [
            _pinned(variable, version) if _secret_of(variable) == secret else dict(variable)
            for variable in container.get("env", [])
        ]
        containers.append({**container, "env": env} if env else dict(container))
    changed = {**template, "containers": containers}
    if volumes := template.get("volumes"):
        changed["volumes"] = [_mounted(volume, secret, version) for volume in volumes]
    return changed


def move_service(
    service: ServiceState,
    stable: str,
    *,
    secret: str,
    version: str,
    image: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Moved:
    """Return how a service moves to another version of the secret, and to another image, if any.

    Args:
        service: The service now.
        stable: Revision that serves now, short name.
        secret: Short name of the secret.
        version: Version to pin.
        image: Image by digest; the service's own when empty.
        annotations: Annotations that belong to the image.
    """
    template = with_version(service.template, secret, version)
    if image:
        template["containers"][0]["image"] = image
        template["annotations"] = {**template.get("annotations", {}), **(annotations or {})}
    mark = hashlib.sha256(f"{secret}/{version}/{image}".encode()).hexdigest()[:8]
    revision = f"{service.short_name}-{service.generation + 1:05d}-{mark}"
    template["revision"] = revision
    return Moved(service.name, revision, template, stable)


def move_job(
    name: str, template: Mapping[str, Any], *, secret: str, version: str, image: str
) -> MovedJob:
    """Return how a job moves to another version of the secret and to the image that goes with it.

    ``template`` is the job's, which holds the one of its tasks.
    """
    task = with_version(template["template"], secret, version)
    task["containers"][0]["image"] = image
    return MovedJob(name, {**template, "template": task}, dict(template))


def _secret_of(variable: Mapping[str, Any]) -> str:
    reference = (variable.get("value_source") or {}).get("secret_key_ref") or {}
    return short_name(str(reference.get("secret", "")))


def _pinned(variable: Mapping[str, Any], version: str) -> dict[str, Any]:
    reference = dict(variable["value_source"]["secret_key_ref"])
    reference["version"] = version
    return {**variable, "value_source": {"secret_key_ref": reference}}


def _mounted(volume: Mapping[str, Any], secret: str, version: str) -> dict[str, Any]:
    source = volume.get("secret") or {}
    if short_name(str(source.get("secret", ""))) != secret:
        return dict(volume)
    items = [
        {**item, "version": version}
        # Without items the file has the secret's name: Cloud Run, SecretVolumeSource.
        for item in source.get("items") or ({"path": secret},)
    ]
    return {**volume, "secret": {**source, "items": items}}
