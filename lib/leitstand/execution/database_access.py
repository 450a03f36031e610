"""How actions reach a database: addresses and secrets, put together where they are used.

A URL never leaves this layer: not into a plan, a journal or a view.
"""

from collections.abc import Iterator
from functools import cached_property

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.sql import CloudSql
from leitstand.core.cut_over import pinned_version
from leitstand.core.environment import Database
from leitstand.core.errors import InputError

__all__ = ["DatabaseAccess", "NoDatabase"]


class NoDatabase(InputError):
    """The environment file names no database."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"Die Umgebungsdatei von {environment} nennt keine Datenbank.",
            "Ergänzen Sie dort den Abschnitt database.",
        )


class DatabaseAccess:
    """URLs of the environment's database, for the application's role and for the administrator.

    Reads secret values and addresses of instances; changes nothing.

    Raises:
        NoDatabase: the environment file names no database.
    """

    def __init__(self, connection: Connection) -> None:
        environment = connection.environment
        if environment.database is None:
            raise NoDatabase(environment.name)
        self.settings: Database = environment.database
        self._project = environment.project
        self._secrets = Secrets(connection)
        self._sql = CloudSql(connection)
        self._run = CloudRun(connection)
        self._service_name = environment.service_name

    @cached_property
    def instance(self) -> str:
        """Full name of the instance that the application works on.

        After a recovery that is a clone, whatever the environment file names; the address that the
        first service reads tells.
        """
        from leitstand.database.connection import address

        for url in self._read_urls():
            wanted = address(url)
            for name in sorted(self._sql.instance_names(self._project)):
                state = self._sql.instance(self.instance_name(name))
                if (state.host, state.port) == wanted:
                    return state.name
        return self.instance_name(self.settings.instance)

    @property
    def database(self) -> str:
        """Full name of the application's database on that instance."""
        return f"{self.instance}/databases/{self.settings.name}"

    @property
    def current_url(self) -> str:
        """The URL with which the application's services log in now."""
        for url in self._read_urls():
            return url
        return self.application_url(str(self._secrets.newest_enabled(self.url_secret)))

    def _read_urls(self) -> Iterator[str]:
        """Yield the URL that each service reads, the first one to come back first."""
        for service in self.settings.moves_with:
            try:
                template = self._run.service(self._service_name(service)).template
            except NotFound:
                continue
            if version := pinned_version(template, self.settings.url_secret):
                yield self.application_url(version)

    @property
    def url_secret(self) -> str:
        """Full name of the secret that holds the application's URL."""
        return f"projects/{self._project}/secrets/{self.settings.url_secret}"

    def instance_name(self, instance: str) -> str:
        """Return the full name of an instance of this project."""
        return f"projects/{self._project}/instances/{instance}"

    def application_url(self, version: str) -> str:
        """Return the URL that a version of the secret holds: role, password, host, database."""
        return self._secrets.value(self.url_secret, version)

    def administrator_url(self, instance: str) -> str:
        """Return the administrator's URL for an instance, given by its full name."""
        secret = f"projects/{self._project}/secrets/{self.settings.administrator_url_secret}"
        newest = str(self._secrets.newest_enabled(secret))
        return self.pointed_at(self._secrets.value(secret, newest), instance)

    def pointed_at(self, url: str, instance: str) -> str:
        """Return the same URL with the address of an instance, given by its full name."""
        from leitstand.database.connection import replace_host

        state = self._sql.instance(instance)
        return replace_host(url, state.host, state.port)
