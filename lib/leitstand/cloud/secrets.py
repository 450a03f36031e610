"""Secrets and their versions.

A value is read only to be handed to what needs it; it never enters a plan, a journal or a view.
"""

from leitstand.cloud.checksums import crc32c
from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound, translated
from leitstand.cloud.messages import enum_name
from leitstand.core.errors import RunFailed
from leitstand.core.names import short_name
from leitstand.core.rotation.types import SecretState, Version

__all__ = ["Secrets", "ValueDamaged"]


class ValueDamaged(RunFailed):
    """What arrived is not what was stored."""

    def __init__(self, secret: str) -> None:
        super().__init__(
            f"Der Wert von {secret} ist auf dem Weg beschädigt worden.",
            "Setzen Sie den Lauf fort; bleibt es dabei, prüfen Sie das Netz.",
        )
        self.secret = secret


class Secrets:
    """Reads and adds secret versions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version_state(self, secret: str, version: str) -> str:
        """Return ``ENABLED``, ``DISABLED``, ``DESTROYED`` or ``MISSING``; read-only."""
        project = self._connection.environment.project
        name = f"projects/{project}/secrets/{secret}/versions/{version}"
        try:
            with translated(f"Version {version} von {secret} lesen"):
                found = self._connection.secrets.get_secret_version(request={"name": name})
        except NotFound:
            return "MISSING"
        return enum_name(found.state)

    def newest_version(self, secret: str) -> int:
        """Return the number of the newest version of a secret, 0 without one; read-only.

        ``secret`` is a full name, ``projects/P/secrets/S``.
        """
        with translated(f"Versionen von {short_name(secret)} auflisten"):
            found = self._connection.secrets.list_secret_versions(request={"parent": secret})
            return max((int(short_name(version.name)) for version in found), default=0)

    def secret(self, secret: str) -> SecretState:
        """Return a secret by its full name, with all its versions and no value; read-only."""
        with translated(f"Secret {short_name(secret)} lesen"):
            found = self._connection.secrets.get_secret(request={"name": secret})
            listed = list(self._connection.secrets.list_secret_versions(request={"parent": secret}))
        versions = [
            Version(int(short_name(v.name)), enum_name(v.state), v.create_time) for v in listed
        ]
        rotation = found.rotation
        period = rotation.rotation_period
        return SecretState(
            short_name(found.name),
            tuple(sorted(versions, key=lambda version: -version.number)),
            period.total_seconds() if period else None,
            rotation.next_rotation_time or None,
        )

    def newest_enabled(self, secret: str) -> int:
        """Return the number of the newest version that can be read, 0 without one; read-only.

        ``secret`` is a full name, ``projects/P/secrets/S``.
        """
        return next((version.number for version in self.secret(secret).enabled), 0)

    def set_state(self, secret: str, version: int, *, enabled: bool) -> None:
        """Enable or disable a version; its value is kept.

        ``secret`` is a full name, ``projects/P/secrets/S``.
        """
        request = {"name": f"{secret}/versions/{version}"}
        verb = "aktivieren" if enabled else "deaktivieren"
        client = self._connection.secrets
        change = client.enable_secret_version if enabled else client.disable_secret_version
        with translated(f"Version {version} von {short_name(secret)} {verb}"):
            change(request=request)

    def value(self, secret: str, version: str) -> str:
        """Return the value of a version, after its checksum was compared; read-only.

        Raises:
            ValueDamaged: the checksum does not fit.
        """
        name = f"{secret}/versions/{version}"
        with translated(f"Version {version} von {short_name(secret)} lesen"):
            found = self._connection.secrets.access_secret_version(request={"name": name})
        payload = found.payload
        self._connection.learn(payload.data.decode("utf-8", "replace"))
        if payload.data_crc32c != crc32c(payload.data):
            raise ValueDamaged(short_name(secret))
        return payload.data.decode("utf-8")

    def add_version(self, secret: str, value: str) -> str:
        """Add a version; return its number."""
        self._connection.learn(value)
        data = value.encode("utf-8")
        payload = {"data": data, "data_crc32c": crc32c(data)}
        with translated(f"Neue Version von {short_name(secret)} anlegen"):
            added = self._connection.secrets.add_secret_version(
                request={"parent": secret, "payload": payload}, retry=None
            )
        return short_name(added.name)
