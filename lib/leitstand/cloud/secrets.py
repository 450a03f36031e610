"""Secret versions; values are never read here."""

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound, translated

__all__ = ["Secrets"]


class Secrets:
    """Reads the state of secret versions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version_state(self, secret: str, version: str) -> str:
        """Return ``ENABLED``, ``DISABLED``, ``DESTROYED`` or ``MISSING``; read-only."""
        from google.cloud.secretmanager_v1 import SecretVersion

        project = self._connection.environment.project
        name = f"projects/{project}/secrets/{secret}/versions/{version}"
        try:
            with translated(f"Version {version} von {secret} lesen"):
                found = self._connection.secrets.get_secret_version(request={"name": name})
        except NotFound:
            return "MISSING"
        return SecretVersion.State(found.state).name
